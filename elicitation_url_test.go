package mcpclient_test

import (
	"context"
	stdjson "encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient"
)

func TestElicitationOfPage(t *testing.T) {
	server := &mcpclient.ServerInfo{Name: "asker"}
	done := make(chan struct{})
	var got *mcpclient.URLElicitation
	asked := &mcpclient.Asked{
		Method: "elicitation/create", Server: server,
		Params: `{"mode":"url","message":"Log in","url":"https://example.com/a?b=c#d","elicitationId":"e-1","_meta":{"a":1}}`,
		Completion: func(id string) <-chan struct{} {
			require.Equal(t, "e-1", id)
			return done
		},
		ElicitURL: func(_ context.Context, u *mcpclient.URLElicitation) (*mcpclient.ElicitationReply, error) {
			got = u
			return mcpclient.Accept(nil), nil
		},
	}
	require.Equal(t, mcpclient.Told{Result: `{"action":"accept"}`}, asked.Answer(t.Context()))
	require.Equal(t, []string{"Log in", "https://example.com/a?b=c#d", "e-1"}, []string{got.Message, got.URL, got.ID})
	require.Same(t, server, got.Server)
	require.Contains(t, got.Meta, "a")
	select {
	case <-got.Completed():
		t.Fatal("nobody has finished")
	default:
	}
	close(done)
	<-got.Completed()

	asked.Params = `{"mode":"url","message":"Log in","url":"https://example.com/"}`
	require.NoError(t, asked.Answer(t.Context()).Err)
	require.Nil(t, got.Completed(), "no id: no notice")
	asked.Params, asked.Completion = `{"mode":"url","message":"m","url":"https://example.com/","elicitationId":"e-2"}`, nil
	require.NoError(t, asked.Answer(t.Context()).Err)
	require.Nil(t, got.Completed(), "an era without notices")
}

// A page that must not be opened is refused without a word to the user.
func TestElicitationPagesThatAreRefused(t *testing.T) {
	for address, reason := range map[string]string{
		"http://example.com/":          `the scheme "http" is not https`,
		"http://127.0.0.1.example.com": `the scheme "http" is not https`,
		"http://localhost.example.com": `the scheme "http" is not https`,
		"http://10.0.0.1/":             `the scheme "http" is not https`,
		"ftp://localhost/":             `the scheme "ftp" is not https`,
		"file://localhost/etc/passwd":  `the scheme "file" is not https`,
		"javascript://host/%0Aalert()": `the scheme "javascript" is not https`,
		"javascript:alert(1)":          "the url names no host",
		"data:text/html,hi":            "the url names no host",
		"https:example.com":            "the url names no host",
		"https:///path":                "the url names no host",
		"https://:443/":                "the url names no host",
		"//example.com/":               `the scheme "" is not https`,
		"/path":                        "the url names no host",
		"":                             "the url names no host",
		"https://exa mple.com/":        "the url cannot be parsed",
		"https://good.com\\@evil.com/": "the url cannot be parsed",
		"https://example.com/\x7f":     "the url cannot be parsed",
	} {
		params, err := stdjson.Marshal(map[string]string{"mode": "url", "message": "m", "url": address})
		require.NoError(t, err)
		asked := &mcpclient.Asked{
			Method: "elicitation/create", Params: string(params),
			ElicitURL: func(context.Context, *mcpclient.URLElicitation) (*mcpclient.ElicitationReply, error) {
				t.Errorf("the user was asked to open %q", address)
				return mcpclient.Decline(), nil
			},
		}
		got := asked.Answer(t.Context())
		require.EqualValues(t, invalidParams, got.Code, address)
		require.Equal(t, "invalid params: "+reason, got.Message, address)
		require.ErrorIs(t, got.Err, mcpclient.ErrProtocol, address)
	}
}

func TestElicitationPagesThatAreShown(t *testing.T) {
	for address, want := range map[string]struct {
		domain    string
		ambiguous bool
	}{
		"https://example.com/a?b=c":          {"example.com", false},
		"HTTPS://Example.com:8443/":          {"Example.com", false},
		"http://localhost:3000/cb":           {"localhost", false},
		"http://127.0.0.1:3000/":             {"127.0.0.1", false},
		"http://[::1]:3000/":                 {"::1", false},
		"https://xn--80ak6aa92e.com/":        {"xn--80ak6aa92e.com", true},
		"https://login.XN--80ak6aa92e.com/":  {"login.XN--80ak6aa92e.com", true},
		"https://аpple.com/":                 {"аpple.com", true},
		"https://%D0%B0pple.com/":            {"аpple.com", true},
		"https://bank.example@evil.example/": {"evil.example", true},
		"https://evil.example/\u202Eknab":    {"evil.example", true},
		"https://evil.example/ bank":         {"evil.example", true},
		"https://example.com/xn--nothing":    {"example.com", false},
		"https://no-xn--label.example/":      {"no-xn--label.example", false},
	} {
		params, err := stdjson.Marshal(map[string]string{"mode": "url", "message": "m", "url": address})
		require.NoError(t, err)
		asked := &mcpclient.Asked{
			Method: "elicitation/create", Params: string(params),
			ElicitURL: func(_ context.Context, u *mcpclient.URLElicitation) (*mcpclient.ElicitationReply, error) {
				require.Equal(t, address, u.URL)
				require.Equal(t, want.domain, u.Domain(), address)
				require.Equal(t, want.ambiguous, u.Ambiguous(), address)
				return mcpclient.Cancel(), nil
			},
		}
		require.Equal(t, mcpclient.Told{Result: `{"action":"cancel"}`}, asked.Answer(t.Context()), address)
	}
	made := &mcpclient.URLElicitation{URL: "https://exa mple.com"}
	require.Empty(t, made.Domain())
	require.True(t, made.Ambiguous())
}
