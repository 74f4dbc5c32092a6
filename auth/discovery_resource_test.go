package auth

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	atPath = "/.well-known/oauth-protected-resource/mcp"
	atRoot = "/.well-known/oauth-protected-resource"
)

// TestResourcePlaces: which documents are asked for, in which order, and which one counts.
func TestResourcePlaces(t *testing.T) {
	t.Parallel()
	good, root := resourcePage("BASE/mcp"), resourcePage("BASE")
	for name, c := range map[string]struct {
		server   string // "": /mcp
		named    string // resource_metadata of the challenge
		pages    map[string]page
		asked    []string
		resource string // "": BASE/mcp
	}{
		"named": {
			named: "BASE/custom/location.json", pages: map[string]page{"/custom/location.json": good, atPath: root, atRoot: root},
			asked: []string{"/custom/location.json"},
		},
		"path before root": {pages: map[string]page{atPath: good, atRoot: resourcePage("BASE/trap")}, asked: []string{atPath}},
		"root":             {pages: map[string]page{atRoot: good}, asked: []string{atPath, atRoot}},
		"root about the origin, without a slash": {
			pages: map[string]page{atRoot: root}, asked: []string{atPath, atRoot}, resource: "BASE",
		},
		"root about the origin, with a slash": {
			pages: map[string]page{atRoot: resourcePage("BASE/")}, asked: []string{atPath, atRoot}, resource: "BASE/",
		},
		"server without path":       {server: "/", pages: map[string]page{atRoot: root}, asked: []string{atRoot}, resource: "BASE"},
		"slash at the server's end": {server: "/mcp/", pages: map[string]page{atPath: good}, asked: []string{atPath}},
		"slash at the document's end": {
			pages: map[string]page{atPath: resourcePage("BASE/mcp/")}, asked: []string{atPath}, resource: "BASE/mcp/",
		},
		"query": {
			server: "/mcp?tenant=a%2Fb", pages: map[string]page{atPath + "?tenant=a%2Fb": resourcePage("BASE/mcp?tenant=a%2Fb"), atPath: good},
			asked: []string{atPath + "?tenant=a%2Fb"}, resource: "BASE/mcp?tenant=a%2Fb",
		},
		"escaped path": {
			server: "/a%2Fb/mcp%20x", pages: map[string]page{atRoot + "/a%2Fb/mcp%20x": resourcePage("BASE/a%2Fb/mcp%20x")},
			asked: []string{atRoot + "/a%2Fb/mcp%20x"}, resource: "BASE/a%2Fb/mcp%20x",
		},
		"fragment of the server": {server: "/mcp#x", pages: map[string]page{atPath: good}, asked: []string{atPath}},
		"named, but no absolute URL": {
			named: "/custom/location.json", pages: map[string]page{atPath: good}, asked: []string{atPath},
		},
		"redirect": {
			pages: map[string]page{atPath: {status: http.StatusFound, location: "BASE/moved"}, "/moved": good}, asked: []string{atPath, "/moved"},
		},
		"charset": {
			pages: map[string]page{atPath: {contentType: "application/json; charset=utf-8", body: good.body}}, asked: []string{atPath},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, c.pages)
			if c.server == "" {
				c.server = "/mcp"
			}
			if c.resource == "" {
				c.resource = "BASE/mcp"
			}
			named := strings.ReplaceAll(c.named, "BASE", s.url)
			found, err := strict().resource(t.Context(), s.at(t, c.server), named, "2025-11-25", nil)
			require.NoError(t, err)
			require.Equal(t, c.asked, s.requests())
			require.Equal(t, strings.ReplaceAll(c.resource, "BASE", s.url), found.resource, "byte for byte")
			require.Equal(t, []string{s.url}, found.issuers)
			require.False(t, found.legacy)
			s.mu.Lock()
			defer s.mu.Unlock()
			for _, r := range s.asked {
				require.Equal(t, "application/json", r.Header.Get("Accept"))
				require.Equal(t, "2025-11-25", r.Header.Get("Mcp-Protocol-Version"))
				require.Empty(t, r.Header.Get("Authorization"))
			}
		})
	}
}

