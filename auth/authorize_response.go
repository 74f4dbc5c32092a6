package auth

import (
	"crypto/subtle"
	"errors"
	"net/url"
)

// errForeignState means that a callback belongs to another authorization, or to
// none: it is dropped without a trace, and waiting goes on. Else any web page
// could end an authorization by opening the redirect URI.
var errForeignState = errors.New("the callback does not belong to this authorization: its state is another")

// maxAnswerText bounds what is kept of a text in an authorization response, in bytes.
const maxAnswerText = 4 << 10

// check returns the code of the authorization response query, the complete query
// of a callback. After any error but errForeignState the authorization is over,
// as it is after success.
//
// The order keeps what an attacker wrote from being acted on or shown: state
// first, then where the response comes from (RFC 9207 section 2.4), which holds
// for error responses too, and only then what it says.
func (p *pendingAuthorization) check(query url.Values) (secret, error) {
	if !hasState(query, p.State) {
		return "", errForeignState
	}
	for _, name := range []string{"iss", "error", "code"} {
		if len(query[name]) > 1 {
			return "", p.unusable("the authorization response has the parameter " + name + " more than once")
		}
	}
	if err := p.checkIssuer(query.Get("iss")); err != nil {
		return "", err
	}
	if code := query.Get("error"); code != "" {
		return "", &AccessDeniedError{Issuer: p.Issuer, Code: keep(code), Description: keep(query.Get("error_description"))}
	}
	if code := query.Get("code"); code != "" {
		return secret(code), nil
	}
	return "", p.unusable("the authorization response has neither a code nor an error")
}

// checkIssuer compares iss of a response with the issuer that the user was sent
// to, byte for byte: any normalization would be the attacker's, too. An empty
// value counts as none (RFC 6749 section 3.1). Whoever sends an iss without
// having promised one is held to it all the same.
func (p *pendingAuthorization) checkIssuer(iss string) error {
	if iss == p.Issuer || iss == "" && !p.SendsIssuer {
		return nil
	}
	return &IssuerMismatchError{Kind: "authorization response", Expected: p.Issuer, Received: keep(iss)}
}

func (p *pendingAuthorization) unusable(why string) error {
	return &InteractionError{Issuer: p.Issuer, Err: errors.New(why)}
}

// hasState reports whether query has exactly one state, which is this one. It
// takes as long for a near miss as for any other.
func hasState(query url.Values, state secret) bool {
	states := query["state"]
	return state != "" && len(states) == 1 && subtle.ConstantTimeCompare([]byte(states[0]), []byte(state)) == 1
}

func keep(text string) string { return text[:min(len(text), maxAnswerText)] }
