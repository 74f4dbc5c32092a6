package authtest_test

import (
	"net/http"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient/auth/authtest"
)

// TestParallel is for the race detector: a refresh token that several send at
// once is good for one of them.
func TestParallel(t *testing.T) {
	c, rs := start(t, authtest.AllowViolations())
	token := c.login(rs.URL())
	form := c.refreshForm(token.string("refresh_token"), rs.URL()).Encode()
	var callers sync.WaitGroup
	for range 8 {
		callers.Go(func() {
			header := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}
			c.do(http.MethodPost, c.as.Issuer()+"/token", header, form)
			c.call(rs.URL(), "Bearer "+token.string("access_token"), "")
			c.as.Requests()
		})
	}
	callers.Wait()
	require.Len(t, c.as.Tokens(), 2)
	require.Equal(t, 7, c.as.Reused())
}
