package authtest

import (
	"crypto/sha256"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// proofBook is what the server knows of DPoP proofs. The server's mutex guards it.
type proofBook struct {
	ids           map[string]bool // jti of every proof
	tokenNonce    string          // of the token endpoint
	resourceNonce string          // of the resources
}

func newProofBook() proofBook {
	book := proofBook{ids: make(map[string]bool)}
	book.rotateLocked()
	return book
}

func (b *proofBook) rotateLocked() { b.tokenNonce, b.resourceNonce = random(16), random(16) }

// nonce returns the nonce of the token endpoint or of the resources, "" without [Nonces].
func (s *Server) nonce(token bool) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case !s.config.nonces:
		return ""
	case token:
		return s.proofs.tokenNonce
	}
	return s.proofs.resourceNonce
}

// checkProof checks the proof of a request (RFC 9449 section 4.3) and returns
// the thumbprint of its key; "" means that there is no proof. access is the
// token that the proof goes with, "" at the token endpoint.
func (s *Server) checkProof(x *exchange, target, access string) (keyID string, no *refusal) {
	proofs := x.r.Header.Values("DPoP")
	switch {
	case !s.config.dpop, len(proofs) == 0:
		return "", nil
	case len(proofs) > 1:
		return "", wrongProof("there were several DPoP headers")
	}
	proof, err := parseJWS(proofs[0])
	if err != nil {
		return "", wrongProof(err.Error())
	}
	keyID, no = proof.proofKey()
	if no != nil {
		return "", no
	}
	if no := proof.checkProofClaims(x.r, target, access); no != nil {
		return "", no
	}
	s.mu.Lock()
	replayed := s.proofs.ids[proof.claim("jti")]
	s.proofs.ids[proof.claim("jti")] = true
	if replayed {
		s.ledger.replayed++
	}
	s.mu.Unlock()
	if replayed {
		return "", wrongProof("the same proof was sent again")
	}
	if nonce := s.nonce(access == ""); nonce != "" && proof.claim("nonce") != nonce {
		return "", refuse("use_dpop_nonce", "the proof needs the current nonce")
	}
	return keyID, nil
}

func wrongProof(description string) *refusal {
	return broken("invalid_dpop_proof", "DPoP proof: "+description)
}

// proofKey checks the header and the signature against the key that the proof brings along.
func (j *jws) proofKey() (keyID string, no *refusal) {
	if text(j.header, "typ") != "dpop+jwt" {
		return "", wrongProof("its typ is not dpop+jwt")
	}
	if !slices.Contains(signingAlgs(), text(j.header, "alg")) {
		return "", wrongProof("its alg is not supported")
	}
	members, _ := j.header["jwk"].(map[string]any) // nil is no key
	key, err := parseJWK(members)
	if err != nil {
		return "", wrongProof(err.Error())
	}
	if err := j.verify(key); err != nil {
		return "", wrongProof(err.Error())
	}
	keyID, err = thumbprint(key)
	if err != nil {
		return "", wrongProof(err.Error())
	}
	return keyID, nil
}

func (j *jws) checkProofClaims(r *http.Request, target, access string) *refusal {
	issued, hasTime := j.at("iat")
	digest := sha256.Sum256([]byte(access))
	switch {
	case j.claim("jti") == "":
		return wrongProof("it has no jti")
	case j.claim("htm") != r.Method:
		return wrongProof("its htm is not the method")
	case !sameTarget(j.claim("htu"), target):
		return wrongProof("its htu " + j.claim("htu") + " is not " + target)
	case !hasTime || time.Since(issued).Abs() > 5*time.Minute:
		return wrongProof("its iat is not now")
	case access != "" && j.claim("ath") != encode(digest[:]):
		return wrongProof("its ath is not of this token")
	}
	return nil
}

// sameTarget compares as RFC 9449 section 4.3 allows: the query and the fragment have no place in htu.
func sameTarget(htu, target string) bool {
	at, err := url.Parse(htu)
	if err != nil || at.RawQuery != "" || at.Fragment != "" {
		return false
	}
	want, err := url.Parse(target)
	return err == nil && strings.EqualFold(at.Scheme, want.Scheme) && strings.EqualFold(at.Host, want.Host) && at.EscapedPath() == want.EscapedPath()
}
