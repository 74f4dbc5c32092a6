package auth

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// tokenAnswer is a token response (RFC 6749 section 5.1).
type tokenAnswer struct {
	accessToken  secret
	tokenType    string // "Bearer" or "DPoP", as we write them; "N_A" of a token exchange
	refreshToken secret // "": none
	issuedType   string // issued_token_type (RFC 8693)
	scopes       []string
	hasScopes    bool      // the answer says which; else they are those asked for
	expiresAt    time.Time // zero: not said
}

// Format prints no token, whatever the verb.
func (a *tokenAnswer) Format(f fmt.State, _ rune) {
	_, _ = fmt.Fprintf(f, "%s token %s", a.tokenType, redacted)
}

const (
	typeBearer = "Bearer"
	typeDPoP   = "DPoP"
	typeNone   = "N_A" // RFC 8693 section 2.2.1: what was issued is no access token
)

const (
	// maxTokenLifetime bounds what a server may promise, so that no sum of times
	// overflows.
	maxTokenLifetime = 10 * 365 * 24 * time.Hour
	maxRetryAfter    = 24 * time.Hour
)

// tokenReply is what an endpoint answered to a tokenRequest.
type tokenReply struct {
	*webReply
	host     string
	secrets  []string // that were sent, and so might be repeated
	received time.Time
}

func (r *tokenReply) isSuccess() bool { return r.status >= 200 && r.status <= 299 }

// token reads a token response to form; bound: a DPoP proof was sent. A success
// is any 2xx, and an error member makes a refusal even of that: both happen.
func (r *tokenReply) token(form url.Values, bound bool) (*tokenAnswer, *TokenError) {
	members := r.members()
	if !r.isSuccess() || members.has("error") {
		return nil, r.refusal()
	}
	if members == nil {
		return nil, r.bad("the answer is not a JSON object")
	}
	answer := &tokenAnswer{
		accessToken:  secret(members.text("access_token")),
		tokenType:    knownTokenType(members.text("token_type")),
		refreshToken: secret(members.text("refresh_token")),
		issuedType:   members.text("issued_token_type"),
		expiresAt:    members.expiry(r.received),
	}
	switch {
	case answer.accessToken == "":
		return nil, r.bad("the answer holds no access_token")
	case strings.ContainsFunc(string(answer.accessToken), func(c rune) bool { return c < 0x21 || c > 0x7e }):
		return nil, r.bad("the access_token holds characters that cannot be sent")
	case answer.tokenType == "",
		answer.tokenType == typeDPoP && !bound,
		answer.tokenType == typeNone && form.Get("grant_type") != grantTokenExchange:
		return nil, r.bad("the token_type is " + quote(members.text("token_type")) + ", which was not asked for")
	}
	var scope *string
	if json.Unmarshal(members["scope"], &scope) == nil && scope != nil {
		answer.scopes, answer.hasScopes = parseScope(*scope), true
	} else {
		answer.scopes = parseScope(form.Get("scope")) // RFC 6749 section 5.1: as asked for
	}
	return answer, nil
}

// refusal is the error response of RFC 6749 section 5.2, as far as it is one.
func (r *tokenReply) refusal() *TokenError {
	members := r.members()
	refusal := r.bad(r.shown(members.text("error_description")))
	refusal.Code = r.shown(members.text("error"))
	return refusal
}

func (r *tokenReply) bad(description string) *TokenError {
	return &TokenError{Endpoint: r.host, StatusCode: r.status, Description: description, Wait: retryAfterOf(r.header, r.received)}
}

// shown takes the secrets that were sent out of a text of the server, and cuts
// it: first the one, then the other, or the half of a secret could stay.
func (r *tokenReply) shown(text string) string {
	for _, value := range r.secrets {
		// What is shorter can be guessed, and would only garble the text.
		if len(value) >= 4 {
			text = strings.ReplaceAll(text, value, redacted)
			text = strings.ReplaceAll(text, url.QueryEscape(value), redacted)
		}
	}
	return cut(text)
}

// members returns the members of the JSON object that the body is; nil: it is
// none, or more follows. The names are compared exactly.
func (r *tokenReply) members() jsonMembers {
	var members jsonMembers
	if json.Unmarshal(r.body, &members) != nil {
		return nil
	}
	return members
}

type jsonMembers map[string]json.RawMessage

// has reports whether a member says something: null and "" stand for none.
func (m jsonMembers) has(name string) bool {
	value := string(m[name])
	return value != "" && value != "null" && value != `""`
}

// text returns a string member; "" if there is none, or something else in its
// place.
func (m jsonMembers) text(name string) string {
	var text string
	if json.Unmarshal(m[name], &text) != nil {
		return ""
	}
	return text
}

// expiry reads expires_in, a number or (as some servers write it) a text that
// holds one. What cannot be understood is as good as not said: the token is
// there, its code is spent, and the MCP server will say when it has expired.
func (m jsonMembers) expiry(now time.Time) time.Time {
	number := string(m["expires_in"])
	if text := m.text("expires_in"); text != "" {
		number = text
	}
	// Out of range is an error with an infinite value, anything else one with 0.
	if seconds, _ := strconv.ParseFloat(number, 64); seconds > 0 {
		return now.Add(time.Duration(min(seconds, maxTokenLifetime.Seconds()) * float64(time.Second)))
	}
	return time.Time{}
}

// knownTokenType returns a token type as we write it, "" if it is unknown. They
// are compared without regard to case (RFC 6749 section 7.1).
func knownTokenType(text string) string {
	for _, known := range []string{typeBearer, typeDPoP, typeNone} {
		if strings.EqualFold(text, known) {
			return known
		}
	}
	return ""
}

// retryAfterOf reads Retry-After: seconds, or a date (RFC 9110 section 10.2.3).
func retryAfterOf(header http.Header, now time.Time) time.Duration {
	value := header.Get("Retry-After")
	wait := time.Duration(0)
	if seconds, err := strconv.Atoi(value); err == nil {
		wait = time.Duration(min(seconds, int(maxRetryAfter.Seconds()))) * time.Second
	} else if date, err := http.ParseTime(value); err == nil {
		wait = date.Sub(now)
	}
	return min(max(wait, 0), maxRetryAfter)
}
