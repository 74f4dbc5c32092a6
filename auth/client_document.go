package auth

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// ClientDocument is a client ID metadata document: what a client says of itself
// at an https URL, which is its client id with every authorization server that
// takes such documents. Write it to a static site with encoding/json, or serve it
// with [ClientDocument.Handler].
//
// Encoding fills in the fields that are empty and have a default. A client on
// users' machines lists "http://127.0.0.1/callback" and "http://[::1]/callback":
// without a port, any port will do.
type ClientDocument struct {
	ClientID     string   `json:"client_id"`     // the document's own URL
	ClientName   string   `json:"client_name"`   // shown to users
	RedirectURIs []string `json:"redirect_uris"` // https, or http on loopback

	ClientURI string   `json:"client_uri,omitempty"` // home page, https
	LogoURI   string   `json:"logo_uri,omitempty"`   // https
	PolicyURI string   `json:"policy_uri,omitempty"` // https
	TermsURI  string   `json:"tos_uri,omitempty"`    // https
	Contacts  []string `json:"contacts,omitempty"`

	GrantTypes    []string `json:"grant_types,omitempty"`    // default: authorization_code and refresh_token
	ResponseTypes []string `json:"response_types,omitempty"` // default: code
	// ApplicationType is "native" or "web". Default: native if every redirect URI
	// is on loopback, web if none is; where they differ it must be said.
	ApplicationType string `json:"application_type,omitempty"`
	Scope           string `json:"scope,omitempty"` // separated by spaces

	// TokenEndpointAuthMethod is "none", the default, or "private_key_jwt", for
	// which JWKSURI or JWKS gives the public keys. A document is public: there is
	// no method with a shared secret.
	TokenEndpointAuthMethod     string          `json:"token_endpoint_auth_method,omitempty"`
	TokenEndpointAuthSigningAlg string          `json:"token_endpoint_auth_signing_alg,omitempty"`
	JWKSURI                     string          `json:"jwks_uri,omitempty"` // https
	JWKS                        json.RawMessage `json:"jwks,omitempty"`
	OnlyDPoP                    bool            `json:"dpop_bound_access_tokens,omitempty"`

	SoftwareID      string `json:"software_id,omitempty"`
	SoftwareVersion string `json:"software_version,omitempty"`
}

// maxClientDocument is the most that authorization servers are advised to read, in bytes.
const maxClientDocument = 5 << 10

// MarshalJSON encodes the document with its defaults. It does not validate.
func (d ClientDocument) MarshalJSON() ([]byte, error) {
	type plain ClientDocument // without this method
	return json.Marshal(plain(d.filled()))
}

func (d ClientDocument) filled() ClientDocument {
	if len(d.GrantTypes) == 0 {
		d.GrantTypes = []string{"authorization_code", "refresh_token"}
	}
	if len(d.ResponseTypes) == 0 {
		d.ResponseTypes = []string{"code"}
	}
	if d.TokenEndpointAuthMethod == "" {
		d.TokenEndpointAuthMethod = methodNone
	}
	if d.ApplicationType == "" {
		d.ApplicationType = commonApplicationType(d.RedirectURIs)
	}
	return d
}

// commonApplicationType returns "" for redirect URIs of both kinds.
func commonApplicationType(redirectURIs []string) string {
	var common string
	for _, uri := range redirectURIs {
		kind := applicationType(uri)
		if common != "" && common != kind {
			return ""
		}
		common = kind
	}
	return common
}

// Validate says what an authorization server would find wrong with the document,
// and whether it publishes a private key. It goes by the document alone: nothing
// is fetched.
func (d ClientDocument) Validate() error {
	d = d.filled()
	if err := checkDocumentURL(d.ClientID); err != nil {
		return err
	}
	if err := d.checkRedirects(); err != nil {
		return err
	}
	if err := d.checkKeys(); err != nil {
		return err
	}
	for _, link := range [][2]string{{"client_uri", d.ClientURI}, {"logo_uri", d.LogoURI}, {"policy_uri", d.PolicyURI}, {"tos_uri", d.TermsURI}, {"jwks_uri", d.JWKSURI}} {
		if at, err := url.Parse(link[1]); link[1] != "" && (err != nil || at.Scheme != "https" || at.Host == "" || at.User != nil) {
			return errors.New("client document: " + link[0] + " " + quote(link[1]) + " is not an https URL")
		}
	}
	switch {
	case strings.TrimSpace(d.ClientName) == "":
		return errors.New("client document: client_name is missing: users are asked by it")
	case !slices.Contains(d.GrantTypes, "authorization_code") || !slices.Contains(d.ResponseTypes, "code"):
		return errors.New(`client document: grant_types needs "authorization_code" and response_types "code"`)
	case !contains(parseScope(d.Scope), strings.Fields(d.Scope)):
		return errors.New("client document: scope " + quote(d.Scope) + " is not a list of scopes")
	}
	text, err := json.Marshal(d)
	if err != nil {
		return fmt.Errorf("client document: %w", err)
	}
	if len(text) > maxClientDocument {
		return fmt.Errorf("client document: %d bytes are more than the %d that authorization servers are advised to read", len(text), maxClientDocument)
	}
	return nil
}

