package auth

import (
	"context"
	"crypto"
	"encoding/base64"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"time"
)

// ClientAuth is how a client proves to a token endpoint who it is (RFC 6749
// section 2.3): [ClientSecret], [PrivateKeyJWT] or [ClientAssertion]. The zero
// value is a public client, which proves nothing. It never prints its secret,
// and it is safe for concurrent use if the key or function in it is.
type ClientAuth struct {
	// Behind a function: package fmt asks no method of a value in an unexported
	// field of somebody's struct, it prints what it finds there, and follows
	// pointers for some verbs. Into a function it cannot look. nil: public.
	proof func() *clientProof
}

// clientProof is one of a secret, a key or a function. It never changes.
type clientProof struct {
	secret    secret
	key       crypto.Signer
	keyID     string
	audience  string
	assertion func(context.Context, AssertionRequest) (string, error)
}

// AssertionRequest says what an assertion is to be for.
type AssertionRequest struct {
	Issuer        string // the authorization server's issuer identifier
	TokenEndpoint string
	Resource      string // the MCP server, as the resource parameter names it; may be empty
	ClientID      string
}

// ClientSecret authenticates with a secret that client and authorization server
// share (RFC 6749 section 2.3.1). In which of the two ways it is sent follows
// from the registration and from what the authorization server lists. An empty
// value makes a public client.
func ClientSecret(value string) ClientAuth {
	if value == "" {
		return ClientAuth{}
	}
	return authWith(&clientProof{secret: secret(value)})
}

func authWith(proof *clientProof) ClientAuth {
	return ClientAuth{proof: func() *clientProof { return proof }}
}

// isPublic reports whether there is nothing to prove the client's identity with.
func (a ClientAuth) isPublic() bool { return a.proof == nil }

// String tells the kind of proof, without the proof.
func (a ClientAuth) String() string {
	switch {
	case a.isPublic():
		return "public client"
	case a.proof().secret != "":
		return "client secret " + redacted
	case a.proof().key != nil:
		return "private key " + redacted
	default:
		return "client assertion " + redacted
	}
}

// GoString is [ClientAuth.String].
func (a ClientAuth) GoString() string { return a.String() }

// Format prints what [ClientAuth.String] returns, whatever the verb.
func (a ClientAuth) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(a.String())) }

// LogValue is [ClientAuth.String].
func (a ClientAuth) LogValue() slog.Value { return slog.StringValue(a.String()) }

// identity is a client as one authorization server knows it.
type identity struct {
	clientID string
	auth     ClientAuth
	method   string // token_endpoint_auth_method as registered; "": not said
	origin   identityOrigin
}

// identityOrigin is how the client came by its identity.
type identityOrigin string

const (
	preRegistered identityOrigin = "registered" // named in the configuration
	metadataURL   identityOrigin = "document"   // a client ID metadata document
	dynamic       identityOrigin = "dynamic"    // RFC 7591
)

// The methods of client authentication that we speak, as the registry of OAuth
// parameters names them.
const (
	methodNone   = "none"
	methodBasic  = "client_secret_basic"
	methodPost   = "client_secret_post"
	methodKeyJWT = "private_key_jwt"
)

// methodAt chooses how to authenticate to an endpoint that lists methods. What
// was registered holds as long as the list allows it: where the two differ, the
// list is what the endpoint goes by. No list means client_secret_basic (RFC 8414
// section 2). A list that allows nothing of what we hold is not believed: such
// lists are often incomplete, and what is sent is for this server anyway.
func (i identity) methodAt(listed []string) string {
	able := i.auth.methods()
	allowed := func(method string) bool { return len(listed) == 0 || slices.Contains(listed, method) }
	if slices.Contains(able, i.method) && allowed(i.method) {
		return i.method
	}
	if first := slices.IndexFunc(able, allowed); first >= 0 {
		return able[first]
	}
	return able[0]
}

// methods are the ways in which the client can authenticate, best first. "none"
// comes last: to send less than one holds is the way out for a server that lists
// nothing else.
func (a ClientAuth) methods() []string {
	switch {
	case a.isPublic():
		return []string{methodNone}
	case a.proof().secret != "":
		return []string{methodBasic, methodPost, methodNone}
	default:
		return []string{methodKeyJWT, methodNone}
	}
}

// authenticate adds the client's identity, and the proof of it, to a request in
// one way only: a request that authenticates twice is invalid (RFC 6749 section
// 2.3).
func (i identity) authenticate(ctx context.Context, at tokenEndpoint, resource string, now time.Time, header http.Header, form url.Values) error {
	method := i.methodAt(at.authMethods)
	if method == methodBasic {
		// Both halves are form-encoded before they are joined (RFC 6749 section
		// 2.3.1): a colon in the id would else end it.
		pair := url.QueryEscape(i.clientID) + ":" + url.QueryEscape(string(i.auth.proof().secret))
		header.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(pair)))
		form.Del("client_id")
		return nil
	}
	if i.clientID != "" {
		form.Set("client_id", i.clientID)
	}
	switch method {
	case methodPost:
		form.Set("client_secret", string(i.auth.proof().secret))
	case methodKeyJWT:
		assertion, err := i.assert(ctx, at, resource, now)
		if err != nil {
			return err
		}
		form.Set("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
		form.Set("client_assertion", string(assertion))
	}
	return nil
}
