package auth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// faultyStore is a MemoryStore with a hook before each operation, and no Locker.
type faultyStore struct {
	memory MemoryStore
	before func(op, key string) error
}

func (s *faultyStore) hook(op, key string) error {
	if s.before == nil {
		return nil
	}
	return s.before(op, key)
}

func (s *faultyStore) Load(ctx context.Context, key string) (value []byte, version uint64, err error) {
	if err := s.hook("load", key); err != nil {
		return nil, 0, err
	}
	return s.memory.Load(ctx, key)
}

func (s *faultyStore) Save(ctx context.Context, key string, value []byte, version uint64) (uint64, error) {
	if err := s.hook("save", key); err != nil {
		return 0, err
	}
	return s.memory.Save(ctx, key, value, version)
}

func (s *faultyStore) Delete(ctx context.Context, key string, version uint64) error {
	if err := s.hook("delete", key); err != nil {
		return err
	}
	return s.memory.Delete(ctx, key, version)
}

const recordedServer = "https://mcp.example/mcp"

func testToken(access string) *tokenRecord {
	return &tokenRecord{
		V: recordVersion, issuance: issuance{
			Issuer: "https://as.example", Resource: recordedServer, ClientID: "client",
			Requested: []string{"a"}, TokenEndpoint: "https://as.example/token",
		},
		AccessToken: secret(access), TokenType: "Bearer", RefreshToken: "refresh", IssuedAt: time.Unix(1, 0).UTC(),
	}
}

func isStoreError(t *testing.T, err error, op string) {
	t.Helper()
	stored, ok := errors.AsType[*StoreError](err)
	require.True(t, ok, "%v", err)
	require.Equal(t, op, stored.Op)
	require.ErrorIs(t, err, ErrAuthorization)
	require.Equal(t, 1, strings.Count(err.Error(), "token store:"), "wrapped once")
}

func TestRecordsKeepTheTokenOfAServer(t *testing.T) {
	ctx, store := t.Context(), new(MemoryStore)
	rs := &records{store: store}
	none, version, err := rs.token(ctx, recordedServer)
	require.NoError(t, err)
	require.Nil(t, none)
	require.Zero(t, version)

	first := testToken("one")
	v1, err := rs.saveToken(ctx, recordedServer, first, 0)
	require.NoError(t, err)
	got, version, err := rs.token(ctx, recordedServer)
	require.NoError(t, err)
	require.Equal(t, first, got)
	require.Equal(t, v1, version)

	v2, err := rs.saveToken(ctx, recordedServer, testToken("two"), v1)
	require.NoError(t, err)
	_, err = rs.saveToken(ctx, recordedServer, testToken("late"), v1)
	isStoreError(t, err, "save")
	require.ErrorIs(t, err, ErrConflict)
	got, version, err = rs.token(ctx, recordedServer)
	require.NoError(t, err)
	require.Equal(t, secret("two"), got.AccessToken)
	require.Equal(t, v2, version)

	// The same resource under another URL.
	other, version, err := rs.tokenFor(ctx, first.Issuer, first.Resource, first.ClientID)
	require.NoError(t, err)
	require.Equal(t, got, other)
	require.Equal(t, v2, version)
	v3, err := rs.saveToken(ctx, recordedServer+"/", testToken("three"), 0)
	require.NoError(t, err, "a new grant is for nobody too late")
	got, version, err = rs.token(ctx, recordedServer)
	require.NoError(t, err)
	require.Equal(t, secret("three"), got.AccessToken)
	require.Equal(t, v3, version)
	v4, err := rs.saveToken(ctx, recordedServer+"/?third", testToken("four"), v3)
	require.NoError(t, err)
	got, _, err = rs.token(ctx, recordedServer+"/?third")
	require.NoError(t, err)
	require.Equal(t, secret("four"), got.AccessToken, "a refresh makes a pointer where there is none")

	require.ErrorIs(t, rs.dropToken(ctx, recordedServer+"/", got, v3), ErrConflict)
	require.NoError(t, rs.dropToken(ctx, recordedServer, got, v4))
	for _, server := range []string{recordedServer, recordedServer + "/", recordedServer + "/?third"} {
		none, version, err = rs.token(ctx, server)
		require.NoError(t, err)
		require.Nil(t, none)
		require.Zero(t, version)
	}
	_, version, err = store.Load(ctx, rs.serverKey(recordedServer))
	require.NoError(t, err)
	require.Zero(t, version, "the pointer goes with its token")

	for key := range store.values {
		require.NotContains(t, key, "example", "keys show nothing")
	}
}