func TestResourceEveryRefusalMeansAbsent(t *testing.T) {
	t.Parallel()
	for _, status := range []int{400, 401, 403, 404, 405, 410, 422} {
		s := newSite(t, map[string]page{atPath: {status: status}, atRoot: resourcePage("BASE/mcp")})
		found, err := strict().resource(t.Context(), s.at(t, "/mcp"), "", "", nil)
		require.NoError(t, err, status)
		require.Equal(t, s.url+"/mcp", found.resource)
	}
}

func TestResourceFields(t *testing.T) {
	t.Parallel()
	s := newSite(t, map[string]page{atPath: resourcePage("BASE/mcp",
		`"authorization_servers":["https://a.example","https://b.example/t"]`, `"scopes_supported":["mcp:read","mcp:write"]`,
		`"resource_name":"Notes\u001b[31m\nof \u202eBob"`, `"dpop_bound_access_tokens_required":true`,
		`"dpop_signing_alg_values_supported":["ES256","EdDSA"]`, `"unknown":{"x":[1]}`)})
	found, err := strict().resource(t.Context(), s.at(t, "/mcp"), "", "", nil)
	require.NoError(t, err)
	require.Equal(t, &protectedResource{
		resource:  s.url + "/mcp",
		issuers:   []string{"https://a.example", "https://b.example/t"},
		scopes:    []string{"mcp:read", "mcp:write"},
		name:      "Notes[31mof Bob",
		wantsDPoP: true,
		dpopAlgs:  []string{"ES256", "EdDSA"},
	}, found)
	require.LessOrEqual(t, len(displayName(strings.Repeat("ä", 10_000))), maxShown+len("..."))
}

// TestResourceBroken: a document that is there, but bad, ends the search. What the next place or the rules of 2025-03-26
// would give is not what the server has said.
func TestResourceBroken(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		page page
		text string
	}{
		"HTML":                   {page{contentType: "text/html", body: "<p>"}, "content type"},
		"HTML, said to be JSON":  {page{body: "<p>"}, "not a JSON object"},
		"garbage at the end":     {page{body: `{"resource":"BASE/mcp","authorization_servers":["BASE"]}<!-- x -->`}, "not JSON"},
		"no resource":            {object([]string{`"authorization_servers":["BASE"]`}), "resource is missing"},
		"resource of wrong type": {resourcePage("BASE/mcp", `"resource":["BASE/mcp"]`), "resource is not a string"},
		"no servers":             {object([]string{`"resource":"BASE/mcp"`}), "authorization_servers names none"},
		"empty servers":          {resourcePage("BASE/mcp", `"authorization_servers":[]`), "authorization_servers names none"},
		"servers of wrong type":  {resourcePage("BASE/mcp", `"authorization_servers":"BASE"`), "authorization_servers is not a list"},
		"scopes of wrong type":   {resourcePage("BASE/mcp", `"scopes_supported":"a b"`), "scopes_supported is not a list"},
		"too many scopes":        {resourcePage("BASE/mcp", `"scopes_supported":["x"`+strings.Repeat(`,"x"`, maxListed)+`]`), "more than 256"},
		"too large":              {page{body: strings.Repeat(" ", maxDocument) + resourcePage("BASE/mcp").body}, "over the limit"},
		"no content":             {page{status: http.StatusNoContent}, "HTTP 204"},
		"redirect to itself":     {page{status: http.StatusFound, location: "BASE/again"}, "redirects"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			again := page{status: http.StatusFound, location: "BASE/again"}
			pages := map[string]page{atPath: c.page, "/named": c.page, atRoot: resourcePage("BASE/mcp"), "/again": again}
			for _, named := range []string{"", "/named"} {
				s := newSite(t, pages)
				if named != "" {
					named = s.url + named
				}
				_, err := strict().resource(t.Context(), s.at(t, "/mcp"), named, "", nil)
				bad := requireMetadataError(t, err)
				require.Contains(t, err.Error(), c.text)
				require.False(t, bad.Temporary())
				require.NotContains(t, s.requests(), atRoot)
			}
		})
	}
}

