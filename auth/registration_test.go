package auth

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const (
	receiver    = "http://127.0.0.1:5000/callback"
	documentURL = "https://app.example/client.json"
)

// noRequest fails the test if something is registered.
func noRequest(t *testing.T) *endpoint {
	return &endpoint{answer: func(map[string]any, int) (int, string) {
		t.Error("a client was registered")
		return 500, ""
	}}
}

func storedClient() *registrationRecord {
	return &registrationRecord{V: recordVersion, Issuer: testIssuer, ClientID: "stored", ClientSecret: "hush", Method: "client_secret_post", RedirectURI: receiver}
}

func TestPlanOrder(t *testing.T) {
	byHand := Registration{Issuer: testIssuer, ClientID: "by-hand", Auth: ClientSecret("s"), RedirectURI: "http://127.0.0.1:4000/cb"}
	elsewhere := Registration{Issuer: "https://other.example", ClientID: "other"}
	expired := storedClient()
	expired.SecretExpiresAt = time.Now().Add(-time.Second)
	for _, c := range []struct {
		name       string
		registered []Registration
		document   string
		stored     *registrationRecord
		change     func(*authServer)
		origin     identityOrigin
		hint       PromptHint
	}{
		{"by hand before all", []Registration{elsewhere, byHand}, documentURL, storedClient(), nil, preRegistered, PromptHint{RedirectURI: "http://127.0.0.1:4000/cb"}},
		{"a document before a stored registration", []Registration{elsewhere}, documentURL, storedClient(), nil, metadataURL, PromptHint{}},
		{"a stored registration if there is no document", nil, "", storedClient(), nil, dynamic, PromptHint{RedirectURI: receiver}},
		{"a stored registration if the server takes no documents", nil, documentURL, storedClient(), func(as *authServer) { as.documents = false }, dynamic, PromptHint{RedirectURI: receiver}},
		{"a stored registration of a server that registers nobody any more", nil, "", storedClient(), func(as *authServer) { as.registration = nil }, dynamic, PromptHint{RedirectURI: receiver}},
		{"a new one", []Registration{elsewhere}, "", nil, nil, dynamic, PromptHint{Registers: true}},
		{"a new one for an expired secret", nil, "", expired, nil, dynamic, PromptHint{Registers: true}},
	} {
		t.Run(c.name, func(t *testing.T) {
			keeper := newKeeper()
			if c.stored != nil {
				keeper.put(c.stored)
			}
			r := testRegistrar(keeper, noRequest(t))
			r.registered, r.documentURL = c.registered, c.document
			as := testAS()
			as.documents = true
			if c.change != nil {
				c.change(as)
			}
			plan, err := r.plan(t.Context(), testServer, as)
			require.NoError(t, err)
			require.Equal(t, c.origin, plan.origin)
			c.hint.Issuer = testIssuer
			require.Equal(t, c.hint, plan.hint())
		})
	}
}

func TestPlanWithoutAWay(t *testing.T) {
	r := testRegistrar(newKeeper(), noRequest(t))
	r.documentURL = documentURL // but the server does not take it
	as := testAS()
	as.registration = nil

	_, err := r.plan(t.Context(), testServer, as)
	unavailable, ok := errors.AsType[*RegistrationUnavailableError](err)
	require.True(t, ok, "%v", err)
	require.Equal(t, testIssuer, unavailable.Issuer)

	r.registered = []Registration{{Issuer: testIssuer + "/", ClientID: "nearly"}}
	_, err = r.plan(t.Context(), testServer, as)
	changed, ok := errors.AsType[*ServerChangedError](err)
	require.True(t, ok, "issuers are compared byte for byte: %v", err)
	require.Equal(t, &ServerChangedError{Server: "https://mcp.example/mcp", Known: []string{testIssuer + "/"}, Offered: []string{testIssuer}}, changed)
	require.ErrorIs(t, err, ErrAuthorization)
}

func TestIdentifyByHand(t *testing.T) {
	r := testRegistrar(newKeeper(), noRequest(t))
	r.registered = []Registration{{Issuer: testIssuer, ClientID: "by-hand", Auth: ClientSecret("s"), RedirectURI: "http://localhost/cb"}}

	client, callback, err := newClient(t, r, testAS(), "http://127.0.0.1:4000/cb")
	require.NoError(t, err)
	requireClient(t, identity{clientID: "by-hand", origin: preRegistered}, client, true)
	require.Equal(t, "http://localhost:4000/cb", callback)

	_, _, err = newClient(t, r, testAS(), "http://127.0.0.1:4000/other")
	refused, ok := errors.AsType[*InteractionError](err)
	require.True(t, ok, "%v", err)
	require.Equal(t, testIssuer, refused.Issuer)
	require.ErrorContains(t, err, `"http://localhost/cb"`)
}

func TestIdentifyByDocument(t *testing.T) {
	r := testRegistrar(newKeeper(), noRequest(t))
	r.documentURL = documentURL
	as := testAS()
	as.documents = true

	client, callback, err := newClient(t, r, as, receiver)
	require.NoError(t, err)
	requireClient(t, identity{clientID: documentURL, method: "none", origin: metadataURL}, client, false)
	require.Equal(t, receiver, callback)
}

