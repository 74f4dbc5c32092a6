package auth

import (
	"fmt"
	"net/url"
	"slices"
	"time"
)

// issuance is what is settled before a token is asked for: by whom, for whom and
// for what it is to be issued, and all that it takes to redeem, refresh and revoke
// it without another discovery.
type issuance struct {
	Profile   string   `json:"profile,omitempty"`
	Issuer    string   `json:"issuer"`
	Resource  string   `json:"resource"` // the value of the resource parameter; "": not sent
	ClientID  string   `json:"client_id"`
	Origin    string   `json:"origin,omitempty"`    // identityOrigin of the client
	Requested []string `json:"requested,omitempty"` // scopes asked for
	Legacy    bool     `json:"legacy,omitempty"`

	TokenEndpoint string   `json:"token_endpoint"`
	AuthMethods   []string `json:"auth_methods,omitempty"`
	SigningAlgs   []string `json:"signing_algs,omitempty"`
	Revocation    string   `json:"revocation_endpoint,omitempty"`
}

// issuanceTo is what r asks for client.
func (r *grantRequest) issuanceTo(client identity) issuance {
	i := issuance{
		Profile: r.profile, Issuer: r.as.issuer, Resource: r.resource.resource, ClientID: client.clientID, Origin: string(client.origin),
		Requested: slices.Clone(r.scopes), Legacy: r.resource.legacy,
		TokenEndpoint: r.as.token.String(), AuthMethods: slices.Clone(r.as.authMethods), SigningAlgs: slices.Clone(r.as.signingAlgs),
	}
	if r.as.revocation != nil {
		i.Revocation = r.as.revocation.String()
	}
	return i
}

// endpoint returns where the token comes from: no other place gets its code or its
// refresh token. What was stored may have been changed, so its URL is checked again.
func (i *issuance) endpoint(f *fetcher, server *url.URL) (tokenEndpoint, error) {
	at, err := f.checkURL(server, i.TokenEndpoint, "token_endpoint")
	if err != nil {
		return tokenEndpoint{}, err
	}
	return tokenEndpoint{issuer: i.Issuer, url: at, authMethods: i.AuthMethods, signingAlgs: i.SigningAlgs}, nil
}

// tokenRecord is a stored token with all that is needed to use and refresh it.
// Issuer, Resource and ClientID are compared with what is asked for, so that a
// record which was copied to another key is not used.
type tokenRecord struct { //nolint:recvcheck // a value has to hide its secrets, too
	V int `json:"v"` // recordVersion
	issuance

	AccessToken  secret    `json:"access_token"`
	TokenType    string    `json:"token_type"`
	RefreshToken secret    `json:"refresh_token,omitempty"`
	IssuedAt     time.Time `json:"issued_at"`
	ExpiresAt    time.Time `json:"expires_at,omitzero"`
	Granted      []string  `json:"granted,omitempty"` // scopes given
	KeyID        string    `json:"jkt,omitempty"`     // thumbprint of the DPoP key it is bound to
}

// Format prints a placeholder. Where the verb does not fit, as in %s of a pointer
// in a list, fmt would print the fields without asking them.
func (tokenRecord) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(redacted)) }

// pointerRecord says which token belongs to a server, so that a later run needs
// no discovery to find it.
type pointerRecord struct {
	V        int    `json:"v"`
	Profile  string `json:"profile,omitempty"`
	Server   string `json:"server"` // URL of the MCP server
	Issuer   string `json:"issuer"`
	Resource string `json:"resource"`
	ClientID string `json:"client_id"`
}

// registrationRecord is a client that an authorization server registered on our
// asking (RFC 7591).
type registrationRecord struct { //nolint:recvcheck // a value has to hide its secrets, too
	V                int       `json:"v"`
	Profile          string    `json:"profile,omitempty"`
	Issuer           string    `json:"issuer"`
	ClientID         string    `json:"client_id"`
	ClientSecret     secret    `json:"client_secret,omitempty"`
	SecretExpiresAt  time.Time `json:"client_secret_expires_at,omitzero"`
	Method           string    `json:"token_endpoint_auth_method,omitempty"`
	RedirectURI      string    `json:"redirect_uri"`
	ManagementURI    string    `json:"registration_client_uri,omitempty"`
	ManagementSecret secret    `json:"registration_access_token,omitempty"`
}

// Format prints a placeholder, as that of tokenRecord does.
func (registrationRecord) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(redacted)) }

// recordVersion changes when an older program could not use a record any more.
const recordVersion = 1
