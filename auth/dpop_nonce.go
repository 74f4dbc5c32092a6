package auth

import (
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// nonceMemory keeps what servers want to see in proofs: the latest nonce of each
// origin, and how far its clock is from ours. The zero value is empty and ready;
// it is safe for concurrent use. An authorization server and an MCP server on
// one origin hand out nonces of their own each: one memory for each of the two.
type nonceMemory struct {
	mu      sync.Mutex
	origins map[string]proofTerms // guarded by mu
}

// proofTerms is what one origin wants to see.
type proofTerms struct {
	nonce string        // "": none
	ahead time.Duration // of its clock before ours
}

const (
	maxNonceOrigins = 256
	maxNonce        = 1 << 10 // bytes

	// minClockError is what the Date header may be off without a meaning: it
	// knows only seconds, and it was on its way.
	minClockError = 5 * time.Second
	// maxClockError bounds what is believed. A clock that is off by more fails
	// to verify certificates, too.
	maxClockError = 24 * time.Hour
)

// terms returns what the origin of at wants to see, as far as it is known.
func (m *nonceMemory) terms(at *url.URL) proofTerms {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.origins[nonceOrigin(at)]
}

// learn keeps the nonce that a response from at carries, if it does. It is told
// of every response, whatever its status (RFC 9449 sections 8.2 and 9).
func (m *nonceMemory) learn(at *url.URL, header http.Header) {
	if nonce := header.Get("DPoP-Nonce"); isNonce(nonce) {
		m.change(at, func(known *proofTerms) { known.nonce = nonce })
	}
}

// mend is asked after at refused a proof with an error code, and learns from the
// response. It returns true if there is something to do better: a nonce to put
// in, or, by the Date of the response, another time. The caller sees to it that
// it tries each once.
func (m *nonceMemory) mend(at *url.URL, code string, header http.Header, now time.Time) (better proofTerms, ok bool) {
	m.learn(at, header)
	better = m.terms(at)
	switch code {
	case "use_dpop_nonce":
		// That very nonce: a parallel response may have brought another, and a
		// server may take each once.
		better.nonce = header.Get("DPoP-Nonce")
		return better, isNonce(better.nonce)
	case "invalid_dpop_proof":
		date, err := http.ParseTime(header.Get("Date"))
		ahead := date.Sub(now)
		if err != nil || (ahead-better.ahead).Abs() < minClockError || ahead.Abs() > maxClockError {
			return better, false
		}
		m.change(at, func(known *proofTerms) { known.ahead = ahead })
		better.ahead = ahead
		return better, true
	}
	return better, false
}

func (m *nonceMemory) change(at *url.URL, change func(*proofTerms)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	origin := nonceOrigin(at)
	known, ok := m.origins[origin]
	if !ok && len(m.origins) >= maxNonceOrigins {
		// Any will do: whoever is forgotten asks once more.
		for other := range m.origins {
			delete(m.origins, other)
			break
		}
	}
	change(&known)
	if m.origins == nil {
		m.origins = map[string]proofTerms{}
	}
	m.origins[origin] = known
}

func nonceOrigin(at *url.URL) string {
	return strings.ToLower(at.Scheme + "://" + at.Host)
}

// isNonce checks the syntax of RFC 9449 section 8.1: what comes from a header
// goes into a signed text.
func isNonce(text string) bool {
	return text != "" && len(text) <= maxNonce && !strings.ContainsFunc(text, func(r rune) bool {
		return r < 0x21 || r > 0x7e || r == '"' || r == '\\'
	})
}