func TestRecordsOfOtherProfilesIssuersAndClientsAreOthers(t *testing.T) {
	ctx, store := t.Context(), new(MemoryStore)
	ann, bob := &records{store: store, profile: "ann"}, &records{store: store, profile: "bob"}
	_, err := ann.saveToken(ctx, recordedServer, testToken("anns"), 0)
	require.NoError(t, err)
	got, _, err := bob.token(ctx, recordedServer)
	require.NoError(t, err)
	require.Nil(t, got)
	moved := testToken("moved")
	moved.Issuer = "https://new.example"
	_, err = ann.saveToken(ctx, recordedServer, moved, 0)
	require.NoError(t, err)
	got, _, err = ann.token(ctx, recordedServer)
	require.NoError(t, err)
	require.Equal(t, "https://new.example", got.Issuer)
	require.Equal(t, "ann", got.Profile)

	// The old one is dropped by what it is, and the pointer to the new one stays.
	old, version, err := ann.tokenFor(ctx, "https://as.example", recordedServer, "client")
	require.NoError(t, err)
	require.Equal(t, secret("anns"), old.AccessToken)
	require.NoError(t, ann.dropToken(ctx, recordedServer, old, version))
	got, _, err = ann.token(ctx, recordedServer)
	require.NoError(t, err)
	require.Equal(t, secret("moved"), got.AccessToken)

	require.NotEqual(t, recordKey("token", "ab", "c"), recordKey("token", "a", "bc"))
	require.NotEqual(t, recordKey("token", "a", ""), recordKey("token", "", "a"))
	require.NotEqual(t, recordKey("token", "1:a"), recordKey("token", "", "a"))
}

func TestRecordsSurviveACrashBetweenTokenAndPointer(t *testing.T) {
	ctx, store := t.Context(), new(faultyStore)
	rs := &records{store: store}
	crash := errors.New("crash")
	store.before = func(op, key string) error {
		if op == "save" && strings.HasPrefix(key, "server:") {
			return crash
		}
		return nil
	}
	_, err := rs.saveToken(ctx, recordedServer, testToken("one"), 0)
	isStoreError(t, err, "save")
	require.ErrorIs(t, err, crash)
	store.before = nil
	got, _, err := rs.token(ctx, recordedServer)
	require.NoError(t, err)
	require.Nil(t, got)
	_, err = rs.saveToken(ctx, recordedServer, testToken("two"), 0)
	require.NoError(t, err)
	got, version, err := rs.token(ctx, recordedServer)
	require.NoError(t, err)
	require.Equal(t, secret("two"), got.AccessToken)

	// And in the middle of dropping: the pointer leads to nothing.
	store.before = func(op, key string) error {
		if op == "delete" && strings.HasPrefix(key, "server:") {
			return crash
		}
		return nil
	}
	err = rs.dropToken(ctx, recordedServer, got, version)
	isStoreError(t, err, "delete")
	store.before = nil
	got, version, err = rs.token(ctx, recordedServer)
	require.NoError(t, err)
	require.Nil(t, got)
	require.Zero(t, version)
}

func TestDroppingATokenLeavesTheOneThatCameMeanwhile(t *testing.T) {
	ctx, store := t.Context(), new(faultyStore)
	mine, theirs := &records{store: store}, &records{store: &store.memory}
	version, err := mine.saveToken(ctx, recordedServer, testToken("one"), 0)
	require.NoError(t, err)
	store.before = func(op, key string) error {
		if op == "delete" && strings.HasPrefix(key, "server:") { // the token is gone by now
			store.before = nil
			_, err := theirs.saveToken(ctx, recordedServer, testToken("two"), 0)
			return err
		}
		return nil
	}
	require.NoError(t, mine.dropToken(ctx, recordedServer, testToken("one"), version))
	got, _, err := mine.token(ctx, recordedServer)
	require.NoError(t, err)
	require.NotNil(t, got)
	require.Equal(t, secret("two"), got.AccessToken)
}