// TestResourceTrouble: a server in trouble has not said that it has no metadata.
func TestResourceTrouble(t *testing.T) {
	t.Parallel()
	for _, status := range []int{408, 429, 500, 502, 503, 504} {
		for _, place := range []string{atPath, atRoot} {
			s := newSite(t, map[string]page{place: {status: status}})
			_, err := strict().resource(t.Context(), s.at(t, "/mcp"), "", "", []string{"https://pinned.example"})
			bad := requireMetadataError(t, err)
			require.Equal(t, status, bad.StatusCode)
			require.True(t, bad.Temporary(), status)
			require.Equal(t, s.url+place, bad.URL)
		}
	}
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	for _, named := range []string{"", gone.URL + "/named"} {
		at, err := url.Parse(gone.URL + "/mcp")
		require.NoError(t, err)
		_, err = strict().resource(t.Context(), at, named, "", nil)
		require.True(t, requireMetadataError(t, err).Temporary())
	}
}

func TestResourceNamedButAbsent(t *testing.T) {
	t.Parallel()
	s := newSite(t, map[string]page{atPath: resourcePage("BASE/mcp")})
	_, err := strict().resource(t.Context(), s.at(t, "/mcp"), s.url+"/named?key=hidden", "", nil)
	bad := requireMetadataError(t, err)
	require.Equal(t, http.StatusNotFound, bad.StatusCode)
	require.Equal(t, s.url+"/named", bad.URL)
	require.Equal(t, []string{"/named?key=hidden"}, s.requests())
}

func TestResourceMismatch(t *testing.T) {
	t.Parallel()
	for resource, policy := range map[string]struct{ strict, parent bool }{
		"https://evil.example/a/mcp": {},
		"BASE.evil.example/a/mcp":    {},
		"BASE/a/mcp2":                {},
		"BASE/a/mc":                  {},
		"BASE/A/mcp":                 {},
		"BASE/a/mcp//":               {},
		"BASE/a/mcp#":                {},
		"BASE/a/mcp#x":               {},
		"BASE/a/mcp/x":               {},
		"BASE/a?x":                   {},
		"BASE/a/mcp?x":               {},
		"/a/mcp":                     {},
		"not a URL":                  {},
		"BASE/a/mcp":                 {strict: true, parent: true},
		"BASE/a/mcp/":                {strict: true, parent: true},
		"BASE/a":                     {parent: true},
		"BASE/a/":                    {parent: true},
		"BASE":                       {parent: true},
		"BASE/":                      {parent: true},
	} {
		for _, named := range []string{"", "/named"} {
			s := newSite(t, map[string]page{"/.well-known/oauth-protected-resource/a/mcp": resourcePage(resource), "/named": resourcePage(resource)})
			if named != "" {
				named = s.url + named
			}
			_, err := strict().resource(t.Context(), s.at(t, "/a/mcp"), named, "", nil)
			requireMismatch(t, policy.strict, err, resource)
			_, err = loose(Policy{ParentResource: true}).resource(t.Context(), s.at(t, "/a/mcp"), named, "", nil)
			requireMismatch(t, policy.parent, err, resource)
			require.Len(t, s.requests(), 2, "a mismatch ends the search")
		}
	}
}

// TestResourceWithoutQuery: a document about the URL without its query is about more than the server.
func TestResourceWithoutQuery(t *testing.T) {
	t.Parallel()
	s := newSite(t, map[string]page{atPath + "?project=1": resourcePage("BASE/mcp")})
	_, err := strict().resource(t.Context(), s.at(t, "/mcp?project=1"), "", "", nil)
	mismatch := &ResourceMismatchError{}
	require.ErrorAs(t, err, &mismatch)
	require.Equal(t, s.url+"/mcp", mismatch.Server, "without the query, which may hold a key")
	found, err := loose(Policy{ParentResource: true}).resource(t.Context(), s.at(t, "/mcp?project=1"), "", "", nil)
	require.NoError(t, err)
	require.Equal(t, s.url+"/mcp", found.resource)
}

