package mcpclient_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient"
	"github.com/holdfast-mcp/mcpclient/mcptest"
)

// A 307 or 308 to the same origin is followed; nothing is ever sent anywhere else.
func TestRedirects(t *testing.T) {
	var strangers atomic.Int64
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { strangers.Add(1) }))
	defer elsewhere.Close()
	for name, httpClient := range map[string]*http.Client{"own transport": nil, "a user's client": {}, "a user's client that follows": {CheckRedirect: func(*http.Request, []*http.Request) error { return nil }}} {
		t.Run(name, func(t *testing.T) {
			client := &mcpclient.Client{HTTPClient: httpClient, Header: http.Header{"Authorization": {"Bearer s3cr3t"}}}
			t.Run("followed", func(t *testing.T) {
				for _, status := range []int{307, 308} {
					server := mcptest.New(t)
					server.Next(mcptest.Redirect(status, "/mcp/").On("initialize"), mcptest.Redirect(status, server.URL()).On("initialize"), mcptest.Redirect(status, "?x=1#f").On("initialize"))
					session, err := client.Connect(t.Context(), server.URL())
					require.NoError(t, err)
					_, err = session.CallTool(t.Context(), "echo", nil)
					require.NoError(t, err)
					require.NoError(t, session.Close())
					var last mcptest.Request
					for _, r := range server.Requests() {
						require.Equal(t, []string{"Bearer s3cr3t"}, r.Header["Authorization"])
						last = r
					}
					require.Len(t, requestsBy(server, http.MethodPost, "initialize"), 4, "with its body each time")
					require.Equal(t, http.MethodDelete, last.HTTPMethod)
					require.Equal(t, "/mcp", last.Path)
					require.Equal(t, 1, server.Executed())
				}
			})
			t.Run("the session stays where it was led", func(t *testing.T) {
				server := mcptest.New(t)
				server.Next(mcptest.Redirect(307, "/mcp/").On("initialize"))
				session, err := client.Connect(t.Context(), server.URL())
				require.NoError(t, err)
				require.NoError(t, session.Ping(t.Context()))
				require.NoError(t, session.Close())
				sent := server.Requests()
				led := slices.IndexFunc(sent, func(r mcptest.Request) bool { return r.Path == "/mcp/" })
				require.Equal(t, "initialize", sent[led].Method)
				for _, r := range sent[led:] {
					require.Equal(t, "/mcp/", r.Path, r.Method)
				}
			})
			t.Run("three times at most", func(t *testing.T) {
				server := mcptest.New(t)
				session, err := client.Connect(t.Context(), server.URL())
				require.NoError(t, err)
				defer func() { require.NoError(t, session.Close()) }()
				server.Next(mcptest.Redirect(308, "/mcp/").Times(3).On("tools/call"))
				_, err = session.CallTool(t.Context(), "echo", nil)
				require.NoError(t, err)
				before := len(server.Requests())
				server.Next(mcptest.Redirect(308, "/mcp/").Times(4).On("tools/call"))
				_, err = session.CallTool(t.Context(), "echo", nil)
				require.Equal(t, server.URL()+"/", asCause[*mcpclient.RedirectError](t, err).Location)
				require.Equal(t, mcpclient.DeliveryRefused, asCallError(t, err).Delivery)
				require.Len(t, server.Requests(), before+4)
				require.Equal(t, 1, server.Executed())
			})
			t.Run("refused", func(t *testing.T) {
				server := mcptest.New(t)
				session, err := client.Connect(t.Context(), server.URL())
				require.NoError(t, err)
				defer func() { require.NoError(t, session.Close()) }()
				host := strings.TrimPrefix(server.URL(), "http://")
				for location, named := range map[string]string{
					elsewhere.URL + "/mcp":                                     elsewhere.URL + "/mcp",
					"//" + strings.TrimPrefix(elsewhere.URL, "http://"):        elsewhere.URL,
					"https://" + host:                                          "https://" + host,
					strings.Replace(server.URL(), "127.0.0.1", "localhost", 1): strings.Replace(server.URL(), "127.0.0.1", "localhost", 1),
					"http://user:s3cr3t@" + host:                               "http://" + host,
					elsewhere.URL + "/?token=s3cr3t#s3cr3t":                    elsewhere.URL + "/",
				} {
					for _, status := range []int{301, 302, 303, 307, 308} {
						server.Next(mcptest.Redirect(status, location).On("tools/call"))
						_, err = session.CallTool(t.Context(), "echo", nil)
						redirect := asCause[*mcpclient.RedirectError](t, err)
						require.Equal(t, status, redirect.StatusCode)
						require.NotContains(t, redirect.Location, "user")
						require.EqualError(t, redirect, fmt.Sprintf("HTTP %d redirects to %q, which is not followed: use that URL if you trust it", status, named))
						require.NotContains(t, err.Error(), "s3cr3t")
						_, transient := mcpclient.RetryAfter(err)
						require.False(t, transient)
					}
				}
				for _, status := range []int{301, 302, 303} {
					server.Next(mcptest.Redirect(status, "/mcp/").On("tools/call"))
					_, err = session.CallTool(t.Context(), "echo", nil)
					require.Equal(t, server.URL()+"/", asCause[*mcpclient.RedirectError](t, err).Location, "it would become a GET without a body")
				}
				server.Next(mcptest.Status(307, nil, "").On("tools/call"))
				_, err = session.CallTool(t.Context(), "echo", nil)
				require.Empty(t, asCause[*mcpclient.RedirectError](t, err).Location)
				require.Zero(t, server.Executed())
			})
			require.Zero(t, strangers.Load(), "not a byte for another origin")
		})
	}
}
