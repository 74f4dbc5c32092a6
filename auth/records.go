package auth

import (
	"fmt"
	"time"
)

// tokenRecord is a stored token with all that is needed to use and refresh it.
// Issuer, Resource and ClientID are compared with what is asked for, so that a
// record which was copied to another key is not used.
type tokenRecord struct { //nolint:recvcheck // a value has to hide its secrets, too
	V        int    `json:"v"` // recordVersion
	Profile  string `json:"profile,omitempty"`
	Issuer   string `json:"issuer"`
	Resource string `json:"resource"` // the value of the resource parameter; may be ""
	ClientID string `json:"client_id"`

	AccessToken  secret    `json:"access_token"`
	TokenType    string    `json:"token_type"`
	RefreshToken secret    `json:"refresh_token,omitempty"`
	IssuedAt     time.Time `json:"issued_at"`
	ExpiresAt    time.Time `json:"expires_at,omitzero"`
	Requested    []string  `json:"requested,omitempty"` // scopes asked for
	Granted      []string  `json:"granted,omitempty"`   // scopes given
	KeyID        string    `json:"jkt,omitempty"`       // thumbprint of the DPoP key it is bound to

	// What a refresh needs, without a discovery.
	TokenEndpoint string   `json:"token_endpoint"`
	AuthMethods   []string `json:"auth_methods,omitempty"`
	SigningAlgs   []string `json:"signing_algs,omitempty"`
	Origin        string   `json:"origin,omitempty"` // identityOrigin of the client
	Revocation    string   `json:"revocation_endpoint,omitempty"`
	Legacy        bool     `json:"legacy,omitempty"`
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
