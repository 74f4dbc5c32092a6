package auth_test

import (
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient/auth"
)

func block(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

func TestParsePrivateKey(t *testing.T) {
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)

	type privateKey interface{ Equal(crypto.PrivateKey) bool }
	pkcs8 := func(key any) []byte {
		der, err := x509.MarshalPKCS8PrivateKey(key)
		require.NoError(t, err)
		return block("PRIVATE KEY", der)
	}
	sec1, err := x509.MarshalECPrivateKey(ec)
	require.NoError(t, err)
	for name, c := range map[string]struct {
		text []byte
		want privateKey
	}{
		"PKCS #8, EC":      {pkcs8(ec), ec},
		"PKCS #8, RSA":     {pkcs8(rsaKey), rsaKey},
		"PKCS #8, Ed25519": {pkcs8(ed), ed},
		"SEC 1":            {block("EC PRIVATE KEY", sec1), ec},
		"SEC 1, as openssl writes it": {
			append(block("EC PARAMETERS", []byte{6, 8, 42, 134, 72, 206, 61, 3, 1, 7}), block("EC PRIVATE KEY", sec1)...), ec,
		},
		"PKCS #1":                 {block("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(rsaKey)), rsaKey},
		"text and a certificate":  {append(append([]byte("notes\n"), block("CERTIFICATE", []byte{1})...), pkcs8(ec)...), ec},
		"two keys, the first one": {append(pkcs8(ed), pkcs8(ec)...), ed},
	} {
		got, err := auth.ParsePrivateKey(c.text)
		require.NoError(t, err, name)
		require.True(t, c.want.Equal(got), name)
	}
}

func TestParsePrivateKeyRefuses(t *testing.T) {
	pkcs8 := func(key any) []byte {
		der, err := x509.MarshalPKCS8PrivateKey(key)
		require.NoError(t, err)
		return block("PRIVATE KEY", der)
	}
	agreement, err := ecdh.X25519().GenerateKey(rand.Reader)
	require.NoError(t, err)
	curve, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	require.NoError(t, err)
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	require.NoError(t, err)
	public, err := x509.MarshalPKIXPublicKey(curve.Public())
	require.NoError(t, err)
	legacy := pem.EncodeToMemory(&pem.Block{
		Type: "RSA PRIVATE KEY", Bytes: []byte("sealed"),
		Headers: map[string]string{"Proc-Type": "4,ENCRYPTED", "DEK-Info": "AES-256-CBC,00"},
	})
	for name, c := range map[string]struct {
		text []byte
		want string
	}{
		"nothing":             {nil, "no private key in PEM"},
		"no PEM":              {[]byte("hunter2"), "no private key in PEM"},
		"a public key":        {block("PUBLIC KEY", public), "no private key in PEM"},
		"garbage":             {block("PRIVATE KEY", []byte("hunter2")), "PRIVATE KEY"},
		"garbage, EC":         {block("EC PRIVATE KEY", []byte("hunter2")), "EC PRIVATE KEY"},
		"encrypted":           {block("ENCRYPTED PRIVATE KEY", []byte("sealed")), "decrypt it first"},
		"encrypted, old form": {legacy, "decrypt it first"},
		"key agreement":       {pkcs8(agreement), "cannot sign"},
		"unknown curve":       {pkcs8(curve), "P-256"},
		"small":               {pkcs8(small), "2048"},
	} {
		_, err := auth.ParsePrivateKey(c.text)
		require.ErrorContains(t, err, c.want, name)
		require.NotContains(t, err.Error(), "hunter2", name)
	}
}