func TestIdentifyByStoredRegistration(t *testing.T) {
	r := testRegistrar(newKeeper(storedClient()), noRequest(t))
	client, callback, err := newClient(t, r, testAS(), "http://127.0.0.1:6000/callback")
	require.NoError(t, err)
	requireClient(t, identity{clientID: "stored", method: "client_secret_post", origin: dynamic}, client, true)
	require.Equal(t, "http://127.0.0.1:6000/callback", callback, "another port will do")
}

func TestIdentifyRefusesRedirectURIs(t *testing.T) {
	r := testRegistrar(newKeeper(), noRequest(t))
	_, _, err := newClient(t, r, testAS(), "http://app.example/callback")
	_, ok := errors.AsType[*InteractionError](err)
	require.True(t, ok, "%v", err)
}

func TestKnown(t *testing.T) {
	r := testRegistrar(newKeeper(storedClient()), noRequest(t))
	r.registered = []Registration{{Issuer: testIssuer, ClientID: "by-hand", Auth: ClientSecret("s")}}
	r.documentURL = documentURL
	for _, c := range []struct {
		issuer, clientID string
		origin           identityOrigin
		known            bool
	}{
		{testIssuer, "by-hand", preRegistered, true},
		{testIssuer, "other", preRegistered, false},
		{"https://other.example", "by-hand", preRegistered, false},
		{testIssuer, documentURL, metadataURL, true},
		{"https://other.example", documentURL, metadataURL, true},
		{testIssuer, "https://old.example/client.json", metadataURL, false},
		{testIssuer, "stored", dynamic, true},
		{testIssuer, "older", dynamic, false},
		{"https://other.example", "stored", dynamic, false},
		{testIssuer, "by-hand", "", false},
	} {
		client, ok, err := r.known(t.Context(), &issuance{Issuer: c.issuer, ClientID: c.clientID, Origin: string(c.origin)})
		require.NoError(t, err)
		require.Equal(t, c.known, ok, "%+v", c)
		if ok {
			require.Equal(t, c.clientID, client.clientID)
			require.Equal(t, c.origin, client.origin)
		}
	}
}

func TestKnownEndsWithTheSecret(t *testing.T) {
	record := storedClient()
	record.SecretExpiresAt = time.Now().Add(time.Hour)
	r := testRegistrar(newKeeper(record), noRequest(t))
	token := &issuance{Issuer: testIssuer, ClientID: "stored", Origin: string(dynamic)}
	_, ok, err := r.known(t.Context(), token)
	require.NoError(t, err)
	require.True(t, ok)
	r.now = func() time.Time { return record.SecretExpiresAt }
	_, ok, err = r.known(t.Context(), token)
	require.NoError(t, err)
	require.False(t, ok)
}

func TestForget(t *testing.T) {
	keeper := newKeeper(storedClient())
	r := testRegistrar(keeper, &endpoint{answer: answers(reply{201, `{"client_id":"new"}`})})
	require.NoError(t, r.forget(t.Context(), testIssuer, "an older one"))
	require.NotNil(t, keeper.kept())
	require.NoError(t, r.forget(t.Context(), testIssuer, "stored"))

	plan, err := r.plan(t.Context(), testServer, testAS())
	require.NoError(t, err)
	require.True(t, plan.hint().Registers)
	client, _, err := plan.identify(t.Context(), receiver, nil)
	require.NoError(t, err)
	require.Equal(t, "new", client.clientID)
}

func TestRegistrarValidate(t *testing.T) {
	good := Registration{Issuer: testIssuer, ClientID: "c", RedirectURI: "http://127.0.0.1/cb", Auth: ClientSecret("geheim")}
	change := func(f func(*Registration)) []Registration {
		bad := good
		f(&bad)
		return []Registration{bad}
	}
	for _, c := range []struct {
		name       string
		registered []Registration
		document   string
		fault      string
	}{
		{"nothing", nil, "", ""},
		{"both", []Registration{good, {Issuer: "http://localhost:8080/realms/x", ClientID: "d"}}, documentURL, ""},
		{"no issuer", change(func(r *Registration) { r.Issuer = "" }), "", "Registered[0].Issuer is empty"},
		{"odd issuer", change(func(r *Registration) { r.Issuer = "as.example" }), "", "Registered[0].Issuer is not an issuer"},
		{"issuer with query", change(func(r *Registration) { r.Issuer += "?x" }), "", "query"},
		{"issuer with user", change(func(r *Registration) { r.Issuer = "https://u:geheim@as.example" }), "", "without user"},
		{"no id", change(func(r *Registration) { r.ClientID = "" }), "", "Registered[0].ClientID is empty"},
		{"odd id", change(func(r *Registration) { r.ClientID = "a\nb" }), "", "control character"},
		{"odd redirect URI", change(func(r *Registration) { r.RedirectURI = "http://app.example/" }), "", "neither https nor"},
		{"twice", []Registration{good, good}, "", "Registered[1].Issuer is named twice"},
		{"document", nil, "https://app.example", "no path"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := (&registrar{registered: c.registered, documentURL: c.document}).validate()
			if c.fault == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, c.fault)
			require.NotContains(t, err.Error(), "geheim")
		})
	}
}

func TestPlanFailsWithTheStore(t *testing.T) {
	keeper := newKeeper()
	keeper.before = func(string) error { return errors.New("disk") }
	_, err := testRegistrar(keeper, noRequest(t)).plan(t.Context(), testServer, testAS())
	_, ok := errors.AsType[*StoreError](err)
	require.True(t, ok, "%v", err)
}
