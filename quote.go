package mcpclient

import (
	"net/url"
	"strconv"
	"strings"
	"unicode"
)

// maxQuoted bounds what error texts repeat of the server's words.
const maxQuoted = 256

// quote renders server text safely: escaped, and cut at maxQuoted bytes.
func quote(s string) string {
	if len(s) <= maxQuoted {
		return strconv.Quote(s)
	}
	return strconv.Quote(s[:maxQuoted]) + "…"
}

// clip bounds the text of a foreign error: it may repeat what the server sent,
// such as a name of a megabyte. Most is quoted by then, but not all, such as the
// names of a certificate in an error of crypto/x509: no line is to be forged.
func clip(text string) string {
	more := ""
	if len(text) > maxQuoted {
		text, more = text[:maxQuoted], "…"
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, strings.ToValidUTF8(text, "")) + more
}

// excerpt is quote for names, which stay bare when they are plain.
func excerpt(s string) string {
	if q := quote(s); len(q) != len(s)+2 {
		return q
	}
	return s
}

// identifier is excerpt for what servers know things by: a name, or a URI, which
// is shown without what may be secret in it.
func identifier(s string) string {
	if strings.ContainsAny(s, "?#@") {
		s = withoutSecrets(s)
	}
	return excerpt(s)
}

// withoutSecrets drops what carries secrets in a URL: user, query and fragment.
func withoutSecrets(location string) string {
	u, err := url.Parse(location)
	if err != nil {
		return "an unreadable URL"
	}
	u.User, u.RawQuery, u.Fragment, u.ForceQuery = nil, "", "", false
	return u.String()
}
