package auth

import (
	"slices"
	"strings"
)

// Bounds of a set of scopes. Whoever sends more does not mean well, and a URL
// with more would not be opened.
const (
	scopeLimit     = 256      // scopes in a set
	scopeTextLimit = 16 << 10 // bytes of a set, written as one text
)

const offlineAccess = "offline_access"

// initialScopes are the scopes of the first authorization: those of the
// challenge, else all that the resource lists, else the application's own. Empty:
// the parameter is left out, and the server decides.
func initialScopes(challenged, resource, defaults []string) []string {
	for _, scopes := range [][]string{challenged, resource, defaults} {
		if scopes := union(scopes, nil); len(scopes) > 0 {
			return scopes
		}
	}
	return nil
}

// withOffline adds offline_access for a client that wants refresh tokens, if the
// authorization server lists it. An empty set stays empty: it asks for the
// server's default, which offline_access alone would replace.
func withOffline(scopes []string, as *authServer, wantRefresh bool) []string {
	if !wantRefresh || len(scopes) == 0 || !slices.Contains(as.scopes, offlineAccess) || slices.Contains(scopes, offlineAccess) {
		return scopes
	}
	return append(slices.Clone(scopes), offlineAccess)
}

// union returns a and what b adds to it, each scope once and in the order in
// which they come first. What is no scope (RFC 6749 section 3.3) is left out, and
// so is what goes over the bounds.
func union(a, b []string) []string {
	var all []string
	size := 0
	seen := map[string]bool{}
	for _, scopes := range [][]string{a, b} {
		for _, scope := range scopes {
			if seen[scope] || !isScope(scope) {
				continue
			}
			if size += len(scope) + 1; len(all) == scopeLimit || size > scopeTextLimit {
				return all
			}
			seen[scope] = true
			all = append(all, scope)
		}
	}
	return all
}

// contains reports whether every wanted scope is granted.
func contains(granted, wanted []string) bool {
	for _, scope := range wanted {
		if !slices.Contains(granted, scope) {
			return false
		}
	}
	return true
}

// parseScope reads the text of a scope parameter.
func parseScope(text string) []string {
	if len(text) > scopeTextLimit {
		// The last one may be cut: another scope than was written must not come of it.
		text = text[:strings.LastIndexByte(text[:scopeTextLimit+1], ' ')+1]
	}
	return union(strings.Fields(text), nil)
}

// joinScope writes the text of a scope parameter; "": leave it out.
func joinScope(scopes []string) string { return strings.Join(union(scopes, nil), " ") }

func isScope(text string) bool {
	return text != "" && !strings.ContainsFunc(text, func(r rune) bool {
		return r <= ' ' || r > '~' || r == '"' || r == '\\'
	})
}