func TestRecordsRefuseWhatIsNotTheirs(t *testing.T) {
	ctx := t.Context()
	rs := &records{store: new(MemoryStore), profile: "ann"}
	token := testToken("hunter2")
	key := rs.tokenKey(token.Issuer, token.Resource, token.ClientID)
	_, err := rs.saveToken(ctx, recordedServer, token, 0)
	require.NoError(t, err)
	good, _, err := rs.store.Load(ctx, key)
	require.NoError(t, err)

	overwrite := func(key string, value string) {
		_, version, err := rs.store.Load(ctx, key)
		require.NoError(t, err)
		_, err = rs.store.Save(ctx, key, []byte(value), version)
		require.NoError(t, err)
	}
	for value, says := range map[string]string{
		"":                                   "cannot be read",
		"hunter2":                            "cannot be read",
		"null":                               "cannot be read",
		`"hunter2"`:                          "cannot be read",
		`{}`:                                 "cannot be read",
		`{"v":"hunter"}`:                     "cannot be read",
		`{"v":2,"issuer":{"url":"hunter2"}}`: "format 2",
		strings.Replace(string(good), `"1970-`, `"hunter2-`, 1):                    "cannot be read",
		string(good) + "hunter2":                                                   "cannot be read",
		strings.Replace(string(good), `"profile":"ann"`, `"profile":"bob"`, 1):     "copied",
		strings.Replace(string(good), `"https://as.`, `"https://evil.`, 1):         "copied",
		strings.Replace(string(good), recordedServer, recordedServer+"2", 1):       "copied",
		strings.Replace(string(good), `"client_id":"client"`, `"client_id":""`, 1): "copied",
	} {
		overwrite(key, value)
		_, _, err := rs.token(ctx, recordedServer)
		isStoreError(t, err, "load")
		require.ErrorContains(t, err, says, "%s", value)
		require.ErrorContains(t, err, key)
		require.NotContains(t, fmt.Sprintf("%+v", err), "hunter")
		kept, _, err := rs.store.Load(ctx, key)
		require.NoError(t, err)
		require.Equal(t, value, string(kept))
	}
	overwrite(key, string(good))
	pointer, _, err := rs.store.Load(ctx, rs.serverKey(recordedServer))
	require.NoError(t, err)
	_, err = rs.store.Save(ctx, rs.serverKey("https://mcp.example/victim"), pointer, 0)
	require.NoError(t, err)
	_, _, err = rs.token(ctx, "https://mcp.example/victim")
	require.ErrorContains(t, err, "copied")
}

func TestRecordsKeepRegistrations(t *testing.T) {
	ctx, store := t.Context(), new(faultyStore)
	rs := &records{store: store, profile: "ann"}
	const issuer = "https://as.example"
	got, version, err := rs.loadRegistration(ctx, issuer)
	require.NoError(t, err)
	require.Nil(t, got)
	require.Zero(t, version)

	r := &registrationRecord{Issuer: issuer, ClientID: "one", ClientSecret: "s", SecretExpiresAt: time.Unix(9, 0).UTC(), RedirectURI: "http://127.0.0.1:1/cb"}
	v1, err := rs.saveRegistration(ctx, r, 0)
	require.NoError(t, err)
	require.Zero(t, r.V, "the caller's stays as it is")
	got, version, err = rs.loadRegistration(ctx, issuer)
	require.NoError(t, err)
	require.Equal(t, v1, version)
	require.Equal(t, "ann", got.Profile)
	require.Equal(t, secret("s"), got.ClientSecret)
	require.Equal(t, r.SecretExpiresAt, got.SecretExpiresAt)
	_, err = rs.saveRegistration(ctx, r, 0)
	isStoreError(t, err, "save")
	require.ErrorIs(t, err, ErrConflict)

	require.NoError(t, rs.dropRegistration(ctx, issuer, "another"))
	require.NoError(t, rs.dropRegistration(ctx, "https://other.example", "one"))
	got, _, err = rs.loadRegistration(ctx, issuer)
	require.NoError(t, err)
	require.NotNil(t, got)

	// Somebody registers anew while the old client is dropped.
	store.before = func(op, _ string) error {
		if op != "delete" {
			return nil
		}
		store.before = nil
		_, err := rs.saveRegistration(ctx, &registrationRecord{Issuer: issuer, ClientID: "two"}, v1)
		return err
	}
	require.NoError(t, rs.dropRegistration(ctx, issuer, "one"))
	got, _, err = rs.loadRegistration(ctx, issuer)
	require.NoError(t, err)
	require.Equal(t, "two", got.ClientID)
	require.NoError(t, rs.dropRegistration(ctx, issuer, "two"))
	got, _, err = rs.loadRegistration(ctx, issuer)
	require.NoError(t, err)
	require.Nil(t, got)
}

