package auth

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"time"

	"golang.org/x/oauth2"
)

const (
	pendingVersion = 1
	// pendingLife is how long the user has for the authorization.
	pendingLife = 10 * time.Minute
	// maxPending bounds the stored form of a pending authorization, in bytes.
	maxPending = 64 << 10
)

// pendingAuthorization is what must be known when the callback arrives. All of it
// is settled before the user is sent away: the issuer that the answer is
// compared with, and the token endpoint that gets code and verifier, cannot be
// exchanged in between by another discovery.
type pendingAuthorization struct {
	V int `json:"v"` // pendingVersion
	issuance

	State       secret    `json:"state"`
	Verifier    secret    `json:"verifier"`               // PKCE (RFC 7636)
	SendsIssuer bool      `json:"sends_issuer,omitempty"` // the authorization server promised iss (RFC 9207)
	Server      string    `json:"server"`
	RedirectURI string    `json:"redirect_uri"`
	CreatedAt   time.Time `json:"created_at"`
	ExpiresAt   time.Time `json:"expires_at"`
	KeyID       string    `json:"jkt,omitempty"` // thumbprint of the DPoP key
}

// newPending begins an authorization, with a state and a verifier of its own.
func newPending(r *grantRequest, client identity, redirectURI string, now time.Time) *pendingAuthorization {
	p := &pendingAuthorization{
		V:           pendingVersion,
		issuance:    r.issuanceTo(client),
		State:       secret(rand.Text()),
		Verifier:    secret(oauth2.GenerateVerifier()),
		SendsIssuer: r.as.sendsIssuer,
		Server:      r.server.String(),
		RedirectURI: redirectURI,
		CreatedAt:   now,
		ExpiresAt:   now.Add(pendingLife),
	}
	if r.key != nil {
		p.KeyID = r.key.thumbprint
	}
	return p
}

// expired returns an error if the time for the authorization is over.
func (p *pendingAuthorization) expired(now time.Time) error {
	if now.Before(p.ExpiresAt) {
		return nil
	}
	return &InteractionError{Issuer: p.Issuer, Err: errors.New("the time for the answer is over since " + p.ExpiresAt.Format(time.RFC3339))}
}

// Pending is an authorization that the user was sent away for: what a web
// application keeps between [Interactive.Begin] and [Interactive.Complete],
// which may run in another process. It is immutable, and the zero value is none.
//
// Its JSON form holds secrets and says where the code is sent. Keep it on the
// server, bound to the browser session of the user who is to authorize: a
// callback that is completed with the Pending of another session lets one user
// act with the rights of another. Use it once. Printed and logged, it shows a
// placeholder.
type Pending struct {
	// A function, since that is the one thing that fmt does not look into: it
	// calls no methods of a Pending in an unexported field of another type.
	reveal func() *pendingAuthorization // nil: none
}

func pendingOf(p *pendingAuthorization) Pending {
	return Pending{reveal: func() *pendingAuthorization { return p }}
}

// authorization returns what p holds, nil if that is nothing. It must not be changed.
func (p Pending) authorization() *pendingAuthorization {
	if p.reveal == nil {
		return nil
	}
	return p.reveal()
}

// Matches reports whether query, that of a callback, answers this authorization.
// An application with several under way finds the right one by it.
func (p Pending) Matches(query url.Values) bool {
	authorization := p.authorization()
	return authorization != nil && hasState(query, authorization.State)
}

// ExpiresAt returns when it is too late to complete the authorization: ten
// minutes after it was begun. A zero Pending returns the zero time.
func (p Pending) ExpiresAt() time.Time {
	if authorization := p.authorization(); authorization != nil {
		return authorization.ExpiresAt
	}
	return time.Time{}
}

// MarshalJSON returns the form to keep. It holds secrets.
func (p Pending) MarshalJSON() ([]byte, error) {
	authorization := p.authorization()
	if authorization == nil {
		return nil, errors.New("auth: a zero Pending has no JSON form")
	}
	return json.Marshal(authorization)
}

// UnmarshalJSON reads what MarshalJSON wrote. It refuses what is incomplete, or
// written by a version of this package that it does not know.
func (p *Pending) UnmarshalJSON(data []byte) error {
	if len(data) > maxPending {
		return errors.New("auth: the pending authorization is too large")
	}
	read := new(pendingAuthorization)
	if err := json.Unmarshal(data, read); err != nil {
		// The decoder's own error may quote a secret.
		return errors.New("auth: this is not the JSON form of a pending authorization")
	}
	if read.V != pendingVersion {
		return fmt.Errorf("auth: pending authorization of version %d, not %d: begin the authorization again", read.V, pendingVersion)
	}
	needed := []string{string(read.State), string(read.Verifier), read.Issuer, read.Server, read.RedirectURI, read.ClientID}
	if slices.Contains(needed, "") || read.ExpiresAt.IsZero() {
		return errors.New("auth: the pending authorization is incomplete")
	}
	if at, err := url.Parse(read.TokenEndpoint); err != nil || at.Host == "" {
		return errors.New("auth: the pending authorization has no usable token endpoint")
	}
	*p = pendingOf(read)
	return nil
}

// String returns a placeholder.
func (Pending) String() string { return redacted }

// GoString returns a placeholder.
func (Pending) GoString() string { return redacted }

// Format prints a placeholder, whatever the verb.
func (Pending) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(redacted)) }

// LogValue returns a placeholder.
func (Pending) LogValue() slog.Value { return slog.StringValue(redacted) }
