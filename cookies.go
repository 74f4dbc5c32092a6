package mcpclient

import (
	"maps"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"sync"
	"time"
)

// What RFC 6265 section 6.1 asks of a client at least, for one domain: a session has no more than one.
const (
	maxCookies    = 50
	maxCookieSize = 4 << 10 // bytes of name, value and attributes
)

// boundedJar keeps the cookies of one session. The jar of the standard library takes
// any number, and a server may set two thousand with each answer: they would fill
// the memory, and slow down every request that looks through them.
//
// When it is full, further cookies are ignored. The first ones matter most: they
// steer load balancers.
type boundedJar struct {
	jar *cookiejar.Jar

	mu   sync.Mutex
	kept map[cookieID]time.Time // until when; zero: as long as the session. Guarded by mu
}

// cookieID is what makes two cookies the same (RFC 6265 section 5.3, step 11).
type cookieID struct{ name, domain, path string }

func newBoundedJar() *boundedJar {
	jar, _ := cookiejar.New(nil) // New never fails
	return &boundedJar{jar: jar, kept: make(map[cookieID]time.Time)}
}

// Cookies implements [http.CookieJar].
func (b *boundedJar) Cookies(u *url.URL) []*http.Cookie { return b.jar.Cookies(u) }

// SetCookies implements [http.CookieJar].
func (b *boundedJar) SetCookies(u *url.URL, cookies []*http.Cookie) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	for _, cookie := range cookies {
		if b.admitLocked(cookie, now) {
			b.jar.SetCookies(u, []*http.Cookie{cookie})
		}
	}
}

// admitLocked reports whether there is room for a cookie, and counts it.
func (b *boundedJar) admitLocked(cookie *http.Cookie, now time.Time) bool {
	if len(cookie.Name)+len(cookie.Value)+len(cookie.Domain)+len(cookie.Path) > maxCookieSize {
		return false
	}
	id := cookieID{cookie.Name, cookie.Domain, cookie.Path}
	until := expiry(cookie, now)
	over := func(_ cookieID, until time.Time) bool { return !until.IsZero() && !until.After(now) }
	if over(id, until) {
		delete(b.kept, id)
		return true // by which a server deletes it
	}
	if _, known := b.kept[id]; !known && len(b.kept) >= maxCookies {
		maps.DeleteFunc(b.kept, over)
		if len(b.kept) >= maxCookies {
			return false
		}
	}
	b.kept[id] = until
	return true
}

// expiry is when a cookie is over; zero: never. Max-Age goes before Expires (RFC 6265 section 5.3, step 3).
func expiry(cookie *http.Cookie, now time.Time) time.Time {
	const longest = 400 * 24 * 60 * 60 // seconds; a session that lasts longer may have it sent again
	switch {
	case cookie.MaxAge < 0:
		return now
	case cookie.MaxAge > 0:
		return now.Add(time.Duration(min(cookie.MaxAge, longest)) * time.Second)
	default:
		return cookie.Expires
	}
}
