package auth

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// page is what a site answers at a path. In its texts BASE stands for the site's origin.
type page struct {
	status      int    // 0: 200
	contentType string // "": application/json
	location    string
	body        string
}

// webSite is a web server that has these pages, by path and query, and 404 for the
// rest, in HTML, as most do.
type webSite struct {
	url   string
	pages map[string]page

	mu    sync.Mutex
	asked []*http.Request
}

func newSite(t *testing.T, pages map[string]page) *webSite {
	t.Helper()
	s := &webSite{pages: pages}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	s.url = server.URL
	return s
}

func (s *webSite) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.asked = append(s.asked, r)
	s.mu.Unlock()
	found, ok := s.pages[r.URL.RequestURI()]
	if !ok {
		found = page{status: http.StatusNotFound, contentType: "text/html", body: "<!DOCTYPE html><p>Cannot GET it"}
	}
	if found.contentType == "" {
		found.contentType = "application/json"
	}
	w.Header().Set("Content-Type", found.contentType)
	if found.location != "" {
		w.Header().Set("Location", strings.ReplaceAll(found.location, "BASE", s.url))
	}
	if found.status != 0 {
		w.WriteHeader(found.status)
	}
	io.WriteString(w, strings.ReplaceAll(found.body, "BASE", s.url))
}

// at returns the URL of a path of the site.
func (s *webSite) at(t *testing.T, path string) *url.URL {
	t.Helper()
	at, err := url.Parse(s.url + path)
	require.NoError(t, err)
	return at
}

// requests returns what was asked for, in order.
func (s *webSite) requests() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var asked []string
	for _, r := range s.asked {
		asked = append(asked, r.URL.RequestURI())
	}
	return asked
}

// resourcePage is protected resource metadata; more are further members.
func resourcePage(resource string, more ...string) page {
	return object(append([]string{fmt.Sprintf(`"resource":%q`, resource), `"authorization_servers":["BASE"]`}, more...))
}

// serverPage is metadata of an authorization server that has everything.
func serverPage(issuer string, more ...string) page {
	return object(append([]string{
		fmt.Sprintf(`"issuer":%q`, issuer),
		`"authorization_endpoint":"BASE/oauth/authorize"`, `"token_endpoint":"BASE/oauth/token"`,
		`"registration_endpoint":"BASE/oauth/register"`, `"response_types_supported":["code"]`,
		`"code_challenge_methods_supported":["plain","S256"]`,
	}, more...))
}

// object makes a page of members; of two of one name the last one counts.
func object(members []string) page { return page{body: "{" + strings.Join(members, ",") + "}"} }

func strict() *discoverer { return newDiscoverer(newFetcher(HTTPPolicy{}), Policy{}) }

func loose(policy Policy) *discoverer { return newDiscoverer(newFetcher(HTTPPolicy{}), policy) }
