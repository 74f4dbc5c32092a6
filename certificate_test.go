package mcpclient_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log"
	"math/big"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
	"unicode"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient"
)

// TestCertificateForgesNoLogLine: anybody between client and server can answer with a certificate of his own. It is not trusted, but
// crypto/x509 repeats the names in it, before anything else is checked and as they are.
func TestCertificateForgesNoLogLine(t *testing.T) {
	for _, name := range []string{
		"a\ntime=2026-01-01T00:00:00Z level=INFO msg=\"session opened\"",
		"a\r\x1b[2K\x1b[1A",
		"a\x1b]0;title\x07",
	} {
		server := httptest.NewUnstartedServer(http.NotFoundHandler())
		server.TLS = &tls.Config{Certificates: []tls.Certificate{selfSigned(t, name)}}
		server.Config.ErrorLog = log.New(io.Discard, "", 0) // it says that its certificate was refused
		server.StartTLS()
		client := &mcpclient.Client{HTTPClient: &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{ServerName: "host.example"}}}}
		_, err := client.Connect(t.Context(), server.URL)
		server.Close()
		require.ErrorContains(t, err, "certificate is valid for a")
		require.ErrorAs(t, err, new(*mcpclient.NetworkError))
		for _, letter := range err.Error() {
			require.True(t, unicode.IsPrint(letter), "%q", err.Error())
		}
	}
}

// selfSigned makes a certificate for a name, whatever that is.
func selfSigned(t *testing.T, name string) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{name}, NotBefore: time.Unix(0, 0), NotAfter: time.Unix(1<<33, 0)}
	text, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	return tls.Certificate{Certificate: [][]byte{text}, PrivateKey: key}
}
