package auth_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"

	"github.com/holdfast-mcp/mcpclient/auth"
)

// A client that is known everywhere by one https URL: no authorization server has
// to register it.
func ExampleClientDocument() {
	document := auth.ClientDocument{
		ClientID:     "https://app.example/oauth/client.json",
		ClientName:   "Example App",
		RedirectURIs: []string{"http://127.0.0.1/callback", "http://[::1]/callback"},
	}
	handler, err := document.Handler()
	if err != nil {
		fmt.Println(err)
		return
	}
	mux := http.NewServeMux()
	mux.Handle("/oauth/client.json", handler)
	server := httptest.NewServer(mux) // in real life: the server of app.example
	defer server.Close()

	response, err := http.Get(server.URL + "/oauth/client.json")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer response.Body.Close()
	text, _ := io.ReadAll(response.Body)
	fmt.Println(string(text))
	// Output: {"client_id":"https://app.example/oauth/client.json","client_name":"Example App","redirect_uris":["http://127.0.0.1/callback","http://[::1]/callback"],"grant_types":["authorization_code","refresh_token"],"response_types":["code"],"application_type":"native","token_endpoint_auth_method":"none"}
}
