package auth

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzOpenFile: whatever a file holds, opening it fails or gives what sealing
// would have written the same bytes for.
func FuzzOpenFile(f *testing.F) {
	seal, err := newSeal(bytes.Repeat([]byte{3}, fileKeySize))
	require.NoError(f, err)
	for _, value := range []string{"", "x", `{"v":1}`} {
		f.Add("token:1", sealFile(nil, "token:1", []byte(value), 1))
		f.Add("token:1", sealFile(seal, "token:1", []byte(value), 1<<63))
	}
	f.Add("", []byte("mcpclient-auth-1 plain 0000000000000000\n"))
	f.Add("", []byte("mcpclient-auth-1 aes-gcm 00000000000000FF\n"))
	f.Add("", []byte("mcpclient-auth-2 plain 0000000000000001\n"))
	f.Add("", []byte("mcpclient-auth-1 plain\n\n"))
	f.Fuzz(func(t *testing.T, key string, content []byte) {
		value, version, err := openFile(nil, key, content)
		if err == nil {
			require.NotZero(t, version)
			require.Equal(t, content, sealFile(nil, key, value, version))
		}
		value, version, err = openFile(seal, key, content)
		if err == nil {
			require.NotZero(t, version)
			again, same, err := openFile(seal, key, sealFile(seal, key, value, version))
			require.NoError(t, err)
			require.Equal(t, version, same)
			require.True(t, bytes.Equal(value, again))
		}
	})
}

func TestOpenFileReadsNoOtherFormat(t *testing.T) {
	for content, want := range map[string]error{
		"":                         errFileDamaged,
		"mcpclient-auth-1":         errFileDamaged,
		"mcpclient-auth-1 plain\n": errFileDamaged,
		"mcpclient-auth-1 plain 0000000000000000\n":        errFileDamaged,
		"mcpclient-auth-1 plain 1\n":                       errFileDamaged,
		"mcpclient-auth-1 plain -000000000000001\n":        errFileDamaged,
		"mcpclient-auth-1 plain 00000000000000AB\n":        errFileDamaged,
		"mcpclient-auth-1 plain 0000000000000001\r\n":      errFileDamaged,
		"mcpclient-auth-1 plain 0000000000000001 \n":       errFileDamaged,
		"mcpclient-auth-1 plain 0000000000000001\nvalue":   errFileDamaged,
		"mcpclient-auth-2 plain 0000000000000001\nvalue":   errFileFormat,
		"mcpclient-auth-1 chacha 0000000000000001\nvalue":  errFileFormat,
		"mcpclient-auth-1 aes-gcm 0000000000000001\nvalue": errFileSealed,
		"{\"access_token\": \"x\"}\n":                      errFileDamaged,
	} {
		_, _, err := openFile(nil, "key", []byte(content))
		require.ErrorIs(t, err, want, "%q", content)
	}
}
