package auth

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"slices"
	"strconv"
)

// A stored file begins with one line that says what it is:
//
//	mcpclient-auth-1 plain <version>
//	mcpclient-auth-1 aes-gcm <version>
//
// version is that of [Store], in 16 hexadecimal digits. After a plain head come
// the SHA-256 of head, key and value, in hexadecimal, a line end and the value.
// After the other one come nonce, ciphertext and tag of AES-256-GCM, with head
// and key as additional data. So a file that was torn, changed, or moved to the
// name of another key does not open.
const (
	fileFormat  = "mcpclient-auth-1"
	plainKind   = "plain"
	sealedKind  = "aes-gcm"
	versionSize = 16
	sumSize     = 2 * sha256.Size

	fileKeySize = 32
)

var (
	errFileDamaged = errors.New("the file is damaged: delete it and authorize again")
	errFileFormat  = errors.New("the file is not from this version of the library: use another directory, or delete it")
	errFileKey     = errors.New("the file cannot be decrypted, the key is another one or the file was changed: give the right key, or delete the file and authorize again")
	errFileSealed  = errors.New("the file is encrypted, but the store has no key: give the key to NewFileStore")
	errFilePlain   = errors.New("the file is not encrypted, but the store has a key: use another directory, or delete the file and authorize again")
)

// newSeal returns the cipher for the files; none without a key.
func newSeal(key []byte) (cipher.AEAD, error) {
	if key == nil {
		return nil, nil
	}
	if len(key) != fileKeySize {
		return nil, fmt.Errorf("the key has %d bytes: AES-256 takes %d random ones", len(key), fileKeySize)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

// sealFile returns the content of a file. seal may be nil.
func sealFile(seal cipher.AEAD, key string, value []byte, version uint64) []byte {
	if seal == nil {
		head := fileHead(plainKind, version)
		return slices.Concat(head, fileSum(head, key, value), []byte("\n"), value)
	}
	head := fileHead(sealedKind, version)
	return seal.Seal(head, nil, value, append(bytes.Clone(head), key...)) //nolint:gosec // no nonce: this cipher makes them itself
}

// openFile returns what [sealFile] was given.
func openFile(seal cipher.AEAD, key string, content []byte) (value []byte, version uint64, err error) {
	kind, version, err := parseHead(content)
	if err != nil {
		return nil, 0, err
	}
	head := fileHead(kind, version)
	body := content[len(head):]
	switch {
	case kind == plainKind && seal != nil:
		// To take it would let anybody who can write a file do without the key.
		return nil, 0, errFilePlain
	case kind == plainKind:
		value, err = openPlain(head, key, body)
	case seal == nil:
		return nil, 0, errFileSealed
	default:
		value, err = seal.Open(nil, nil, body, append(bytes.Clone(head), key...))
		if err != nil {
			err = errFileKey
		}
	}
	if err != nil {
		return nil, 0, err
	}
	return value, version, nil
}

func openPlain(head []byte, key string, body []byte) ([]byte, error) {
	if len(body) <= sumSize || body[sumSize] != '\n' {
		return nil, errFileDamaged
	}
	value := body[sumSize+1:]
	if subtle.ConstantTimeCompare(body[:sumSize], fileSum(head, key, value)) != 1 {
		return nil, errFileDamaged
	}
	return value, nil
}

func fileHead(kind string, version uint64) []byte {
	return fmt.Appendf(nil, "%s %s %0*x\n", fileFormat, kind, versionSize, version)
}

// parseHead accepts what fileHead writes and nothing else.
func parseHead(content []byte) (kind string, version uint64, err error) {
	line, _, ended := bytes.Cut(content, []byte("\n"))
	fields := bytes.Split(line, []byte(" "))
	if !ended || len(fields) != 3 {
		return "", 0, errFileDamaged
	}
	kind = string(fields[1])
	if string(fields[0]) != fileFormat || kind != plainKind && kind != sealedKind {
		return "", 0, errFileFormat
	}
	version, err = strconv.ParseUint(string(fields[2]), 16, 64)
	if err != nil || version == 0 || !bytes.HasPrefix(content, fileHead(kind, version)) {
		return "", 0, errFileDamaged
	}
	return kind, version, nil
}

// fileSum finds accidents. Whoever can write the file can also write its sum.
func fileSum(head []byte, key string, value []byte) []byte {
	return fmt.Appendf(nil, "%x", sha256.Sum256(slices.Concat(head, []byte(key), value)))
}
