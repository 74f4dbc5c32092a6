package auth

import (
	"errors"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestChooseIssuer(t *testing.T) {
	t.Parallel()
	const a, b, c, d = "https://a.example", "https://b.example/t", "https://c.example", "https://d.example"
	last := func(_ *url.URL, issuers []string) (string, error) { return issuers[len(issuers)-1], nil }
	for name, c := range map[string]struct {
		listed, pinned, held []string
		policy               Policy
		want                 string
	}{
		"first":                     {listed: []string{a, b}, want: a},
		"first usable":              {listed: []string{"", "javascript:alert(1)", a + "?x", a + "#x", b, a}, want: b},
		"pinned":                    {listed: []string{a, b}, pinned: []string{b}, want: b},
		"pinned, in order":          {listed: []string{a, b, c}, pinned: []string{d, c, a}, want: c},
		"pinned before held":        {listed: []string{a, b}, pinned: []string{b}, held: []string{a}, want: b},
		"pinned, some held":         {listed: []string{a, b}, pinned: []string{b, a}, held: []string{a}, policy: Policy{ChooseIssuer: last}, want: b},
		"held":                      {listed: []string{a, b}, held: []string{b}, want: b},
		"held, in order":            {listed: []string{a, b, c}, held: []string{d, c, b}, want: c},
		"held, not listed":          {listed: []string{a, b}, held: []string{c}, want: a},
		"held before the hook":      {listed: []string{a, b}, held: []string{a}, policy: Policy{ChooseIssuer: last}, want: a},
		"hook":                      {listed: []string{a, b, "x"}, policy: Policy{ChooseIssuer: last}, want: b},
		"trusted":                   {listed: []string{a, b}, policy: Policy{TrustedIssuers: []string{b}}, want: b},
		"trusted before held":       {listed: []string{a, b}, held: []string{a}, policy: Policy{TrustedIssuers: []string{b}}, want: b},
		"trusted before the hook":   {listed: []string{a, b, c}, policy: Policy{TrustedIssuers: []string{a, b}, ChooseIssuer: last}, want: b},
		"trusted and pinned":        {listed: []string{a, b}, pinned: []string{a, b}, policy: Policy{TrustedIssuers: []string{b}}, want: b},
		"slash, pinned":             {listed: []string{a, b}, pinned: []string{b + "/"}, policy: Policy{TrailingSlash: true}, want: b},
		"slash, held":               {listed: []string{a, b + "/"}, held: []string{b}, policy: Policy{TrailingSlash: true}, want: b + "/"},
		"slash, held, but strictly": {listed: []string{a, b + "/"}, held: []string{b}, want: a},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			chosen, err := loose(c.policy).chooseIssuer(mcpServer(t), &protectedResource{issuers: c.listed}, c.pinned, c.held)
			require.NoError(t, err)
			require.Equal(t, c.want, chosen)
		})
	}
}

func TestChooseIssuerChanged(t *testing.T) {
	t.Parallel()
	pinned, listed := []string{"https://old.example", "https://older.example"}, []string{"https://old.example/", "https://new.example"}
	_, err := strict().chooseIssuer(mcpServer(t), &protectedResource{issuers: listed}, pinned, listed)
	changed := &ServerChangedError{}
	require.ErrorAs(t, err, &changed)
	require.ErrorIs(t, err, ErrAuthorization)
	require.Equal(t, ServerChangedError{Server: "https://mcp.example/mcp", Known: pinned, Offered: listed}, *changed)
	changed.Known[0], changed.Offered[0] = "x", "x"
	require.Equal(t, "https://old.example", pinned[0])
	require.Equal(t, "https://old.example/", listed[0])
}

func TestChooseIssuerUntrusted(t *testing.T) {
	t.Parallel()
	for name, trusted := range map[string][]string{"other": {"https://a.example/", "https://c.example"}, "none": {}} {
		for _, pinned := range [][]string{nil, {"https://a.example"}} {
			d := loose(Policy{TrustedIssuers: trusted, ChooseIssuer: func(*url.URL, []string) (string, error) { panic("there is no choice") }})
			_, err := d.chooseIssuer(mcpServer(t), &protectedResource{issuers: []string{"https://a.example"}}, pinned, []string{"https://a.example"})
			mismatch := &IssuerMismatchError{}
			require.ErrorAs(t, err, &mismatch, name)
			require.Equal(t, "configuration", mismatch.Kind)
			require.Equal(t, "https://a.example", mismatch.Received)
		}
	}
}

func TestChooseIssuerUnusable(t *testing.T) {
	t.Parallel()
	for _, listed := range [][]string{nil, {""}, {"x", "javascript:alert(1)"}, {"https://a.example?x"}} {
		_, err := strict().chooseIssuer(mcpServer(t), &protectedResource{issuers: listed}, nil, nil)
		require.ErrorIs(t, err, ErrAuthorization)
	}
}

func TestChooseIssuerHook(t *testing.T) {
	t.Parallel()
	failure := errors.New("none of them")
	server, listed := mcpServer(t), []string{"https://a.example", "https://b.example"}
	for _, c := range []struct {
		chosen string
		err    error
		text   string
	}{
		{err: failure, text: "Policy.ChooseIssuer: none of them"},
		{chosen: "", text: "none of those"},
		{chosen: "https://evil.example", text: "none of those"},
	} {
		d := loose(Policy{ChooseIssuer: func(at *url.URL, issuers []string) (string, error) {
			at.Host, issuers[0] = "changed.example", "https://changed.example"
			return c.chosen, c.err
		}})
		_, err := d.chooseIssuer(server, &protectedResource{issuers: listed}, nil, nil)
		require.ErrorIs(t, err, ErrAuthorization)
		require.ErrorContains(t, err, c.text)
		require.Equal(t, c.err != nil, errors.Is(err, failure))
	}
	require.Equal(t, "https://mcp.example/mcp?key=1", server.String(), "the hook has copies")
	require.Equal(t, "https://a.example", listed[0])
}

// TestDiscovererKeepsItsPolicy: what the caller does with its slices later changes nothing.
func TestDiscovererKeepsItsPolicy(t *testing.T) {
	t.Parallel()
	policy := Policy{AssumePKCE: []string{"https://a.example"}, TrustedIssuers: []string{"https://a.example"}}
	d := loose(policy)
	policy.AssumePKCE[0], policy.TrustedIssuers[0] = "x", "x"
	require.Equal(t, Policy{AssumePKCE: []string{"https://a.example"}, TrustedIssuers: []string{"https://a.example"}}, d.policy)
}

func mcpServer(t *testing.T) *url.URL {
	t.Helper()
	server, err := url.Parse("https://mcp.example/mcp?key=1")
	require.NoError(t, err)
	return server
}
