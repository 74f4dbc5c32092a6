package auth

import (
	"context"
	"maps"
	"net/http"
	"net/url"
	"time"
)

// tokenEndpoint is where tokens come from, and what is known of it: all that is
// needed to ask for one without a further discovery.
type tokenEndpoint struct {
	issuer      string
	url         *url.URL
	authMethods []string // token_endpoint_auth_methods_supported; nil: not said
	signingAlgs []string // token_endpoint_auth_signing_alg_values_supported
}

// tokenEndpointOf returns the token endpoint of as.
func tokenEndpointOf(as *authServer) tokenEndpoint {
	return tokenEndpoint{issuer: as.issuer, url: as.token, authMethods: as.authMethods, signingAlgs: as.signingAlgs}
}

// grantTokenExchange is the grant type of RFC 8693.
const grantTokenExchange = "urn:ietf:params:oauth:grant-type:token-exchange" //nolint:gosec // a name, no credential

// tokenClient speaks to token and revocation endpoints. It is safe for
// concurrent use.
type tokenClient struct {
	fetch  *fetcher
	now    func() time.Time
	nonces *nonceMemory // of authorization servers
}

func newTokenClient(fetch *fetcher) *tokenClient {
	return &tokenClient{fetch: fetch, now: time.Now, nonces: &nonceMemory{}}
}

// ask asks for a token. form holds the grant; resource ("": none) and the proof
// of who asks are added. With a key the token is to be bound to it; a server may
// return one of type Bearer all the same.
//
// The form is sent once: a code, a refresh token or an assertion is good for one
// use, and when an answer is lost nobody knows whether that was it. A refused
// DPoP proof is the exception, for it is checked before the grant is used: the
// form is sent again with a proof that holds the nonce, or the time, that the
// server wants, once for each of the two.
func (t *tokenClient) ask(ctx context.Context, server *url.URL, at tokenEndpoint, who identity, resource string, form url.Values, key *dpopKey) (*tokenAnswer, error) {
	request := tokenRequest{server: server, at: at, to: at.url, who: who, resource: resource, form: url.Values{}}
	maps.Copy(request.form, form)
	if resource != "" {
		request.form.Set("resource", resource)
	}
	terms := t.nonces.terms(at.url)
	mended := map[string]bool{}
	for {
		if key != nil {
			proof, err := key.proof(http.MethodPost, at.url, "", terms.nonce, t.now().Add(terms.ahead))
			if err != nil {
				return nil, err
			}
			request.proof = proof
		}
		reply, err := t.send(ctx, request)
		if err != nil {
			return nil, err
		}
		answer, refusal := reply.token(request.form, key != nil)
		if refusal == nil {
			return answer, nil
		}
		if key == nil || mended[refusal.Code] || !isClientError(refusal.StatusCode) {
			return nil, refusal
		}
		mended[refusal.Code] = true
		better, ok := t.nonces.mend(at.url, refusal.Code, reply.header, t.now())
		if !ok {
			return nil, refusal
		}
		terms = better
	}
}

// isClientError: the statuses of an error response of RFC 6749 section 5.2.
func isClientError(status int) bool {
	return status == http.StatusBadRequest || status == http.StatusUnauthorized
}

// revoke tells an authorization server that a token is not needed any more (RFC
// 7009). hint is its kind, "access_token" or "refresh_token". A token that the
// server does not know is no error.
func (t *tokenClient) revoke(ctx context.Context, server, endpoint *url.URL, at tokenEndpoint, who identity, token secret, hint string) error {
	form := url.Values{"token": {string(token)}, "token_type_hint": {hint}}
	reply, err := t.send(ctx, tokenRequest{server: server, at: at, to: endpoint, who: who, form: form})
	if err != nil {
		return err
	}
	if !reply.isSuccess() {
		return reply.refusal()
	}
	return nil
}

// tokenRequest is a request to an endpoint that the client authenticates to.
type tokenRequest struct {
	server   *url.URL
	at       tokenEndpoint
	to       *url.URL
	who      identity
	resource string
	form     url.Values // send puts the authentication in, each time anew
	proof    string     // value of the DPoP header; "": none
}

// send authenticates and sends a request once. Every call makes a client
// assertion of its own: servers take each once (RFC 7523 section 3).
func (t *tokenClient) send(ctx context.Context, r tokenRequest) (*tokenReply, error) {
	header := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}, "Accept": {"application/json"}}
	if err := r.who.authenticate(ctx, r.at, r.resource, t.now(), header, r.form); err != nil {
		return nil, err
	}
	if r.proof != "" {
		header.Set("DPoP", r.proof)
	}
	reply, err := t.fetch.post(ctx, r.server, r.to, header, []byte(r.form.Encode()))
	if err != nil {
		return nil, err
	}
	t.nonces.learn(r.to, reply.header)
	return &tokenReply{webReply: reply, host: r.to.Host, secrets: secretsOf(r.who, r.form), received: t.now()}, nil
}

// secretsOf returns the values of a form, and of the client, that must not show.
func secretsOf(who identity, form url.Values) []string {
	var secrets []string
	for _, name := range []string{
		"client_secret", "client_assertion", "assertion", "subject_token", "actor_token", "refresh_token", "code", "code_verifier", "token",
	} {
		secrets = append(secrets, form[name]...)
	}
	if !who.auth.isPublic() {
		secrets = append(secrets, string(who.auth.proof().secret)) // sent in a header
	}
	return secrets
}