func TestRecordsLock(t *testing.T) {
	for name, store := range map[string]Store{"a locker": new(MemoryStore), "no locker": new(faultyStore)} {
		t.Run(name, func(t *testing.T) {
			rs := &records{store: store}
			unlock, err := rs.lock(t.Context(), testToken(""))
			require.NoError(t, err)
			other := testToken("")
			other.ClientID = "other"
			unlockOther, err := rs.lock(t.Context(), other)
			require.NoError(t, err)
			unlockOther()
			ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
			defer cancel()
			_, err = rs.lock(ctx, testToken("of the same key"))
			isStoreError(t, err, "lock")
			require.ErrorIs(t, err, context.DeadlineExceeded)
			unlock()
			unlock, err = rs.lock(t.Context(), testToken(""))
			require.NoError(t, err)
			unlock()
			require.Empty(t, rs.local.locks, "locks pile up")
		})
	}
}

func TestRecordsReportWhatTheStoreReports(t *testing.T) {
	ctx := t.Context()
	broken := errors.New("database is on fire")
	for _, cause := range []error{broken, context.Canceled, ErrConflict} {
		for _, op := range []string{"load", "save", "delete"} {
			store := new(faultyStore)
			rs := &records{store: store}
			version, err := rs.saveToken(ctx, recordedServer, testToken("x"), 0)
			require.NoError(t, err)
			_, err = rs.saveRegistration(ctx, &registrationRecord{Issuer: "i", ClientID: "c"}, 0)
			require.NoError(t, err)
			store.before = func(does, _ string) error {
				if does == op {
					return cause
				}
				return nil
			}
			var errs []error
			add := func(err error) { errs = append(errs, err) }
			switch op {
			case "load":
				_, _, err = rs.token(ctx, recordedServer)
				add(err)
				_, _, err = rs.loadRegistration(ctx, "i")
				add(err)
				add(rs.dropToken(ctx, recordedServer, testToken("x"), version))
				add(rs.dropRegistration(ctx, "i", "c"))
				_, err = rs.saveToken(ctx, recordedServer, testToken("x"), 0)
				add(err)
			case "save":
				_, err = rs.saveToken(ctx, recordedServer, testToken("x"), version)
				add(err)
				_, err = rs.saveToken(ctx, recordedServer, testToken("x"), 0) // a store that always conflicts ends, too
				add(err)
				_, err = rs.saveRegistration(ctx, &registrationRecord{Issuer: "j"}, 0)
				add(err)
			case "delete":
				add(rs.dropToken(ctx, recordedServer, testToken("x"), version))
				add(rs.dropRegistration(ctx, "i", "c"))
			}
			for _, err := range errs {
				isStoreError(t, err, op)
				require.ErrorIs(t, err, cause)
			}
		}
	}
}

// Every secret of every record shows in the store's JSON and nowhere else.
func TestRecordsPrintNoSecrets(t *testing.T) {
	const text = "hunter2"
	for _, record := range []any{new(tokenRecord), new(pointerRecord), new(registrationRecord)} {
		value := reflect.ValueOf(record).Elem()
		secrets := 0
		for _, field := range value.Fields() {
			if field.Type() == reflect.TypeFor[secret]() {
				field.SetString(text)
				secrets++
			}
		}
		encoded, err := json.Marshal(record)
		require.NoError(t, err)
		require.Equal(t, secrets, strings.Count(string(encoded), `"`+text+`"`))
		for _, printed := range []any{record, value.Interface(), []any{record}, map[string]any{"r": value.Interface()}, struct{ R any }{value.Interface()}} {
			for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
				shown := fmt.Sprintf(verb, printed)
				require.NotContains(t, shown, text, "%T %s", record, verb)
				require.NotContains(t, shown, fmt.Sprintf("%x", text), "%T %s", record, verb)
			}
		}
	}
	rs := &records{store: new(MemoryStore)}
	_, err := rs.saveToken(t.Context(), recordedServer, testToken(text), 0)
	require.NoError(t, err)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d"} {
		shown := fmt.Sprintf(verb, rs)
		require.NotContains(t, shown, text)
		require.NotContains(t, shown, "104 117 110")
		require.NotContains(t, shown, fmt.Sprintf("%x", text))
	}
}
