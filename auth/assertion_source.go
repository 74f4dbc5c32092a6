package auth

import (
	"context"
	"errors"
	"io"
	"os"
	"strings"
)

// maxAssertion bounds an assertion in a file, in bytes.
const maxAssertion = 64 << 10

// AssertionFile returns what a file holds, without the white space around it. The
// file is read anew each time: platforms replace it before the token in it expires.
func AssertionFile(path string) AssertionSource {
	return func(context.Context, AssertionRequest) (string, error) {
		file, err := os.Open(path) //nolint:gosec // the application says which file
		if err != nil {
			return "", err
		}
		defer func() { _ = file.Close() }() // nothing was written
		text, err := io.ReadAll(io.LimitReader(file, maxAssertion+1))
		switch {
		case err != nil:
			return "", err
		case len(text) > maxAssertion:
			return "", errors.New("the file " + quote(path) + " is over the limit of 64 KiB")
		}
		return strings.TrimSpace(string(text)), nil
	}
}

// AssertionEnv returns the value of an environment variable, without the white
// space around it.
func AssertionEnv(name string) AssertionSource {
	return func(context.Context, AssertionRequest) (string, error) {
		text := strings.TrimSpace(os.Getenv(name))
		if text == "" {
			return "", errors.New("the environment variable " + quote(name) + " is empty or not set")
		}
		return text, nil
	}
}
