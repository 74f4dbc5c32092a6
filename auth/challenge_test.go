package auth

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParseChallenges(t *testing.T) {
	const prm = "https://mcp.example/.well-known/oauth-protected-resource/mcp"
	bearer := func(change func(*challenge)) []challenge {
		c := challenge{scheme: "bearer"}
		if change != nil {
			change(&c)
		}
		return []challenge{c}
	}
	withPRM := bearer(func(c *challenge) { c.resourceMetadata = prm })
	for _, c := range []struct {
		name  string
		lines []string
		want  []challenge
	}{
		{"none", nil, nil},
		{"empty", []string{""}, nil},
		{"separators", []string{" , ,\t,"}, nil},
		{"bare scheme", []string{"Bearer"}, bearer(nil)},
		{"case of names", []string{`bEARER RESOURCE_Metadata="` + prm + `"`}, withPRM},
		{"space around equals", []string{"Bearer resource_metadata \t= \t\"" + prm + `"`}, withPRM},
		{"leading and trailing commas", []string{`, Bearer resource_metadata="` + prm + `",,`}, withPRM},
		{"comma behind scheme", []string{`Bearer, resource_metadata="` + prm + `"`}, withPRM},
		{"no comma between", []string{`Bearer realm="x" resource_metadata="` + prm + `"`}, withPRM},
		{"semicolon between", []string{`Bearer realm=x; resource_metadata="` + prm + `"`}, withPRM},
		{"URL without quotes", []string{`Bearer resource_metadata=` + prm + `, realm=x`}, withPRM},
		{"first of two counts", []string{`Bearer resource_metadata="` + prm + `", resource_metadata="https://evil.example/"`}, withPRM},
		{"first counts although useless", []string{`Bearer resource_metadata="/x", resource_metadata="` + prm + `"`}, bearer(nil)},
		{"parameter on the next line", []string{`Bearer realm="x"`, `resource_metadata="` + prm + `"`}, withPRM},
		{"relative", []string{`Bearer resource_metadata="/.well-known/oauth-protected-resource"`}, bearer(nil)},
		{"script", []string{`Bearer resource_metadata="javascript:alert(1)"`}, bearer(nil)},
		{"user in it", []string{`Bearer resource_metadata="https://u:p@mcp.example/"`}, bearer(nil)},
		{"http is for checkURL to judge", []string{`Bearer resource_metadata="http://localhost:1/x"`},
			bearer(func(c *challenge) { c.resourceMetadata = "http://localhost:1/x" })},
		{"escapes", []string{`Bearer error="a \"b\", \\ c\d", scope="a"`},
			bearer(func(c *challenge) { c.code, c.scopes = `a "b", \ cd`, []string{"a"} })},
		{"a scheme within quotes", []string{`Bearer error="x, Basic y, DPoP scope=none", scope="a  b c"`},
			bearer(func(c *challenge) {
				c.code, c.scopes = "x, Basic y, DPoP scope=none", []string{"a", "b", "c"}
			})},
		{"open quote", []string{`Bearer scope="a", error="invalid_token`}, bearer(func(c *challenge) { c.scopes = []string{"a"} })},
		{"open quote ends with its line", []string{`Bearer realm="x`, `DPoP scope="a"`},
			[]challenge{{scheme: "bearer"}, {scheme: "dpop", scopes: []string{"a"}}}},
		{"lone backslash", []string{`Bearer error="x\`}, bearer(nil)},
		{"orphan quoted string", []string{`Bearer realm="x" "Basic, scope=evil", scope="a"`}, bearer(func(c *challenge) { c.scopes = []string{"a"} })},
		{"words without quotes", []string{`Bearer error=The token expired, scope="a"`},
			bearer(func(c *challenge) { c.code, c.scopes = "The", []string{"a"} })},
		{"no scheme", []string{`error="invalid_token", scope="a"`}, nil},
		{"odd scopes are left out", []string{"Bearer scope=\"a \xff b\\\"c d\te\""}, bearer(func(c *challenge) { c.scopes = []string{"a", "d", "e"} })},
		{"other characters", []string{"\x00Bearer \x7f@(){}[]<>?:/\\ scope=\"a\""}, bearer(func(c *challenge) { c.scopes = []string{"a"} })},
		{"several schemes on a line", []string{`Basic realm="x, y", Bearer error="insufficient_scope", scope="files:read files:write", DPoP scope="x y", error="use_dpop_nonce"`},
			[]challenge{
				{scheme: "basic"},
				{scheme: "bearer", code: "insufficient_scope", scopes: []string{"files:read", "files:write"}},
				{scheme: "dpop", code: "use_dpop_nonce", scopes: []string{"x", "y"}},
			}},
		{"token68", []string{`Negotiate YWJj/+==, Bearer scope="a", NTLM TlRM, Basic`},
			[]challenge{
				{scheme: "negotiate"}, {scheme: "bearer", scopes: []string{"a"}},
				{scheme: "ntlm"}, {scheme: "basic"},
			}},
		{"token68 that looks like a parameter", []string{`Negotiate scope==, Bearer`}, []challenge{{scheme: "negotiate"}, {scheme: "bearer"}}},
	} {
		require.Equal(t, c.want, parseChallenges(http.Header{"Www-Authenticate": c.lines}), c.name)
	}
}

func TestPickChallenge(t *testing.T) {
	const basic, bearer, dpop = `Basic realm="x"`, `Bearer scope="b"`, `DPoP scope="d", algs="ES256"`
	for _, c := range []struct {
		lines      []string
		holds      bool
		scheme, at string
		scope      string
	}{
		{lines: []string{basic, bearer, dpop}, scheme: "bearer", scope: "b"},
		{lines: []string{basic, bearer, dpop}, holds: true, scheme: "dpop", scope: "d"},
		{lines: []string{bearer, `Bearer scope="b2"`}, scheme: "bearer", scope: "b"},
		{lines: []string{basic, bearer}, holds: true, scheme: "bearer", scope: "b"},
		{lines: []string{basic, dpop}, scheme: "dpop", scope: "d"},
		{lines: []string{basic}},
		{lines: []string{`Basic realm="x", resource_metadata="https://a.example/", scope="no"`}, at: "https://a.example/"},
		{lines: []string{bearer, `Bearer resource_metadata="https://a.example/"`, `X resource_metadata="https://b.example/"`}, scheme: "bearer", scope: "b", at: "https://a.example/"},
		{},
	} {
		got := pickChallenge(http.Header{"Www-Authenticate": c.lines}, c.holds)
		require.Equal(t, c.scheme, got.scheme, c.lines)
		require.Equal(t, c.at, got.resourceMetadata, c.lines)
		require.Equal(t, c.scope, strings.Join(got.scopes, " "), c.lines)
	}
}

func TestChallengeMeaning(t *testing.T) {
	pick := func(line string) challenge { return pickChallenge(http.Header{"Www-Authenticate": {line}}, true) }
	require.True(t, pick(`DPoP error="use_dpop_nonce"`).wantsNonce())
	require.False(t, pick(`Bearer error="use_dpop_nonce"`).wantsNonce())
	require.False(t, pick(`DPoP error="invalid_dpop_proof"`).wantsNonce())
	require.True(t, pick(`Bearer error="insufficient_scope"`).insufficientScope())
	require.True(t, pick(`DPoP error="insufficient_scope"`).insufficientScope())
	require.False(t, pick(`Bearer error="invalid_token"`).insufficientScope())
	require.False(t, challenge{}.wantsNonce() || challenge{}.insufficientScope())
}

func TestChallengeBounds(t *testing.T) {
	require.Len(t, parseChallenges(http.Header{"Www-Authenticate": {strings.Repeat("A, ", 40)}}), maxChallenges)
	var manyScopes strings.Builder
	for i := range 500 {
		fmt.Fprintf(&manyScopes, "s%d ", i)
	}
	many := parseChallenges(http.Header{"Www-Authenticate": {`Bearer scope="` + manyScopes.String() + `"`}})
	require.Len(t, many[0].scopes, scopeLimit)

	long := `Negotiate ` + strings.Repeat("A", maxChallengeBytes)
	got := parseChallenges(http.Header{"Www-Authenticate": {`Basic realm="x"`, long, `Bearer scope="a"`}})
	require.Len(t, got, 2)
	require.Equal(t, []string{"a"}, got[1].scopes)

	half := `Bearer realm="` + strings.Repeat("A", maxChallengeBytes/2) + `"`
	require.Len(t, parseChallenges(http.Header{"Www-Authenticate": {half, half, "Basic"}}), 2, "all lines together")
}

func FuzzChallenges(f *testing.F) {
	for _, seed := range []string{
		`Bearer resource_metadata="https://mcp.example/.well-known/oauth-protected-resource", scope="a b"`,
		`Basic realm="x, Bearer y", Bearer error="invalid_token", error_description="a \"b\" c"`,
		`Negotiate YWJj==, DPoP algs="ES256", error="use_dpop_nonce"`,
		"Bearer realm=\"x\nBearer scope=a;b=c,\"", `Bearer error="x\`, ", = == \" \\", "A =\xff",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		h := http.Header{"Www-Authenticate": strings.Split(text, "\n")}
		all := parseChallenges(h)
		require.LessOrEqual(t, len(all), maxChallenges)
		for _, c := range all {
			require.NotEmpty(t, c.scheme)
			require.LessOrEqual(t, len(c.scopes), scopeLimit)
			for _, scope := range c.scopes {
				require.NotContains(t, scope, " ")
			}
			if c.resourceMetadata != "" {
				at, err := url.Parse(c.resourceMetadata)
				require.NoError(t, err)
				require.NotEmpty(t, at.Host)
			}
		}
		// What a strict server writes is read back as it is, whatever stands around it.
		quoted := strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(strings.ReplaceAll(text, "\n", " "))
		if len(quoted) > maxChallengeBytes/2 {
			return
		}
		back := parseChallenges(http.Header{"Www-Authenticate": {`Basic a=b, Bearer error="` + quoted + `", scope="e", DPoP`}})
		require.Len(t, back, 3)
		require.Equal(t, challenge{scheme: "bearer", code: strings.ReplaceAll(text, "\n", " "), scopes: []string{"e"}}, back[1])
	})
}
