package auth

import (
	"context"
	"crypto/sha256"
	"errors"
	"net/http"
	"sync"
)

// AssertionSource returns an assertion of the platform that a program runs on
// about who it is: a JSON Web Token whose audience is what r names, the issuer
// or the token endpoint, as the authorization server wants it. It is called
// whenever a token is needed, concurrently; ctx is not that of one call, because
// several may wait for the token. Its errors must not hold the assertion.
type AssertionSource func(ctx context.Context, r AssertionRequest) (string, error)

// WorkloadConfig is a program that its platform vouches for.
type WorkloadConfig struct {
	// Issuer is the authorization server that trusts the platform. Required.
	Issuer string
	// ClientID is sent along if the authorization server wants one.
	ClientID string
	// Assertion says who the program is. Required; [AssertionFile] and
	// [AssertionEnv] are two sources.
	Assertion AssertionSource

	// Options are what all flows have in common.
	Options Options
}

const (
	workloadExtension = "io.modelcontextprotocol/auth/wif"
	jwtBearer         = "urn:ietf:params:oauth:grant-type:jwt-bearer" //nolint:gosec // a name, no secret
)

// NewWorkload authorizes a program with what its platform says of it: a projected
// token of Kubernetes, a SPIFFE JWT-SVID, the identity token of a cloud. It sends
// that to the authorization server as an assertion (RFC 7523 section 2.1).
//
// An assertion that was refused for a server is not sent for it again: requests
// fail with a [*CredentialError], which wraps the [*TokenError] of the refusal,
// until Assertion returns another. No other grant is tried.
//
// Workloads that share a Store and have no ClientID need a Profile each. The
// extension, io.modelcontextprotocol/auth/wif, is a draft. An error says what is
// missing in config.
func NewWorkload(config WorkloadConfig) (*Machine, error) {
	if err := checkIssuer("WorkloadConfig.Issuer", config.Issuer); err != nil {
		return nil, err
	}
	if config.Assertion == nil {
		return nil, errors.New("WorkloadConfig.Assertion is nil: set AssertionFile, AssertionEnv or a function that returns the platform's token")
	}
	client := identity{clientID: config.ClientID, method: "none", origin: preRegistered}
	return newMachine(&workload{issuer: config.Issuer, client: client, source: config.Assertion}, config.Options, workloadExtension)
}

type workload struct {
	issuer string
	client identity
	source AssertionSource

	mu      sync.Mutex
	refused map[string]refusedAssertion // by the resource that it was sent for
}

// refusedAssertion is the newest assertion that was refused for a resource.
type refusedAssertion struct {
	digest [sha256.Size]byte
	why    *TokenError
}

// maxRefused bounds what is remembered. A resource belongs to an MCP server that
// the application chose, so there are few.
const maxRefused = 1024

const assertionSource = "workload assertion"

func (g *workload) issuers() ([]string, bool) { return []string{g.issuer}, true }

func (g *workload) needsCode() bool { return false }

func (g *workload) identity(_ context.Context, i *issuance) (client identity, known bool, err error) {
	return g.client, sameIssuer(i.Issuer, g.issuer) && i.ClientID == g.client.clientID, nil
}

func (g *workload) obtain(ctx context.Context, r *grantRequest) (*grantAnswer, error) {
	if !sameIssuer(r.as.issuer, g.issuer) {
		return nil, &IssuerMismatchError{Kind: "configuration", Expected: g.issuer, Received: r.as.issuer}
	}
	resource := r.resource.resource
	assertion, err := g.assertion(ctx, AssertionRequest{
		Issuer: r.as.issuer, TokenEndpoint: r.as.token.String(), Resource: resource, ClientID: g.client.clientID,
	})
	if err != nil {
		return nil, err
	}
	form := grantForm(jwtBearer, r.scopes)
	form.Set("assertion", assertion)
	token, err := r.tokens.ask(ctx, r.server, tokenEndpointOf(r.as), g.client, resource, form, r.key)
	if err != nil {
		g.remember(resource, assertion, err)
		return nil, err
	}
	// The platform can end the program's rights at any time only if it is asked each time.
	token.refreshToken = ""
	return &grantAnswer{token: token, client: g.client}, nil
}

// assertion asks the source for an assertion that may be sent.
func (g *workload) assertion(ctx context.Context, r AssertionRequest) (string, error) {
	assertion, err := g.source(ctx, r)
	if err != nil {
		return "", &CredentialError{Source: assertionSource, Err: withoutAnswer(err)}
	}
	if err := checkToken(assertion); err != nil {
		return "", &CredentialError{Source: assertionSource, Err: err}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if last, ok := g.refused[r.Resource]; ok && last.digest == sha256.Sum256([]byte(assertion)) {
		return "", &CredentialError{Source: assertionSource, Err: &refusedBeforeError{why: last.why}}
	}
	return assertion, nil
}

// remember keeps a refusal, so that the same assertion is not sent again. A
// failure that passes says nothing of the assertion, nor does an answer that
// cannot be read.
func (g *workload) remember(resource, assertion string, err error) {
	why, ok := errors.AsType[*TokenError](err)
	if !ok || why.Temporary() || (why.Code == "" && why.StatusCode < http.StatusBadRequest) {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.refused == nil || len(g.refused) >= maxRefused {
		g.refused = map[string]refusedAssertion{}
	}
	g.refused[resource] = refusedAssertion{digest: sha256.Sum256([]byte(assertion)), why: why}
}

// refusedBeforeError is why an assertion is not sent.
type refusedBeforeError struct{ why *TokenError }

func (e *refusedBeforeError) Error() string {
	return "it is the one that was refused before: " + e.why.Error()
}

func (e *refusedBeforeError) Unwrap() error { return e.why }
