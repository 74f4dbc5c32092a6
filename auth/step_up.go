package auth

import (
	"slices"
	"strings"
	"sync"
	"time"
)

// The bounds of step-up. With the first authorization, two for a set of scopes
// make three requests; a server that is not content with that never will be. The
// second bound is for one that names other scopes every time.
const (
	stepUpWindow      = 10 * time.Minute
	stepUpsOfSet      = 2
	stepUpsOfResource = 10
	stepUpsRemembered = 256
)

// stepUpMemory remembers for which scopes a token was asked for again, so that a
// server which is never satisfied does not keep the user at the consent page. The
// zero value is ready for use, also concurrently.
type stepUpMemory struct {
	mu       sync.Mutex
	attempts []stepUpAttempt // oldest first
}

type stepUpAttempt struct {
	issuer, resource string
	scopes           string // in order, so that a set has one name
	at               time.Time
}

// allow reports whether one more authorization for the wanted scopes makes sense,
// and counts it if so. Another issuer starts afresh: it has refused nothing yet.
func (m *stepUpMemory) allow(issuer, resource string, wanted []string, now time.Time) bool {
	attempt := stepUpAttempt{issuer: issuer, resource: resource, scopes: setName(wanted), at: now}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.attempts = slices.DeleteFunc(m.attempts, func(a stepUpAttempt) bool { return now.Sub(a.at) >= stepUpWindow })
	ofSet, ofResource := 0, 0
	for _, a := range m.attempts {
		if a.issuer != issuer || a.resource != resource {
			continue
		}
		ofResource++
		if a.scopes == attempt.scopes {
			ofSet++
		}
	}
	if ofSet >= stepUpsOfSet || ofResource >= stepUpsOfResource {
		return false
	}
	if len(m.attempts) == stepUpsRemembered {
		m.attempts = slices.Delete(m.attempts, 0, 1)
	}
	m.attempts = append(m.attempts, attempt)
	return true
}

func setName(scopes []string) string {
	return strings.Join(slices.Sorted(slices.Values(union(scopes, nil))), " ")
}