func (d ClientDocument) checkRedirects() error {
	if len(d.RedirectURIs) == 0 {
		return errors.New("client document: redirect_uris is missing")
	}
	for _, uri := range d.RedirectURIs {
		if err := checkRedirectURI(uri); err != nil {
			return fmt.Errorf("client document: %w", err)
		}
	}
	if d.ApplicationType != "native" && d.ApplicationType != "web" {
		return errors.New(`client document: some redirect URIs are on loopback and some are not: say in application_type whether it is "native" or "web"`)
	}
	return nil
}

func (d ClientDocument) checkKeys() error {
	switch hasKeys := len(d.JWKS) > 0; {
	case d.TokenEndpointAuthMethod != methodNone && d.TokenEndpointAuthMethod != methodKeyJWT:
		return errors.New("client document: token_endpoint_auth_method " + quote(d.TokenEndpointAuthMethod) + " takes a secret, which a public document cannot hold")
	case hasKeys && d.JWKSURI != "":
		return errors.New("client document: jwks and jwks_uri exclude each other")
	case d.TokenEndpointAuthMethod == methodKeyJWT && !hasKeys && d.JWKSURI == "":
		return errors.New("client document: private_key_jwt needs jwks_uri or jwks")
	case !hasKeys:
		return nil
	}
	var set struct {
		Keys []map[string]json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(d.JWKS, &set); err != nil || len(set.Keys) == 0 {
		return errors.New("client document: jwks is no set of keys (RFC 7517 section 5)")
	}
	for _, key := range set.Keys {
		// RFC 7518 section 6: the private members of every kind of key.
		for _, member := range []string{"d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"} {
			if _, private := key[member]; private {
				return errors.New("client document: jwks holds a private or a shared key, which everybody could read: give the public ones only")
			}
		}
	}
	return nil
}

// Handler serves the document, as it is now, to GET and HEAD, for an hour of
// caching. Mount it at the path of ClientID. The error is that of
// [ClientDocument.Validate].
func (d ClientDocument) Handler() (http.Handler, error) {
	if err := d.Validate(); err != nil {
		return nil, err
	}
	text, err := json.Marshal(d)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(text)
	tag := `"` + base64.RawURLEncoding.EncodeToString(sum[:16]) + `"`
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			header.Set("Allow", "GET, HEAD")
			http.Error(w, http.StatusText(http.StatusMethodNotAllowed), http.StatusMethodNotAllowed)
			return
		}
		header.Set("Content-Type", "application/json")
		header.Set("Cache-Control", "public, max-age=3600")
		header.Set("X-Content-Type-Options", "nosniff")
		header.Set("Etag", tag)
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(text))
	}), nil
}

// checkDocumentURL refuses a URL that cannot be a client id: authorization
// servers compare it as a string, so there must be one way to write it.
func checkDocumentURL(raw string) error {
	at, err := url.Parse(raw)
	var fault string
	switch {
	case err != nil || strings.ContainsFunc(raw, isNoURLRune):
		fault = "is not a URL"
	case at.Scheme != "https" || at.Hostname() == "":
		fault = "is not an https URL"
	case at.User != nil:
		return errors.New("the client document's URL has a user name in it")
	case strings.Contains(raw, "#"):
		fault = "has a fragment"
	case strings.Trim(at.Path, "/") == "":
		fault = "has no path"
	case slices.ContainsFunc(strings.Split(at.Path, "/"), func(segment string) bool { return segment == "." || segment == ".." }):
		fault = "has dot segments in its path"
	default:
		return nil
	}
	return errors.New("the client document's URL " + quote(raw) + " " + fault)
}
