package auth

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// keeperInMemory keeps registrations as a store would. before, if set, is called
// ahead of every operation and may fail it.
type keeperInMemory struct {
	before func(op string) error

	mu       sync.Mutex
	records  map[string]*registrationRecord
	versions map[string]uint64
}

func newKeeper(records ...*registrationRecord) *keeperInMemory {
	k := &keeperInMemory{records: map[string]*registrationRecord{}, versions: map[string]uint64{}}
	for _, record := range records {
		k.put(record)
	}
	return k
}

// put is another process that saves.
func (k *keeperInMemory) put(record *registrationRecord) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.records[record.Issuer] = record
	k.versions[record.Issuer]++
}

// kept is the client at testIssuer.
func (k *keeperInMemory) kept() *registrationRecord {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.records[testIssuer]
}

func (k *keeperInMemory) fault(op string) error {
	if k.before == nil {
		return nil
	}
	return k.before(op)
}

func (k *keeperInMemory) loadRegistration(_ context.Context, issuer string) (*registrationRecord, uint64, error) {
	if err := k.fault("load"); err != nil {
		return nil, 0, &StoreError{Op: "load", Err: err}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.records[issuer] == nil {
		return nil, k.versions[issuer], nil
	}
	record := *k.records[issuer]
	return &record, k.versions[issuer], nil
}

func (k *keeperInMemory) saveRegistration(_ context.Context, record *registrationRecord, version uint64) (uint64, error) {
	if err := k.fault("save"); err != nil {
		return 0, &StoreError{Op: "save", Err: err}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.versions[record.Issuer] != version {
		return 0, &StoreError{Op: "save", Err: ErrConflict}
	}
	saved := *record
	k.records[record.Issuer] = &saved
	k.versions[record.Issuer]++
	return k.versions[record.Issuer], nil
}

func (k *keeperInMemory) dropRegistration(_ context.Context, issuer, clientID string) error {
	if err := k.fault("delete"); err != nil {
		return &StoreError{Op: "delete", Err: err}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if record := k.records[issuer]; record != nil && record.ClientID == clientID {
		delete(k.records, issuer)
		k.versions[issuer]++
	}
	return nil
}

// endpoint is a registration endpoint without a network. answer gets the decoded
// request and its number, from 1.
type endpoint struct {
	answer func(request map[string]any, number int) (status int, body string)

	mu       sync.Mutex
	requests []map[string]any
	headers  []http.Header
}

func (e *endpoint) RoundTrip(request *http.Request) (*http.Response, error) {
	var metadata map[string]any
	if err := json.NewDecoder(request.Body).Decode(&metadata); err != nil {
		return nil, err
	}
	request.Body.Close()
	e.mu.Lock()
	e.requests = append(e.requests, metadata)
	e.headers = append(e.headers, request.Header)
	number := len(e.requests)
	e.mu.Unlock()
	status, body := e.answer(metadata, number)
	if status == 0 {
		return nil, errors.New("no route")
	}
	if err := request.Context().Err(); err != nil {
		return nil, err
	}
	return &http.Response{
		StatusCode: status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: request,
		Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(body)),
	}, nil
}

// answers gives one body after the other; the last one for good.
func answers(replies ...reply) func(map[string]any, int) (int, string) {
	return func(_ map[string]any, number int) (int, string) {
		r := replies[min(number, len(replies))-1]
		return r.status, r.body
	}
}

type reply struct {
	status int
	body   string
}

const testIssuer = "https://as.example/t1"

var testServer = &url.URL{Scheme: "https", Host: "mcp.example", Path: "/mcp", RawQuery: "key=geheim"}

func testAS() *authServer {
	return &authServer{issuer: testIssuer, registration: &url.URL{Scheme: "https", Host: "as.example", Path: "/register"}}
}

func testRegistrar(keeper registrationKeeper, at *endpoint) *registrar {
	return &registrar{fetch: newFetcher(HTTPPolicy{Transport: at}), keeper: keeper, now: time.Now, client: clientMetadata{name: "An App"}}
}

// requireClient compares identities, but of the proof only whether there is one:
// a ClientAuth does not show what is in it.
func requireClient(t *testing.T, want, got identity, proves bool) {
	t.Helper()
	require.Equal(t, proves, !reflect.ValueOf(got.auth).IsZero(), "whether the client proves who it is")
	got.auth = ClientAuth{}
	require.Equal(t, want, got)
}

// newClient plans and identifies, with a receiver on loopback.
func newClient(t *testing.T, r *registrar, as *authServer, receiver string, scopes ...string) (client identity, callback string, err error) {
	t.Helper()
	plan, err := r.plan(t.Context(), testServer, as)
	require.NoError(t, err)
	return plan.identify(t.Context(), receiver, scopes)
}
