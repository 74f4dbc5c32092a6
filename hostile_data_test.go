package mcpclient_test

import (
	"bytes"
	"context"
	stdjson "encoding/json"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient"
	"github.com/holdfast-mcp/mcpclient/mcptest"
)

// endless is a value that encoding/json cannot encode.
type endless struct{ Next *endless }

// Whatever an application or a model hands in, the worst that happens is an error.
func TestUserDataNeverPanics(t *testing.T) {
	server := mcptest.New(t, mcptest.InMemory())
	session := connected(t, server, new(mcpclient.Client))
	cycle := new(endless)
	cycle.Next = cycle
	arguments := []any{
		nil, make(chan int), func() {}, math.NaN(), math.Inf(1), complex(1, 2), cycle, map[string]any{"x": make(chan int)}, map[bool]int{true: 1},
		[]int{1}, "text", 7, true, (*struct{})(nil), map[string]any(nil), struct{ A, a int }{1, 2},
		stdjson.RawMessage(nil), stdjson.RawMessage("null"), stdjson.RawMessage("{"), stdjson.RawMessage("}"), stdjson.RawMessage(`{"a":1,"a":2}`),
		stdjson.RawMessage(`{"a":1}{`), stdjson.RawMessage("\xff"), stdjson.RawMessage("{\"\xff\":\"\xff\"}"), stdjson.RawMessage(filled(20_000, "[")),
		stdjson.RawMessage(" { } "), stdjson.RawMessage(`{"_meta":1}`), stdjson.RawMessage(`{"_meta":{"progressToken":1}}`), stdjson.Number("x"),
	}
	options := [][]mcpclient.CallOption{
		nil, {nil}, {mcpclient.WithMeta("k", make(chan int))}, {mcpclient.WithMeta("", stdjson.RawMessage("{"))}, {mcpclient.WithMeta("k", cycle)},
		{mcpclient.WithHeader("", "")}, {mcpclient.WithHeader("a b", "c")}, {mcpclient.WithHeader("X", "\x00\r\n")},
		{mcpclient.WithProgress(nil)}, {mcpclient.WithLogs("", nil)}, {mcpclient.WithIdleTimeout(-1)}, {mcpclient.WithIdleTimeout(time.Hour), mcpclient.WithProgress(func(mcpclient.Progress) {})},
	}
	names := []string{"echo", "", "\x00\xff\n", filled(100<<10, "é")}
	check := func(err error) {
		if err != nil {
			asCallError(t, err)
			require.Less(t, len(err.Error()), 2000)
		}
	}
	for _, args := range arguments {
		for _, with := range options {
			_, err := session.CallTool(t.Context(), "echo", args, with...)
			check(err)
		}
		for _, name := range names {
			_, err := session.CallTool(t.Context(), name, args)
			check(err)
			check(session.Request(t.Context(), name, args, new(chan int)))
			check(session.Notify(t.Context(), name, args))
		}
	}
	for _, name := range names {
		_, err := session.ReadResource(t.Context(), name)
		check(err)
		_, err = session.GetPrompt(t.Context(), name, map[string]string{name: name})
		check(err)
		_, err = session.CompletePrompt(t.Context(), name, mcpclient.CompletionArgument{Name: name, Value: name}, nil)
		check(err)
		check(session.SetLogLevel(t.Context(), mcpclient.LogLevel(name)))
		_, err = mcpclient.CallAs[chan int](t.Context(), session, name, nil)
		check(err)
	}
	require.NoError(t, session.Ping(t.Context()))
	require.Equal(t, 1, server.Initializes())
}

// Answers with single bytes changed: whatever comes of them, it is an answer or a typed error, of that call alone.
func TestMutatedAnswersNeverPanic(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	mutate := func(answer []byte) []byte {
		changed := bytes.Clone(answer)
		for range 1 + random.IntN(3) {
			i := random.IntN(len(changed))
			switch random.IntN(4) {
			case 0:
				changed[i] = "{}[]\",:0ntf\\\x00\xff"[random.IntN(14)]
			case 1:
				changed = append(changed[:i], changed[i+1:]...)
			case 2:
				changed = append(changed[:i:i], append([]byte("null"), changed[i:]...)...)
			case 3:
				j := i + random.IntN(min(20, len(changed)-i))
				changed = append(changed[:i:i], append(bytes.Clone(changed[i:j]), changed[i:]...)...)
			}
			if len(changed) == 0 {
				changed = []byte("0")
			}
		}
		return changed
	}
	server := mcptest.New(t, mcptest.InMemory(), mcptest.PageSize(2))
	server.AddPrompt(mcpclient.Prompt{Name: "p"}, func(context.Context, map[string]string) (*mcpclient.PromptResult, error) {
		return &mcpclient.PromptResult{Messages: []mcpclient.PromptMessage{{Role: "user", Content: &mcpclient.Text{Text: "x"}}}}, nil
	})
	session := connected(t, server, &mcpclient.Client{HandshakeTimeout: time.Second})
	defer server.Always(mcptest.Rewrite(mutate).When(func(r mcptest.Request) bool {
		return r.Method != "initialize" && r.Method != "ping" && len(r.ID) > 0
	}))()
	calls := []func() error{
		func() error {
			_, err := session.CallTool(t.Context(), "add", map[string]int{"a": 1, "b": 2})
			return err
		},
		func() error { _, err := mcpclient.Collect(session.Tools(t.Context())); return err },
		func() error { _, err := mcpclient.Collect(session.Prompts(t.Context())); return err },
		func() error { _, err := session.GetPrompt(t.Context(), "p", nil); return err },
		func() error { return session.Request(t.Context(), "tools/list", nil, new(any)) },
	}
	failures := 0
	for range 300 {
		for _, call := range calls {
			if err := call(); err != nil {
				asCallError(t, err)
				failures++
			}
		}
	}
	require.Greater(t, failures, 500, "the answers were mutated")
	require.NoError(t, session.Ping(t.Context()))
}
