package mcpclient_test

import (
	"context"
	stdjson "encoding/json"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient"
)

func askForRoots(t *testing.T, roots []mcpclient.Root, err error) mcpclient.Told {
	t.Helper()
	asked := &mcpclient.Asked{
		Method: "roots/list",
		Roots:  func(context.Context) ([]mcpclient.Root, error) { return roots, err },
	}
	return asked.Answer(t.Context())
}

func TestRoots(t *testing.T) {
	require.Equal(t, mcpclient.Told{Result: `{"roots":[]}`}, askForRoots(t, nil, nil))
	require.Equal(t,
		mcpclient.Told{Result: `{"roots":[{"uri":"file:///a/b..c/%20","name":"A"},{"uri":"FILE:///C:/x","_meta":{"a":1}}]}`},
		askForRoots(t, []mcpclient.Root{{URI: "file:///a/b..c/%20", Name: "A"}, {URI: "FILE:///C:/x", Meta: mcpclient.Meta{"a": stdjson.RawMessage("1")}}}, nil))

	for uri, reason := range map[string]string{
		"/a":                `the root "/a" does not begin with file://`,
		"":                  `the root "" does not begin with file://`,
		"https://a.example": `the root "https://a.example" does not begin with file://`,
		"file:a/../b":       `the root "file:a/../b" does not begin with file://`,
		"file:///%zz":       `the root "file:///%zz" is no URI`,
		"file:///a/../b":    `the root "file:///a/../b" has .. in its path`,
		"file:///a/%2e%2e":  `the root "file:///a/%2e%2e" has .. in its path`,
	} {
		got := askForRoots(t, []mcpclient.Root{{URI: "file:///ok"}, {URI: uri}}, nil)
		require.EqualError(t, got.Err, "the handler of roots/list: "+reason)
		require.Equal(t, mcpclient.Told{Code: internalError, Message: "the client has no answer", Err: got.Err}, got)
	}
	got := askForRoots(t, []mcpclient.Root{{URI: "file:///a", Meta: mcpclient.Meta{"a": stdjson.RawMessage("{")}}}, nil)
	require.ErrorContains(t, got.Err, "its roots cannot be encoded")

	broken := errors.New("no disk")
	got = askForRoots(t, nil, broken)
	require.ErrorIs(t, got.Err, broken)
	require.EqualValues(t, internalError, got.Code)
	got = askForRoots(t, nil, mcpclient.ErrDeclined)
	require.EqualValues(t, -1, got.Code)

	got = (&mcpclient.Asked{Method: "roots/list", Elicit: elicits}).Answer(t.Context())
	require.EqualValues(t, methodNotFound, got.Code)
	require.ErrorIs(t, got.Err, mcpclient.ErrProtocol)
}
