package authtest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/holdfast-mcp/mcpclient/auth/authtest"
)

// A machine's login, by plain net/http: any client is served. In a test, NewServer
// closes the server, and fails the test where the client broke a rule.
func Example() {
	as := authtest.Start()
	defer as.Close()
	as.AddClient("robot", "secret")
	server := as.Serve(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, "tools")
	}))

	response, err := as.HTTPClient().PostForm(as.Issuer()+"/token", url.Values{
		"grant_type": {"client_credentials"}, "client_id": {"robot"}, "client_secret": {"secret"}, "resource": {server.URL()},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer response.Body.Close()
	var token struct {
		Access string `json:"access_token"`
	}
	if err := json.NewDecoder(response.Body).Decode(&token); err != nil {
		fmt.Println(err)
		return
	}
	for _, authorization := range []string{"", "Bearer " + token.Access} {
		request, err := http.NewRequestWithContext(context.Background(), http.MethodPost, server.URL(), strings.NewReader("{}"))
		if err != nil {
			fmt.Println(err)
			return
		}
		request.Header.Set("Authorization", authorization)
		answer, err := as.HTTPClient().Do(request)
		if err != nil {
			fmt.Println(err)
			return
		}
		answer.Body.Close()
		fmt.Println(answer.StatusCode)
	}
	fmt.Println(as.Count(authtest.TokenEndpoint), "token request,", len(as.Violations()), "violations")
	// Output:
	// 401
	// 200
	// 1 token request, 0 violations
}
