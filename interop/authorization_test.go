package interop_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/holdfast-mcp/mcpclient"
	"github.com/holdfast-mcp/mcpclient/auth"
	"github.com/holdfast-mcp/mcpclient/interop/internal/child"
)

// tokenLife is how long the tokens of oidc-provider are good for: short, so that a test sees them end.
const tokenLife = 2 * time.Second

// A realm is an authorization server of another maker, oidc-provider, and an MCP server of another maker, the official Go SDK's, that
// takes tokens of it alone and asks it about each.
type realm struct {
	issuer, server string
	secret         string        // of the client "machine"
	key            crypto.Signer // of the client "signing-machine"
	resource       string        // secret of the MCP server at the authorization server
}

func newRealm(ctx context.Context, t *testing.T, ports int, serves transport) *realm {
	t.Helper()
	in, err := findInstallation()
	require.NoError(t, err)
	provider, err := oidcProvider(in)
	require.NoError(t, err)
	protected, err := goServer("gosdk-server", "github.com/modelcontextprotocol/go-sdk", serves)(in)
	require.NoError(t, err)
	t.Logf("oidc-provider %s, Go SDK %s", provider.version, protected.version)

	issuing, err := child.FreePort(ctx, ports, ports+500)
	require.NoError(t, err)
	serving, err := child.FreePort(ctx, ports+500, ports+1000)
	require.NoError(t, err)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	r := &realm{
		issuer: fmt.Sprintf("http://127.0.0.1:%d", issuing), server: fmt.Sprintf("http://127.0.0.1:%d/mcp", serving),
		secret: rand.Text(), key: key, resource: rand.Text(),
	}
	env := []string{"ISSUER=" + r.issuer, "RESOURCE=" + r.server, "RESOURCE_SECRET=" + r.resource, "MACHINE_SECRET=" + r.secret,
		"MACHINE_JWK=" + publicJWK(t, &key.PublicKey), fmt.Sprintf("TOKEN_SECONDS=%d", int(tokenLife.Seconds()))}
	r.start(ctx, t, provider, env, issuing)
	r.start(ctx, t, protected, env, serving)
	return r
}

func (r *realm) start(ctx context.Context, t *testing.T, found installed, env []string, port int) {
	t.Helper()
	output := filepath.Join(t.TempDir(), "output")
	server := child.New(found.command, env, port, output)
	t.Cleanup(func() {
		require.NoError(t, server.Kill())
		if printed, err := os.ReadFile(output); err == nil && t.Failed() {
			t.Logf("the last words of %s:\n%s", filepath.Base(found.command[0]), printed[max(0, len(printed)-4000):])
		}
	})
	require.NoError(t, server.Start(ctx))
}

func publicJWK(t *testing.T, key *ecdsa.PublicKey) string {
	t.Helper()
	point, err := key.Bytes()
	require.NoError(t, err)
	half := (len(point) - 1) / 2
	encode := base64.RawURLEncoding.EncodeToString
	text, err := json.Marshal(map[string]string{"kty": "EC", "crv": "P-256", "x": encode(point[1 : 1+half]), "y": encode(point[1+half:])})
	require.NoError(t, err)
	return string(text)
}

// events counts what an authorizer did.
type events struct {
	mu    sync.Mutex
	kinds map[auth.EventKind]int
}

func (e *events) observe(event auth.Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.kinds == nil {
		e.kinds = make(map[auth.EventKind]int)
	}
	e.kinds[event.Kind]++
}

func (e *events) count(kind auth.EventKind) int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.kinds[kind]
}

func echoes(ctx context.Context, session *mcpclient.Session) error {
	result, err := session.CallTool(ctx, "echo", map[string]any{"text": "hold fast"})
	if err == nil && result.Text() != "hold fast" {
		err = fmt.Errorf("the tool says %q", result.Text())
	}
	return err
}

// afterExpiry waits until every token that exists now has ended.
func afterExpiry(ctx context.Context, t *testing.T) {
	t.Helper()
	select {
	case <-time.After(tokenLife + time.Second): // the server's clock knows only seconds
	case <-ctx.Done():
		t.Fatal(ctx.Err())
	}
}

