package auth

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"sync"
	"time"
)

// engine is what all authorizers with a grant have in common: it attaches
// tokens, and when a server refuses one it discovers, refreshes, asks the grant
// for another and stores it, once for all requests that wait for it. Safe for
// concurrent use.
type engine struct {
	grant    grant
	records  *records
	discover *discoverer
	tokens   *tokenClient
	options  engineOptions
	keys     keyRing
	nonces   nonceMemory // of MCP servers

	mu    sync.Mutex
	sites map[string]*site // by URL of the MCP server
}

// engineOptions are the settings that the authorizers share.
type engineOptions struct {
	store      Store // nil: in memory
	profile    string
	http       HTTPPolicy
	policy     Policy
	scopes     []string                // where neither the server nor its metadata names any
	filter     func([]string) []string // has the last word on the scopes
	refresh    bool                    // ask for refresh tokens
	key        *dpopKey                // that tokens are to be bound to; nil: none, unless a server insists
	bound      bool                    // and must be
	observe    func(Event)
	extensions []string
}

func newEngine(g grant, o engineOptions) *engine {
	fetch := newFetcher(o.http)
	if o.store == nil {
		o.store = new(MemoryStore)
	}
	if o.observe == nil {
		o.observe = func(Event) {}
	}
	return &engine{
		grant:    g,
		records:  &records{store: o.store, profile: o.profile},
		discover: newDiscoverer(fetch, o.policy),
		tokens:   newTokenClient(fetch),
		options:  o,
		keys:     keyRing{wanted: o.key != nil, required: o.bound, key: o.key},
		sites:    make(map[string]*site),
	}
}

// Authorize adds the token for server to req, refreshing it first if it is about
// to expire. Without a token it adds nothing: the server's refusal tells what to
// ask for, and where.
func (e *engine) Authorize(ctx context.Context, server *url.URL, req *http.Request) error {
	if origin(req.URL) != origin(server) {
		return &RequestError{Host: req.URL.Host, Err: errors.New("a token for " + quote(server.Host) + " is not sent to another origin")}
	}
	token, err := e.site(server).usable(ctx)
	if err != nil || token == nil {
		return err
	}
	return e.attach(req, token)
}

// attach puts token on req.
func (e *engine) attach(req *http.Request, token *tokenRecord) error {
	req.Header.Set("Authorization", token.TokenType+" "+string(token.AccessToken))
	req.Header.Del("DPoP")
	if token.TokenType != typeDPoP {
		return nil
	}
	key, err := e.keys.get()
	if err != nil {
		return err
	}
	terms := e.nonces.terms(req.URL)
	proof, err := key.proof(req.Method, req.URL, token.AccessToken, terms.nonce, e.tokens.now().Add(terms.ahead))
	if err != nil {
		return err
	}
	req.Header.Set("DPoP", proof)
	return nil
}

// Refused gets a new token where that may help: after 401, and after 403 for
// want of scope. Requests that are refused at the same time share what it takes.
func (e *engine) Refused(ctx context.Context, server *url.URL, req *http.Request, resp *http.Response) (retry bool, err error) {
	c := pickChallenge(resp.Header, e.keys.inUse())
	s := e.site(server)
	r := refusal{
		challenge: c, version: req.Header.Get("Mcp-Protocol-Version"), sent: sentToken(req),
		// A session that is being closed is no reason to trouble the user.
		quiet: req.Method == http.MethodDelete,
	}
	switch {
	case c.scheme == "dpop" && (c.wantsNonce() || c.code == "invalid_dpop_proof"):
		_, better := e.nonces.mend(req.URL, c.code, resp.Header, e.tokens.now())
		return better, nil // a better proof, that is: the token is as it was
	case c.insufficientScope():
		return s.recoverFrom(ctx, r, s.stepUp)
	case resp.StatusCode == http.StatusUnauthorized:
		return s.recoverFrom(ctx, r, s.replace)
	default:
		return false, nil
	}
}

// Responded keeps the nonces that servers hand out with any answer (RFC 9449
// section 8.2).
func (e *engine) Responded(_ *url.URL, resp *http.Response) {
	if resp.Request != nil {
		e.nonces.learn(resp.Request.URL, resp.Header)
	}
}

// Extensions returns the identifiers of the protocol's extensions that the
// authorizer makes use of, for the client to declare.
func (e *engine) Extensions() []string {
	declared := append([]string(nil), e.options.extensions...)
	if e.keys.wanted {
		declared = append(declared, extensionDPoP)
	}
	return declared
}

// Format keeps fmt from looking inside, where the secrets are.
func (e *engine) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte("authorizer")) }

// LogValue keeps log/slog from looking inside.
func (e *engine) LogValue() slog.Value { return slog.StringValue("authorizer") }

// extensionDPoP identifies a draft of an extension of the protocol.
const extensionDPoP = "io.modelcontextprotocol/auth/dpop"

// site returns what is known of server.
func (e *engine) site(server *url.URL) *site {
	key := server.String()
	e.mu.Lock()
	defer e.mu.Unlock()
	s, known := e.sites[key]
	if !known {
		s = &site{engine: e, server: copyURL(server)}
		e.sites[key] = s
	}
	return s
}

// keyRing has the one DPoP key of an authorizer.
type keyRing struct {
	wanted   bool // by the application: tokens are bound to the key where that can be
	required bool // tokens that are not bound are not taken

	mu  sync.Mutex
	key *dpopKey // nil: none has been needed
}

// get returns the key, making one if there is none.
func (k *keyRing) get() (*dpopKey, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.key != nil {
		return k.key, nil
	}
	key, err := newDPoPKey(nil)
	if err != nil {
		return nil, err
	}
	k.key = key
	return key, nil
}

// named returns the key with this thumbprint; "": none is needed.
func (k *keyRing) named(thumbprint string) (*dpopKey, error) {
	if thumbprint == "" {
		return nil, nil
	}
	key, err := k.get()
	if err == nil && key.thumbprint != thumbprint {
		err = &CredentialError{Source: "DPoP key", Err: errors.New("the authorization was begun with another key: set DPoP.Key to one that lasts")}
	}
	return key, err
}

// inUse reports whether tokens may be bound to the key.
func (k *keyRing) inUse() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.key != nil
}

// expiresSoon reports whether a token should be refreshed before it is used: its
// time is nearly over, but at least half of it has been used.
func (r *tokenRecord) expiresSoon(now time.Time) bool {
	if r.ExpiresAt.IsZero() {
		return false
	}
	lifetime := r.ExpiresAt.Sub(r.IssuedAt)
	margin := max(10*time.Second, min(5*time.Minute, lifetime/10))
	return !now.Add(min(margin, lifetime/2)).Before(r.ExpiresAt)
}
