package auth

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// Bounds of what is read of WWW-Authenticate.
const (
	maxChallengeBytes = 16 << 10 // all lines together
	maxChallenges     = 16
)

// challenge is what a server asks for when it refuses a request (RFC 9110 section
// 11.6.1). Every text in it is the server's, and not to be trusted.
type challenge struct {
	scheme           string   // lower case; "": none that we know
	resourceMetadata string   // an absolute http or https URL (RFC 9728 section 5.1); else ""
	scopes           []string // to be asked for (RFC 6750 section 3)
	code             string   // error
}

// wantsNonce: the token is fine, its proof lacks the server's nonce (RFC 9449 section 9).
func (c challenge) wantsNonce() bool { return c.scheme == "dpop" && c.code == "use_dpop_nonce" }

// insufficientScope: the token does not allow what was asked for (RFC 6750 section 3.1).
func (c challenge) insufficientScope() bool { return c.code == "insufficient_scope" }

// pickChallenge returns the challenge to act on: DPoP if there is a key for it,
// else Bearer, else DPoP, whose scopes and metadata hold without a key as well.
// Where it has no resource_metadata, that of any other challenge serves: a
// gateway's challenge may stand in front of the MCP server's.
func pickChallenge(h http.Header, holdsDPoP bool) challenge {
	all := parseChallenges(h)
	order := []string{"bearer", "dpop"}
	if holdsDPoP {
		slices.Reverse(order)
	}
	var picked challenge
	for _, scheme := range order {
		at := slices.IndexFunc(all, func(c challenge) bool { return c.scheme == scheme })
		if at >= 0 {
			picked = all[at]
			break
		}
	}
	for _, other := range all {
		if picked.resourceMetadata == "" && other.resourceMetadata != "" {
			picked.resourceMetadata = other.resourceMetadata
		}
	}
	return picked
}

// parseChallenges reads WWW-Authenticate, in all its lines. It is lenient: what
// cannot be read is passed over, and does not void what can.
func parseChallenges(h http.Header) []challenge {
	var p challengeParser
	room := maxChallengeBytes
	for _, line := range h.Values("Www-Authenticate") {
		// One that does not fit is left out whole: half of it could be half a URL.
		if len(line) <= room {
			room -= len(line)
			p.line(line)
		}
	}
	return p.found
}

type challengeParser struct {
	found []challenge
	seen  map[string]bool // parameters of the last challenge
	full  bool
}

// line reads one header line. A scheme and a parameter look alike up to what
// follows; a scheme also needs a comma, or the line's beginning, before it, so
// that the words of an unquoted description do not pass for schemes.
func (p *challengeParser) line(text string) {
	first := true
	for text != "" && !p.full {
		switch c := text[0]; {
		case c == ',':
			first, text = true, text[1:]
		case c == '"': // a quoted string that belongs to nothing
			_, text = readValue(text)
			first = false
		case !isTokenByte(c):
			text = text[1:]
		default:
			var name string
			name, text = readToken(text)
			if after, ok := strings.CutPrefix(strings.TrimLeft(text, " \t"), "="); ok {
				text = p.parameter(name, after)
			} else if first {
				p.scheme(name)
				text = skipToken68(text)
			}
			first = false
		}
	}
}

func (p *challengeParser) scheme(name string) {
	if len(p.found) == maxChallenges {
		p.full = true
		return
	}
	p.found = append(p.found, challenge{scheme: strings.ToLower(name)})
	p.seen = map[string]bool{}
}

// parameter reads the value behind the equals sign and returns the rest.
func (p *challengeParser) parameter(name, text string) (rest string) {
	value, rest := readValue(strings.TrimLeft(text, " \t"))
	name = strings.ToLower(name)
	if len(p.found) == 0 || p.seen[name] {
		return rest
	}
	p.seen[name] = true
	c := &p.found[len(p.found)-1]
	switch name {
	case "resource_metadata":
		if at, err := url.Parse(value); err == nil && malformed(at) == "" && (at.Scheme == "https" || at.Scheme == "http") {
			c.resourceMetadata = value
		}
	case "scope":
		c.scopes = parseScope(value)
	case "error":
		c.code = value
	}
	return rest
}

// readValue reads a quoted string, or what stands before white space or a
// separator: URLs are often sent bare. A string whose closing quote is missing
// counts for nothing: half of it could be half a URL.
func readValue(text string) (value, rest string) {
	if !strings.HasPrefix(text, `"`) {
		end := strings.IndexAny(text, " \t,;")
		if end < 0 {
			end = len(text)
		}
		return text[:end], text[end:]
	}
	var b strings.Builder
	for i := 1; i < len(text); i++ {
		switch text[i] {
		case '"':
			return b.String(), text[i+1:]
		case '\\':
			if i++; i < len(text) {
				b.WriteByte(text[i])
			}
		default:
			b.WriteByte(text[i])
		}
	}
	return "", ""
}

// skipToken68 passes over the credentials that some schemes have in place of
// parameters, such as the base64 of Negotiate.
func skipToken68(text string) string {
	start := strings.TrimLeft(text, " \t")
	end := 0
	for end < len(start) && (isAlphanumeric(start[end]) || strings.IndexByte("-._~+/", start[end]) >= 0) {
		end++
	}
	rest := strings.TrimLeft(start[end:], "=")
	if after := strings.TrimLeft(rest, " \t"); after == "" || after[0] == ',' {
		return after
	}
	return text
}

func readToken(text string) (token, rest string) {
	end := 0
	for end < len(text) && isTokenByte(text[end]) {
		end++
	}
	return text[:end], text[end:]
}

// isTokenByte follows RFC 9110 section 5.6.2.
func isTokenByte(c byte) bool {
	return isAlphanumeric(c) || strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0
}

func isAlphanumeric(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}