// TestAuthorizationOfAUser: from no token at all to a tool's answer, by way of a login and a consent page; then the token expires, and is
// revoked, and the user need not know.
func TestAuthorizationOfAUser(t *testing.T) {
	for i, serves := range []transport{withSessions, stateless} {
		t.Run(string(serves), func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			r, seen, user := newRealm(ctx, t, 20000+1000*i, serves), new(events), newUser(t)
			tokens := filepath.Join(t.TempDir(), "tokens")
			store, err := auth.NewFileStore(tokens, nil)
			require.NoError(t, err)
			authorizer, err := auth.NewInteractive(auth.InteractiveConfig{
				ClientName: "mcpclient interop",
				Prompter:   &auth.LoopbackPrompter{Open: user.open, Output: t.Output()},
				Options:    auth.Options{Store: store, Observer: seen.observe},
			})
			require.NoError(t, err)
			client := &mcpclient.Client{Authorizer: authorizer}
			session, err := client.Connect(ctx, r.server)
			require.NoError(t, err)
			require.NoError(t, echoes(ctx, session))
			require.Equal(t, 1, seen.count(auth.EventPrompting))
			require.Equal(t, 1, user.agreed)
			status, err := authorizer.Status(ctx, r.server)
			require.NoError(t, err)
			require.Equal(t, r.issuer, status.Issuer)
			require.True(t, status.Refreshable)

			afterExpiry(ctx, t)
			before := seen.count(auth.EventRefreshed)
			all, allCtx := errgroup.WithContext(ctx)
			for range 50 {
				all.Go(func() error { return echoes(allCtx, session) })
			}
			require.NoError(t, all.Wait())
			require.Equal(t, before+1, seen.count(auth.EventRefreshed), "one refresh for all; a second would have ended the family of tokens")

			r.revoke(ctx, t, authorizer, status.ClientID)
			require.NoError(t, echoes(ctx, session), "with the access token oidc-provider revokes the refresh token: the user is asked again")
			require.Equal(t, 2, user.agreed)
			require.Equal(t, 1, seen.count(auth.EventRegistered), "by the client that is registered already")

			// Another process with the same store finds the token, and the user is not asked again.
			store, err = auth.NewFileStore(tokens, nil)
			require.NoError(t, err)
			again, err := auth.NewInteractive(auth.InteractiveConfig{Options: auth.Options{Store: store}})
			require.NoError(t, err)
			afterExpiry(ctx, t)
			second, err := (&mcpclient.Client{Authorizer: again}).Connect(ctx, r.server)
			require.NoError(t, err)
			require.NoError(t, echoes(ctx, second))
			require.NoError(t, second.Close())

			require.NoError(t, again.Logout(ctx, r.server))
			err = echoes(ctx, second)
			require.ErrorIs(t, err, mcpclient.ErrClosed)
			_, err = (&mcpclient.Client{Authorizer: again}).Connect(ctx, r.server)
			var required *auth.InteractionRequiredError
			require.ErrorAs(t, err, &required)
			require.ErrorIs(t, err, mcpclient.ErrUnauthorized)
			require.NoError(t, session.Close())
		})
	}
}

// revoke has the authorization server end the access token that is in use.
func (r *realm) revoke(ctx context.Context, t *testing.T, authorizer *auth.Interactive, clientID string) {
	t.Helper()
	token, err := authorizer.TokenSource(ctx, r.server).Token()
	require.NoError(t, err)
	form := url.Values{"token": {token.AccessToken}, "token_type_hint": {"access_token"}, "client_id": {clientID}}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, r.issuer+"/token/revocation", strings.NewReader(form.Encode()))
	require.NoError(t, err)
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	answer, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	require.Equal(t, http.StatusOK, answer.StatusCode)
}

// TestAuthorizationOfAMachine: client credentials, by secret and by signature, also when the token has expired.
func TestAuthorizationOfAMachine(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	r := newRealm(ctx, t, 22000, withSessions)
	for id, proof := range map[string]auth.ClientAuth{"machine": auth.ClientSecret(r.secret), "signing-machine": auth.PrivateKeyJWT(r.key)} {
		t.Run(id, func(t *testing.T) {
			seen := new(events)
			authorizer, err := auth.NewClientCredentials(auth.ClientCredentialsConfig{
				Issuer: r.issuer, ClientID: id, Auth: proof, Options: auth.Options{Observer: seen.observe},
			})
			require.NoError(t, err)
			session, err := (&mcpclient.Client{Authorizer: authorizer}).Connect(ctx, r.server)
			require.NoError(t, err)
			require.NoError(t, echoes(ctx, session))
			require.Equal(t, 1, seen.count(auth.EventAuthorized))
			afterExpiry(ctx, t)
			require.NoError(t, echoes(ctx, session))
			require.Equal(t, 2, seen.count(auth.EventAuthorized))
			require.NoError(t, session.Close())
		})
	}

	authorizer, err := auth.NewClientCredentials(auth.ClientCredentialsConfig{Issuer: r.issuer, ClientID: "machine", Auth: auth.ClientSecret("wrong")})
	require.NoError(t, err)
	_, err = (&mcpclient.Client{Authorizer: authorizer}).Connect(ctx, r.server)
	var refused *auth.TokenError
	require.ErrorAs(t, err, &refused)
	require.Equal(t, "invalid_client", refused.Code)
	require.ErrorIs(t, err, mcpclient.ErrUnauthorized)
	require.NotContains(t, err.Error(), "wrong")
}