// TestResourceOfTheOriginIsForTheRoot: the document of a path must not claim the whole origin.
func TestResourceOfTheOriginIsForTheRoot(t *testing.T) {
	t.Parallel()
	s := newSite(t, map[string]page{atPath: resourcePage("BASE"), atRoot: resourcePage("BASE")})
	_, err := strict().resource(t.Context(), s.at(t, "/mcp"), "", "", nil)
	requireMismatch(t, false, err, "BASE")
	_, err = strict().resource(t.Context(), s.at(t, "/mcp"), s.url+atRoot, "", nil)
	requireMismatch(t, false, err, "BASE")
}

// TestResourceLegacy: the rules of 2025-03-26 are for servers that give no sign of metadata at all.
func TestResourceLegacy(t *testing.T) {
	t.Parallel()
	pinned := []string{"https://pinned.example"}
	for name, c := range map[string]struct {
		named  string
		pinned []string
		policy Policy
		want   *protectedResource
		text   string
	}{
		"legacy":           {want: &protectedResource{resource: "BASE/a/mcp?x=1", issuers: []string{"BASE"}, legacy: true}},
		"pinned":           {pinned: pinned, want: &protectedResource{resource: "BASE/a/mcp?x=1", issuers: pinned}},
		"pinned, switched": {pinned: pinned, policy: Policy{NoLegacy: true}, want: &protectedResource{resource: "BASE/a/mcp?x=1", issuers: pinned}},
		"switched off":     {policy: Policy{NoLegacy: true}, text: "no protected resource metadata (RFC 9728)"},
		"named badly":      {named: "javascript:alert(1)", text: "resource_metadata"},
		"named, not there": {named: "BASE/named", text: "HTTP 404"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, nil)
			found, err := loose(c.policy).resource(t.Context(), s.at(t, "/a/mcp?x=1"), strings.ReplaceAll(c.named, "BASE", s.url), "", c.pinned)
			if c.want == nil {
				require.ErrorIs(t, err, ErrAuthorization)
				require.ErrorContains(t, err, c.text)
				return
			}
			require.NoError(t, err)
			c.want.resource = strings.ReplaceAll(c.want.resource, "BASE", s.url)
			if c.want.legacy {
				c.want.issuers = []string{s.url}
			}
			require.Equal(t, c.want, found)
			require.Equal(t, []string{atRoot + "/a/mcp?x=1", atRoot}, s.requests())
		})
	}
}

func TestResourceHook(t *testing.T) {
	t.Parallel()
	s := newSite(t, map[string]page{atPath: resourcePage("BASE/mcp")})
	d := loose(Policy{Resource: func(server *url.URL, advertised string) string {
		server.Host = "changed.example"
		return strings.TrimPrefix(advertised, s.url)
	}})
	server := s.at(t, "/mcp")
	found, err := d.resource(t.Context(), server, "", "", nil)
	require.NoError(t, err)
	require.Equal(t, "/mcp", found.resource)
	require.Equal(t, s.url+"/mcp", server.String(), "the hook has a copy")
	found, err = d.resource(t.Context(), s.at(t, "/other"), "", "", nil)
	require.NoError(t, err)
	require.True(t, found.legacy)
	require.Equal(t, "/other", found.resource)
}

func TestResourceSlow(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		cancel()
		<-r.Context().Done()
	}))
	t.Cleanup(server.Close)
	at, err := url.Parse(server.URL + "/mcp")
	require.NoError(t, err)
	_, err = strict().resource(ctx, at, "", "", nil)
	requireMetadataError(t, err)
	require.ErrorIs(t, err, context.Canceled)
}

func requireMetadataError(t *testing.T, err error) *MetadataError {
	t.Helper()
	bad := &MetadataError{}
	require.ErrorAs(t, err, &bad)
	require.ErrorIs(t, err, ErrAuthorization)
	return bad
}

func requireMismatch(t *testing.T, good bool, err error, resource string) {
	t.Helper()
	if good {
		require.NoError(t, err, resource)
		return
	}
	mismatch := &ResourceMismatchError{}
	require.ErrorAs(t, err, &mismatch, resource)
}
