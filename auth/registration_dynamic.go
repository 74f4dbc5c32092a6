package auth

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// registrationRequest is a client registration request (RFC 7591 section 3.1).
type registrationRequest struct {
	ClientName      string   `json:"client_name,omitempty"`
	RedirectURIs    []string `json:"redirect_uris"`
	GrantTypes      []string `json:"grant_types"`
	ResponseTypes   []string `json:"response_types"`
	AuthMethod      string   `json:"token_endpoint_auth_method"`
	ApplicationType string   `json:"application_type"`
	Scope           string   `json:"scope,omitempty"`
	ClientURI       string   `json:"client_uri,omitempty"`
	LogoURI         string   `json:"logo_uri,omitempty"`
	PolicyURI       string   `json:"policy_uri,omitempty"`
	TermsURI        string   `json:"tos_uri,omitempty"`
	Contacts        []string `json:"contacts,omitempty"`
	SoftwareID      string   `json:"software_id,omitempty"`
	SoftwareVersion string   `json:"software_version,omitempty"`
	OnlyDPoP        bool     `json:"dpop_bound_access_tokens,omitempty"`
}

func (r *registrar) request(wish enrollment) registrationRequest {
	c := &r.client
	return registrationRequest{
		ClientName:      c.name,
		RedirectURIs:    []string{wish.receiver},
		GrantTypes:      []string{"authorization_code", "refresh_token"},
		ResponseTypes:   []string{"code"},
		AuthMethod:      methodToAskFor(wish.as.authMethods),
		ApplicationType: applicationType(wish.receiver),
		Scope:           joinScope(wish.scopes),
		ClientURI:       c.uri,
		LogoURI:         c.logoURI,
		PolicyURI:       c.policyURI,
		TermsURI:        c.termsURI,
		Contacts:        c.contacts,
		SoftwareID:      c.softwareID,
		SoftwareVersion: c.softwareVersion,
		OnlyDPoP:        c.onlyDPoP,
	}
}

// methodToAskFor prefers a public client: a program on a user's machine cannot
// keep a secret from him. Where the server lists nothing that we can do, it is
// for the server to say so.
func methodToAskFor(supported []string) string {
	for _, method := range []string{methodNone, methodBasic, methodPost} {
		if slices.Contains(supported, method) {
			return method
		}
	}
	return methodNone
}

// register registers the client. A refusal that names something we can do without
// is answered once with another request.
func (r *registrar) register(ctx context.Context, wish enrollment) (*registrationRecord, error) {
	request := r.request(wish)
	record, err := r.post(ctx, wish, request)
	refusal, ok := errors.AsType[*RegistrationError](err)
	if !ok {
		return record, err
	}
	adjusted, guessed, ok := request.adjusted(refusal)
	if !ok {
		return nil, err
	}
	record, again := r.post(ctx, wish, adjusted)
	switch {
	case again == nil:
		return record, nil
	case guessed:
		return nil, err // the second refusal is about a wish that nobody had
	default:
		return nil, again
	}
}

// adjusted returns the request to try after a refusal, if there is one, and
// whether it rests on a guess.
func (q registrationRequest) adjusted(refusal *RegistrationError) (request registrationRequest, guessed, ok bool) {
	if refusal.StatusCode != http.StatusBadRequest && refusal.StatusCode != http.StatusForbidden {
		return q, false, false
	}
	words := strings.ToLower(refusal.Description)
	other, onLoopback := otherLoopback(q.RedirectURIs[0])
	switch {
	case strings.Contains(words, "application_type") || strings.Contains(words, "application type"):
		q.ApplicationType = map[string]string{"native": "web", "web": "native"}[q.ApplicationType]
		return q, true, true
	case refusal.Code == "invalid_redirect_uri":
		// Some servers accept an address only, some only "localhost".
		q.RedirectURIs = []string{other}
		return q, true, onLoopback
	case q.Scope != "" && slices.Contains([]string{"invalid_client_metadata", "invalid_scope", "insufficient_scope"}, refusal.Code):
		// Keycloak, for one, lets nobody register a client with scopes unless he is logged in.
		q.Scope = ""
		return q, false, true
	default:
		return q, false, false
	}
}

