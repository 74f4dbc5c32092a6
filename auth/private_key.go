package auth

import (
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
)

// ParsePrivateKey reads a private key from PEM: PKCS #8, SEC 1 (EC) or PKCS #1
// (RSA). The first key counts; certificates and parameters before it are passed
// over. It has to be one that [PrivateKeyJWT] can use. An encrypted key has to be
// decrypted first. The error does not show the key.
func ParsePrivateKey(text []byte) (crypto.Signer, error) {
	for {
		block, rest := pem.Decode(text)
		if block == nil {
			return nil, errors.New("no private key in PEM: a block like -----BEGIN PRIVATE KEY----- is needed")
		}
		parse := parserOf(block)
		if parse == nil {
			text = rest
			continue
		}
		key, err := parse(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("PEM block %q: %w", block.Type, err)
		}
		signer, ok := key.(crypto.Signer)
		if !ok {
			return nil, fmt.Errorf("PEM block %q: a key of type %T cannot sign", block.Type, key)
		}
		if _, err := algorithmsOf(signer.Public()); err != nil {
			return nil, fmt.Errorf("PEM block %q: %w", block.Type, err)
		}
		return signer, nil
	}
}

// parserOf returns the parser for a block that holds a private key, else nil.
func parserOf(block *pem.Block) func([]byte) (any, error) {
	encrypted := func([]byte) (any, error) {
		return nil, errors.New("the key is encrypted: decrypt it first, for instance with openssl pkey")
	}
	switch block.Type {
	case "PRIVATE KEY":
		return x509.ParsePKCS8PrivateKey
	case "ENCRYPTED PRIVATE KEY":
		return encrypted
	case "EC PRIVATE KEY", "RSA PRIVATE KEY":
		switch {
		case block.Headers["DEK-Info"] != "": // RFC 1421 section 4.6.1.3
			return encrypted
		case block.Type == "EC PRIVATE KEY":
			return func(der []byte) (any, error) { return x509.ParseECPrivateKey(der) }
		default:
			return func(der []byte) (any, error) { return x509.ParsePKCS1PrivateKey(der) }
		}
	}
	return nil
}
