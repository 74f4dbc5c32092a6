package auth

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var pendingStart = time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)

func parsedURL(t *testing.T, raw string) *url.URL {
	t.Helper()
	at, err := url.Parse(raw)
	require.NoError(t, err)
	return at
}

func pendingFor(t *testing.T) (*pendingAuthorization, *grantRequest) {
	t.Helper()
	request := &grantRequest{
		server:   parsedURL(t, "https://mcp.example/mcp"),
		resource: &protectedResource{resource: "https://mcp.example/mcp", legacy: true},
		as: &authServer{
			issuer: "https://as.example", sendsIssuer: true,
			authorization: parsedURL(t, "https://as.example/authorize"), token: parsedURL(t, "https://as.example/token"), revocation: parsedURL(t, "https://as.example/revoke"),
			authMethods: []string{"none"}, signingAlgs: []string{"ES256"},
		},
		scopes: []string{"a", "b"},
	}
	return newPending(request, identity{clientID: "client", origin: dynamic}, "http://127.0.0.1:1234/callback", pendingStart), request
}

func TestPendingHoldsWhatWasKnownWhenTheUserLeft(t *testing.T) {
	p, request := pendingFor(t)
	state, verifier := p.State, p.Verifier
	require.GreaterOrEqual(t, len(state), 26, "26 characters of base32 are 130 bits")
	require.GreaterOrEqual(t, len(verifier), 43)

	request.scopes[0], request.as.authMethods[0], request.as.signingAlgs[0] = "changed", "changed", "changed"
	require.Equal(t, &pendingAuthorization{
		V: 1, State: state, Verifier: verifier, SendsIssuer: true, Server: "https://mcp.example/mcp",
		RedirectURI: "http://127.0.0.1:1234/callback", CreatedAt: pendingStart, ExpiresAt: pendingStart.Add(10 * time.Minute),
		issuance: issuance{
			Issuer: "https://as.example", Resource: "https://mcp.example/mcp", ClientID: "client", Origin: "dynamic", Requested: []string{"a", "b"}, Legacy: true,
			TokenEndpoint: "https://as.example/token", AuthMethods: []string{"none"}, SigningAlgs: []string{"ES256"}, Revocation: "https://as.example/revoke",
		},
	}, p)

	endpoint, err := p.endpoint(newFetcher(HTTPPolicy{}), request.server)
	require.NoError(t, err)
	require.Equal(t, tokenEndpoint{issuer: "https://as.example", url: parsedURL(t, "https://as.example/token"), authMethods: []string{"none"}, signingAlgs: []string{"ES256"}}, endpoint)

	again, _ := pendingFor(t)
	require.NotEqual(t, string(state), string(again.State))
	require.NotEqual(t, string(verifier), string(again.Verifier))
}

func TestPendingExpires(t *testing.T) {
	p, _ := pendingFor(t)
	require.NoError(t, p.expired(p.ExpiresAt.Add(-time.Nanosecond)))
	err := p.expired(p.ExpiresAt)
	require.ErrorIs(t, err, ErrAuthorization)
	require.ErrorContains(t, err, "2026-11-30T12:10:00Z")
}

func TestPendingGoesThroughJSON(t *testing.T) {
	p, _ := pendingFor(t)
	p.Profile, p.KeyID = "alice", "thumbprint"
	text, err := json.Marshal(map[string]Pending{"p": pendingOf(p)})
	require.NoError(t, err)
	var read map[string]Pending
	require.NoError(t, json.Unmarshal(text, &read))
	require.Equal(t, p, read["p"].authorization())
	require.Equal(t, p.ExpiresAt, read["p"].ExpiresAt())
	require.True(t, read["p"].Matches(url.Values{"state": {string(p.State)}}))
	require.False(t, read["p"].Matches(url.Values{"state": {"another"}}))
}

func TestPendingRefusesWhatItCannotComplete(t *testing.T) {
	p, _ := pendingFor(t)
	whole, err := pendingOf(p).MarshalJSON()
	require.NoError(t, err)
	without := func(name string, value any) string {
		var fields map[string]any
		require.NoError(t, json.Unmarshal(whole, &fields))
		fields[name] = value
		text, err := json.Marshal(fields)
		require.NoError(t, err)
		return string(text)
	}
	for name, text := range map[string]string{
		"no object":         `"` + string(p.State) + `"`,
		"wrong type":        without("requested", string(p.Verifier)),
		"no time":           without("created_at", string(p.State)),
		"empty":             `{}`,
		"other version":     without("v", 2),
		"no state":          without("state", ""),
		"no verifier":       without("verifier", ""),
		"no issuer":         without("issuer", ""),
		"no server":         without("server", ""),
		"no client":         without("client_id", ""),
		"no redirect URI":   without("redirect_uri", ""),
		"no token endpoint": without("token_endpoint", ""),
		"no URL":            without("token_endpoint", "//:%"),
		"no end":            without("expires_at", time.Time{}),
		"too large":         without("profile", strings.Repeat("x", maxPending)),
	} {
		t.Run(name, func(t *testing.T) {
			var read Pending
			err := json.Unmarshal([]byte(text), &read)
			require.Error(t, err)
			require.NotContains(t, err.Error(), string(p.State))
			require.NotContains(t, err.Error(), string(p.Verifier))
			require.Nil(t, read.authorization())
		})
	}
}

func TestZeroPendingIsNone(t *testing.T) {
	var none Pending
	require.False(t, none.Matches(url.Values{"state": {""}}))
	require.True(t, none.ExpiresAt().IsZero())
	_, err := json.Marshal(none)
	require.Error(t, err)
}

func TestPendingShowsNoSecret(t *testing.T) {
	p, _ := pendingFor(t)
	pending := pendingOf(p)
	type holder struct {
		hidden Pending
		Shown  Pending
	}
	for _, value := range []any{p, *p, pending, pending.reveal, &pending, holder{hidden: pending, Shown: pending}, &holder{hidden: pending, Shown: pending}, []Pending{pending}} {
		var logged bytes.Buffer
		slog.New(slog.NewTextHandler(&logged, nil)).Info("x", "p", value)
		for _, text := range []string{fmt.Sprint(value), fmt.Sprintf("%v %+v %#v %s %q %x %d", value, value, value, value, value, value, value), logged.String()} {
			for _, bare := range []secret{p.State, p.Verifier} {
				require.NotContains(t, text, string(bare))
				require.NotContains(t, text, fmt.Sprintf("%x", string(bare)))
			}
		}
	}
}

func FuzzPending(f *testing.F) {
	f.Add([]byte(`{"v":1,"state":"s","verifier":"v","issuer":"i","server":"m","redirect_uri":"r","client_id":"c","expires_at":"2026-01-01T00:00:00Z","token_endpoint":"https://as.example/token"}`))
	f.Add([]byte(`{"v":1}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var read, again Pending
		if json.Unmarshal(data, &read) != nil {
			return
		}
		require.NotEmpty(t, read.authorization().State)
		text, err := json.Marshal(read)
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(text, &again))
		rewritten, err := json.Marshal(again) // a time may be read as UTC or as local, which are the same to users
		require.NoError(t, err)
		require.Equal(t, string(text), string(rewritten))
	})
}