// post sends one request and reads its answer.
func (r *registrar) post(ctx context.Context, wish enrollment, request registrationRequest) (*registrationRecord, error) {
	body, err := json.Marshal(request)
	if err != nil {
		return nil, err
	}
	header := http.Header{"Content-Type": {"application/json"}, "Accept": {"application/json"}}
	reply, err := r.fetch.post(ctx, wish.server, wish.as.registration, header, body)
	if err != nil {
		return nil, err
	}
	if wish.as.guessed && (reply.status == http.StatusNotFound || reply.status == http.StatusMethodNotAllowed) {
		return nil, r.unavailable(wish.server, wish.as) // the endpoint was our guess
	}
	record, refusal := readRegistration(reply)
	if refusal != nil {
		refusal.Issuer = wish.as.issuer
		return nil, refusal
	}
	record.Issuer, record.RedirectURI = wish.as.issuer, request.RedirectURIs[0]
	return record, nil
}

// registrationAnswer is a client information response or an error response (RFC
// 7591 section 3.2).
type registrationAnswer struct {
	ClientID         string          `json:"client_id"`
	ClientSecret     secret          `json:"client_secret"`
	SecretExpiresAt  json.RawMessage `json:"client_secret_expires_at"`
	AuthMethod       string          `json:"token_endpoint_auth_method"`
	ManagementURI    string          `json:"registration_client_uri"`
	ManagementSecret secret          `json:"registration_access_token"`
	Code             string          `json:"error"`
	Description      string          `json:"error_description"`
}

// maxCredential bounds each text of a registration that is stored, in bytes.
const maxCredential = 8 << 10

// readRegistration reads the answer. The RFC wants 201 for success; 200 is common.
func readRegistration(reply *webReply) (*registrationRecord, *RegistrationError) {
	var answer registrationAnswer
	err := json.Unmarshal(reply.body, &answer)
	refusal := &RegistrationError{StatusCode: reply.status}
	if reply.status != http.StatusOK && reply.status != http.StatusCreated || err == nil && answer.ClientID == "" && answer.Code != "" {
		if err == nil { // else it is a page for people
			refusal.Code, refusal.Description = cut(answer.Code), cut(answer.Description)
		}
		return nil, refusal
	}
	switch {
	case err != nil:
		refusal.Description = "the answer is no registration in JSON"
	case answer.ClientID == "":
		refusal.Description = "the answer has no client_id"
	case !storable(answer.ClientID), !storable(string(answer.ClientSecret)):
		refusal.Description = "the answer's client_id or client_secret is too long, or holds control characters"
	default:
		return answer.record(), nil
	}
	return nil, refusal
}

func storable(text string) bool {
	return len(text) <= maxCredential && !strings.ContainsFunc(text, isControl)
}

func (a *registrationAnswer) record() *registrationRecord {
	record := &registrationRecord{V: recordVersion, ClientID: a.ClientID, ClientSecret: a.ClientSecret}
	if a.ClientSecret != "" {
		record.SecretExpiresAt = secretExpiry(a.SecretExpiresAt)
	}
	// The method is the server's to choose. One that we cannot do is left to the token request to replace.
	withSecret := a.AuthMethod == methodBasic || a.AuthMethod == methodPost
	if a.AuthMethod == methodNone || withSecret && a.ClientSecret != "" {
		record.Method = a.AuthMethod
	}
	if at, err := url.Parse(a.ManagementURI); err == nil && at.Host != "" && storable(a.ManagementURI) && storable(string(a.ManagementSecret)) {
		record.ManagementURI, record.ManagementSecret = a.ManagementURI, a.ManagementSecret
	}
	return record
}

// secretExpiry reads client_secret_expires_at: seconds since 1970, 0 for never.
// What is no number, or beyond the years that can be written, is no date to go by.
func secretExpiry(raw json.RawMessage) time.Time {
	const endOfYears = 253402300799
	seconds, err := strconv.ParseFloat(strings.Trim(string(raw), `"`), 64)
	if err != nil || !(seconds > 0 && seconds < endOfYears) {
		return time.Time{}
	}
	return time.Unix(int64(seconds), 0).UTC()
}
