package mcpclient

import (
	"net/url"
	"strconv"
	"strings"
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
// such as a name of a megabyte.
func clip(text string) string {
	if len(text) <= maxQuoted {
		return text
	}
	return strings.ToValidUTF8(text[:maxQuoted], "") + "…"
}

// excerpt is quote for names, which stay bare when they are plain.
func excerpt(s string) string {
	if q := quote(s); len(q) != len(s)+2 {
		return q
	}
	return s
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
