package auth

import (
	"errors"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAuthorizationResponse(t *testing.T) {
	const state, issuer = "state-of-this-authorization", "https://as.example"
	foreign := errForeignState
	unusable := func(text string) error {
		return &InteractionError{Issuer: issuer, Err: errors.New("the authorization response has " + text)}
	}
	mismatch := func(received string) error {
		return &IssuerMismatchError{Kind: "authorization response", Expected: issuer, Received: received}
	}
	denied := &AccessDeniedError{Issuer: issuer, Code: "access_denied", Description: "no"}
	for _, test := range []struct {
		name       string
		advertised bool
		query      string
		code       string
		err        error
	}{
		{"code", false, "state=S&code=C", "C", nil},
		{"code with more", false, "state=S&code=C&session_state=x&session_state=y", "C", nil},

		{"no state", false, "code=C", "", foreign},
		{"empty state", false, "state=&code=C", "", foreign},
		{"another state", false, "state=other&code=C", "", foreign},
		{"longer state", false, "state=Sx&code=C", "", foreign},
		{"state in another case", false, "state=STATE-of-this-authorization&code=C", "", foreign},
		{"state twice", false, "state=S&state=S&code=C", "", foreign},
		{"state first: foreign error", false, "state=other&error=access_denied", "", foreign},
		{"state first: foreign issuer", true, "state=other&code=C&iss=https://evil.example", "", foreign},
		{"state first: repeated code", false, "state=other&code=C&code=D", "", foreign},

		{"code twice", false, "state=S&code=C&code=C", "", unusable("the parameter code more than once")},
		{"iss twice", true, "state=S&code=C&iss=I&iss=I", "", unusable("the parameter iss more than once")},
		{"error twice", false, "state=S&error=a&error=b", "", unusable("the parameter error more than once")},

		// RFC 9207: the four rows.
		{"promised and right", true, "state=S&code=C&iss=I", "C", nil},
		{"promised and wrong", true, "state=S&code=C&iss=https://evil.example", "", mismatch("https://evil.example")},
		{"promised and missing", true, "state=S&code=C", "", mismatch("")},
		{"promised and empty", true, "state=S&code=C&iss=", "", mismatch("")},
		{"not promised and right", false, "state=S&code=C&iss=I", "C", nil},
		{"not promised and wrong", false, "state=S&code=C&iss=https://evil.example", "", mismatch("https://evil.example")},
		{"not promised and missing", false, "state=S&code=C", "C", nil},
		{"not promised and empty", false, "state=S&code=C&iss=", "C", nil},

		// Form-decoded, and nothing else.
		{"form-encoded", true, "state=S&code=C&iss=https%3A%2F%2Fas.example", "C", nil},
		{"slash", true, "state=S&code=C&iss=I/", "", mismatch("https://as.example/")},
		{"port", true, "state=S&code=C&iss=https://as.example:443", "", mismatch("https://as.example:443")},
		{"case", true, "state=S&code=C&iss=https://AS.example", "", mismatch("https://AS.example")},
		{"encoded twice", true, "state=S&code=C&iss=https%253A%252F%252Fas.example", "", mismatch("https%3A%2F%2Fas.example")},

		{"denied", false, "state=S&error=access_denied&error_description=no", "", denied},
		{"denied by the right one", true, "state=S&error=access_denied&error_description=no&iss=I", "", denied},
		{"error before code", false, "state=S&code=C&error=access_denied&error_description=no", "", denied},
		{"error of another issuer", true, "state=S&error=evil&error_description=call+us&iss=https://evil.example", "", mismatch("https://evil.example")},
		{"error of another issuer, not promised", false, "state=S&error=evil&error_description=call+us&iss=https://evil.example", "", mismatch("https://evil.example")},
		{"error without the promised issuer", true, "state=S&error=evil&error_description=call+us", "", mismatch("")},
		{"empty error is none", false, "state=S&error=&code=C", "C", nil},
		{"long words", false, "state=S&error=x&error_description=" + strings.Repeat("y", 5000), "", &AccessDeniedError{Issuer: issuer, Code: "x", Description: strings.Repeat("y", 4096)}},

		{"neither", false, "state=S", "", unusable("neither a code nor an error")},
		{"empty code", false, "state=S&code=", "", unusable("neither a code nor an error")},
	} {
		t.Run(test.name, func(t *testing.T) {
			query, err := url.ParseQuery(strings.NewReplacer("=S&", "="+state+"&", "=Sx", "="+state+"x", "=I", "="+issuer).Replace(test.query + "&"))
			require.NoError(t, err)
			p := &pendingAuthorization{State: state, issuance: issuance{Issuer: issuer}, SendsIssuer: test.advertised}
			code, err := p.check(query)
			require.Equal(t, test.err, err)
			require.Equal(t, test.code, string(code))
			if err == nil {
				return
			}
			require.NotContains(t, err.Error(), "evil")
			require.NotContains(t, err.Error(), "call us")
			require.NotContains(t, err.Error(), state)
			if !errors.Is(err, errForeignState) {
				require.ErrorIs(t, err, ErrAuthorization)
			}
		})
	}
}

func TestNoAuthorizationWithoutStateIsAnswered(t *testing.T) {
	_, err := (&pendingAuthorization{}).check(url.Values{"state": {""}, "code": {"C"}})
	require.ErrorIs(t, err, errForeignState)
}

func FuzzAuthorizationResponse(f *testing.F) {
	for _, query := range []string{"state=S&code=C", "state=S&code=C&iss=I", "state=S&error=e&iss=I", "state=S&state=S&code=C", "code=C;state=S", "state=S&code=C&iss=%49", "%73tate=S&code=C"} {
		f.Add(query, true)
		f.Add(query, false)
	}
	f.Fuzz(func(t *testing.T, raw string, advertised bool) {
		query, _ := url.ParseQuery(raw)
		p := &pendingAuthorization{State: "S", issuance: issuance{Issuer: "I"}, SendsIssuer: advertised}
		code, err := p.check(query)
		require.Equal(t, err == nil, code != "")
		if err != nil {
			return
		}
		require.Equal(t, []string{"S"}, query["state"])
		require.Equal(t, []string{string(code)}, query["code"])
		require.Empty(t, query.Get("error"))
		if advertised || query.Get("iss") != "" {
			require.Equal(t, []string{"I"}, query["iss"])
		}
	})
}
