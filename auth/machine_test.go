package auth_test

import (
	"context"
	"crypto/ed25519"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient/auth"
)

func assertion(context.Context, auth.AssertionRequest) (string, error) { return "hunter2", nil }

func subject(context.Context) (string, auth.SubjectKind, error) {
	return "hunter2", auth.SubjectIDToken, nil
}

func clientCredentials() auth.ClientCredentialsConfig {
	return auth.ClientCredentialsConfig{Issuer: "https://login.example.com", ClientID: "client", Auth: auth.ClientSecret("hunter2")}
}

func workload() auth.WorkloadConfig {
	return auth.WorkloadConfig{Issuer: "https://login.example.com", Assertion: assertion}
}

func enterprise() auth.EnterpriseConfig {
	return auth.EnterpriseConfig{
		Provider: auth.IdentityProvider{Issuer: "https://idp.example.com", ClientID: "desktop", Auth: auth.ClientSecret("hunter2")},
		Subject:  subject,
		Clients:  []auth.Registration{{Issuer: "https://login.example.com", ClientID: "client", Auth: auth.ClientSecret("hunter2")}},
	}
}

func changed[T any](config T, change func(*T)) T {
	change(&config)
	return config
}

func TestMachinesNameTheirExtension(t *testing.T) {
	m, err := auth.NewClientCredentials(clientCredentials())
	require.NoError(t, err)
	require.Equal(t, []string{"io.modelcontextprotocol/oauth-client-credentials"}, m.Extensions())
	m, err = auth.NewWorkload(workload())
	require.NoError(t, err)
	require.Equal(t, []string{"io.modelcontextprotocol/auth/wif"}, m.Extensions())
	m, err = auth.NewEnterprise(enterprise())
	require.NoError(t, err)
	require.Equal(t, []string{"io.modelcontextprotocol/enterprise-managed-authorization"}, m.Extensions())
	require.Implements(t, (*auth.Authorizer)(nil), m)
}

func TestConstructorsSayWhatIsMissing(t *testing.T) {
	cc, wl, em := auth.NewClientCredentials, auth.NewWorkload, auth.NewEnterprise
	type (
		ccConfig = auth.ClientCredentialsConfig
		wlConfig = auth.WorkloadConfig
		emConfig = auth.EnterpriseConfig
	)
	for text, err := range map[string]error{
		"ClientCredentialsConfig.Issuer is empty":        errorOf(cc(changed(clientCredentials(), func(c *ccConfig) { c.Issuer = "" }))),
		"ClientCredentialsConfig.Issuer is not":          errorOf(cc(changed(clientCredentials(), func(c *ccConfig) { c.Issuer = "login.example.com" }))),
		"ClientCredentialsConfig.ClientID is empty":      errorOf(cc(changed(clientCredentials(), func(c *ccConfig) { c.ClientID = "" }))),
		"ClientCredentialsConfig.Auth is empty":          errorOf(cc(changed(clientCredentials(), func(c *ccConfig) { c.Auth = auth.ClientAuth{} }))),
		"WorkloadConfig.Issuer is empty":                 errorOf(wl(changed(workload(), func(c *wlConfig) { c.Issuer = "" }))),
		"WorkloadConfig.Issuer is not":                   errorOf(wl(changed(workload(), func(c *wlConfig) { c.Issuer = "https://login.example.com?a=b" }))),
		"WorkloadConfig.Assertion is nil":                errorOf(wl(changed(workload(), func(c *wlConfig) { c.Assertion = nil }))),
		"EnterpriseConfig.Provider.Issuer is empty":      errorOf(em(changed(enterprise(), func(c *emConfig) { c.Provider.Issuer = "" }))),
		"EnterpriseConfig.Provider.ClientID is empty":    errorOf(em(changed(enterprise(), func(c *emConfig) { c.Provider.ClientID = "" }))),
		"EnterpriseConfig.Provider.TokenEndpoint is not": errorOf(em(changed(enterprise(), func(c *emConfig) { c.Provider.TokenEndpoint = "idp.example.com/token" }))),
		"EnterpriseConfig.Subject is nil":                errorOf(em(changed(enterprise(), func(c *emConfig) { c.Subject = nil }))),
		"EnterpriseConfig.Clients is empty":              errorOf(em(changed(enterprise(), func(c *emConfig) { c.Clients = nil }))),
		"EnterpriseConfig.Clients[0].Issuer is not":      errorOf(em(changed(enterprise(), func(c *emConfig) { c.Clients[0].Issuer = "https://user@login.example.com" }))),
		"EnterpriseConfig.Clients[0].ClientID is":        errorOf(em(changed(enterprise(), func(c *emConfig) { c.Clients[0].ClientID = "" }))),
		"EnterpriseConfig.Clients[1].Issuer is named twice": errorOf(em(changed(enterprise(), func(c *emConfig) {
			c.Clients = append(c.Clients, auth.Registration{Issuer: "https://login.example.com/", ClientID: "again"})
		}))),
	} {
		require.ErrorContains(t, err, text)
		require.NotContains(t, err.Error(), "hunter2")
	}
}

func errorOf(_ *auth.Machine, err error) error { return err }

func TestMachinesShowNoSecret(t *testing.T) {
	options := auth.Options{Profile: "nightly", DPoP: &auth.DPoP{Key: ed25519.NewKeyFromSeed([]byte("hunter2hunter2hunter2hunter2hunt"))}}
	cc := changed(clientCredentials(), func(c *auth.ClientCredentialsConfig) { c.Options = options })
	wl := changed(workload(), func(c *auth.WorkloadConfig) { c.Options = options })
	em := changed(enterprise(), func(c *auth.EnterpriseConfig) { c.Options = options })
	ccMachine, err := auth.NewClientCredentials(cc)
	require.NoError(t, err)
	wlMachine, err := auth.NewWorkload(wl)
	require.NoError(t, err)
	emMachine, err := auth.NewEnterprise(em)
	require.NoError(t, err)
	for _, value := range []any{options, cc, wl, em, &cc, &wl, &em, ccMachine, wlMachine, emMachine, *ccMachine, *wlMachine, *emMachine} {
		for _, text := range printed(value) {
			require.NotContains(t, text, "hunter2")
			require.NotContains(t, text, "68756e74657232", "in hexadecimal")
			require.NotContains(t, text, "104 117 110 116", "in decimal")
			require.NotContains(t, text, "0x68, 0x75, 0x6e", "as Go writes it")
		}
	}
}
