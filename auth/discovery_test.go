package auth

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestDiscovery: the whole way from a refusal to the endpoints, over the layouts that the conformance suite has. The
// documents that must not be asked for are there, as traps.
func TestDiscovery(t *testing.T) {
	t.Parallel()
	prm, trap := resourcePage("BASE/mcp"), resourcePage("https://evil.example/mcp")
	tenant := `"authorization_servers":["BASE/tenant1"]`
	for name, c := range map[string]struct {
		named string
		pages map[string]page
		asked []string
	}{
		"default": {
			named: "BASE" + atPath, pages: map[string]page{atPath: prm, atRoot: trap, oauthAt: serverPage("BASE")},
			asked: []string{atPath, oauthAt},
		},
		"var1": {
			pages: map[string]page{atPath: prm, atRoot: trap, openIDAt: serverPage("BASE")},
			asked: []string{atPath, oauthAt, openIDAt},
		},
		"var2": {
			pages: map[string]page{
				atRoot: resourcePage("BASE", tenant), oauthAt + "/tenant1": serverPage("BASE/tenant1"), oauthAt: serverPage("https://evil.example"),
			},
			asked: []string{atPath, atRoot, oauthAt + "/tenant1"},
		},
		"var3": {
			named: "BASE/custom/metadata/location.json",
			pages: map[string]page{
				"/custom/metadata/location.json": resourcePage("BASE/mcp", tenant), atPath: trap, atRoot: trap,
				"/tenant1" + openIDAt: serverPage("BASE/tenant1"), oauthAt: serverPage("https://evil.example"),
			},
			asked: []string{"/custom/metadata/location.json", oauthAt + "/tenant1", openIDAt + "/tenant1", "/tenant1" + openIDAt},
		},
		"2025-03-26, metadata":  {pages: map[string]page{oauthAt: serverPage("BASE")}, asked: []string{atPath, atRoot, oauthAt}},
		"2025-03-26, endpoints": {asked: []string{atPath, atRoot, oauthAt, openIDAt}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, d := newSite(t, c.pages), strict()
			server := s.at(t, "/mcp")
			pr, err := d.resource(t.Context(), server, strings.ReplaceAll(c.named, "BASE", s.url), "2026-07-28", nil)
			require.NoError(t, err)
			issuer, err := d.chooseIssuer(server, pr, nil, nil)
			require.NoError(t, err)
			as, err := d.server(t.Context(), server, issuer, true, pr.legacy, "2026-07-28")
			require.NoError(t, err)
			require.Equal(t, c.asked, s.requests())
			require.Equal(t, issuer, as.issuer)
			require.Equal(t, strings.HasPrefix(name, "2025-03-26"), pr.legacy)
		})
	}
}
