package auth

import (
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestInitialScopes(t *testing.T) {
	challenged, listed, own := []string{"c"}, []string{"r1", "r2"}, []string{"d"}
	require.Equal(t, challenged, initialScopes(challenged, listed, own))
	require.Equal(t, listed, initialScopes(nil, listed, own))
	require.Equal(t, own, initialScopes(nil, []string{}, own))
	require.Empty(t, initialScopes(nil, nil, nil))
	require.Equal(t, []string{"a", "b"}, initialScopes([]string{"a", "b", "a", "not one"}, listed, own))
}

func TestInitialScopesAreACopy(t *testing.T) {
	theirs := []string{"a", "b"}
	ours := initialScopes(theirs, nil, nil)
	theirs[0] = "changed"
	require.Equal(t, []string{"a", "b"}, ours)
}

func TestWithOffline(t *testing.T) {
	lists, listsNot := &authServer{scopes: []string{"x", "offline_access"}}, &authServer{scopes: []string{"x"}}
	for _, c := range []struct {
		name   string
		scopes []string
		as     *authServer
		wanted bool
		added  bool
	}{
		{"listed and wanted", []string{"a"}, lists, true, true},
		{"not wanted", []string{"a"}, lists, false, false},
		{"not listed", []string{"a"}, listsNot, true, false},
		{"there already", []string{"offline_access", "a"}, lists, true, false},
		{"empty stays empty", nil, lists, true, false},
	} {
		scopes := withOffline(c.scopes, c.as, c.wanted)
		if c.added {
			require.Equal(t, []string{"a", "offline_access"}, scopes)
		} else {
			require.Equal(t, c.scopes, scopes, c.name)
		}
	}
}

func TestWithOfflineLeavesItsArgument(t *testing.T) {
	room := append(make([]string, 0, 4), "a", "b")
	require.Len(t, withOffline(room[:1], &authServer{scopes: []string{"offline_access"}}, true), 2)
	require.Equal(t, []string{"a", "b"}, room)
}

func TestUnion(t *testing.T) {
	require.Equal(t, []string{"b", "a", "c"}, union([]string{"b", "a", "b"}, []string{"a", "c"}))
	require.Equal(t, []string{"c"}, union(nil, []string{"c", "c"}))
	require.Empty(t, union(nil, nil))
}

func TestContains(t *testing.T) {
	require.True(t, contains([]string{"a", "b"}, []string{"b"}))
	require.True(t, contains([]string{"a"}, nil))
	require.False(t, contains([]string{"a"}, []string{"a", "b"}))
	require.False(t, contains(nil, []string{"a"}))
	require.False(t, contains([]string{"A"}, []string{"a"}), "scopes are case-sensitive (RFC 6749 section 3.3)")
}

func TestScopeText(t *testing.T) {
	require.Equal(t, []string{"mcp:read", "https://api.example/.default"}, parseScope("  mcp:read  https://api.example/.default mcp:read"))
	require.Empty(t, parseScope(""))
	require.Equal(t, []string{"ok"}, parseScope("quo\"te back\\slash \u00fcml\u00e4ut nul\x00 ok"))
	require.Equal(t, "a b", joinScope([]string{"a", "b", "a", "two words", "", "&evil\n"}))
	require.Empty(t, joinScope(nil))
}

func TestScopeBounds(t *testing.T) {
	var many []string
	for i := range 2 * scopeLimit {
		many = append(many, "s"+strconv.Itoa(i))
	}
	require.Equal(t, many[:scopeLimit], parseScope(strings.Join(many, " ")))

	long := strings.Repeat("x", 1000)
	text := strings.TrimSpace(strings.Repeat(long+"1 "+long+"2 ", 1000))
	require.Equal(t, []string{long + "1", long + "2"}, parseScope(text), "what is cut in the middle is no scope")

	require.Empty(t, parseScope(strings.Repeat("x", scopeTextLimit+1)))
}

func FuzzScope(f *testing.F) {
	for _, text := range []string{"", "a b", "a  b a", "\"", "offline_access openid", "a\tb\nc", strings.Repeat("x ", 400), "\xff\xfe"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		scopes := parseScope(text)
		joined := joinScope(scopes)
		require.LessOrEqual(t, len(scopes), scopeLimit)
		require.LessOrEqual(t, len(joined), scopeTextLimit)
		require.Equal(t, scopes, parseScope(joined))
		require.NotContains(t, joined, "\n")
		require.True(t, contains(scopes, scopes))
	})
}
