package mcpclient_test

import (
	"context"
	stdjson "encoding/json"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient"
)

// FuzzReply: whatever bytes answer a call, as JSON or as an event stream, whether they end, break off or stall, and whatever a stream
// that is taken up brings, the call ends in time with a result or a typed error, is not executed twice, and the next one works.
func FuzzReply(f *testing.F) {
	f.Add([]byte(`{"jsonrpc":"2.0","id":2,"result":{"content":[{"type":"text","text":"a"}]}}`), []byte(nil), uint8(replyAsJSON))
	f.Add([]byte("data: {\"jsonrpc\":\"2.0\",\"id\":2,\"result\":{\"content\":[]}}\n\n"), []byte(nil), uint8(0))
	f.Add([]byte("id: 1\nretry: 10\ndata:\n\n"), []byte("data: {\"jsonrpc\":\"2.0\",\"id\":2,\"result\":{\"resultType\":\"complete\"}}\n\n"), uint8(0))
	f.Fuzz(func(t *testing.T, body, resumed []byte, how uint8) {
		synctest.Test(t, func(t *testing.T) { answerOnce(t, body, resumed, how) })
	})
}

// The bits of how a reply comes.
const (
	replyAsJSON = 1 << iota
	replyStateless
	replyStalls
	replyBreaks
)

// errBreak ends a reply too early.
var errBreak = errors.New("connection reset by peer")

func answerOnce(t *testing.T, body, resumed []byte, how uint8) {
	t.Helper()
	const patience = time.Minute
	server, contentType := &memoryServer{stateless: how&replyStateless != 0}, asStream
	if how&replyAsJSON != 0 {
		contentType = asJSON
	}
	var ending error
	switch {
	case how&replyStalls != 0:
		ending = errStall
	case how&replyBreaks != 0:
		ending = errBreak
	}
	posts, got := int64(0), false
	server.instead = func(_ context.Context, m *wireMessage) *memoryReply {
		if m.Method == "tools/call" {
			posts++
		}
		switch {
		case m.Method == "tools/call" && posts == 1:
			reply := answered(contentType, body)
			reply.ending = ending
			return reply
		case m.HTTPMethod == http.MethodGet && !got:
			got = true
			reply := answered(asStream, resumed)
			reply.ending = ending
			return reply
		}
		return nil
	}
	session := server.connect(t)
	began := time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	result, err := session.CallTool(ctx, "echo", nil)
	require.LessOrEqual(t, time.Since(began), patience)
	if err != nil {
		requireTyped(t, err)
		require.False(t, mcpclient.SafeToRetry(err), "a server that answers 200 may have acted: %v", err)
	} else if require.NotNil(t, result); posts == 1 {
		require.True(t, slices.ContainsFunc(messagesIn(contentType, body, resumed), answersCall), "a result that nobody sent")
	}
	if !server.stateless { // where corrected headers and rounds of input are sent, too
		require.Equal(t, 1+session.Stats().Resends, posts, "the call is sent again on a new session only")
		require.LessOrEqual(t, session.Stats().Losses, int64(1))
	}
	requireWorks(t, session)
}

// messagesIn lists what stands where messages belong, be it JSON or not.
func messagesIn(contentType string, body, resumed []byte) (texts [][]byte) {
	if contentType == asJSON {
		return [][]byte{body}
	}
	for _, stream := range [][]byte{body, resumed} {
		events, _, _ := modelSSE(string(stream), sseMaxForTests)
		for _, event := range events {
			texts = append(texts, event.Data)
		}
	}
	return texts
}

// answersCall tells whether text holds a message with the id of a session's first call.
func answersCall(text []byte) bool {
	type message struct{ ID stdjson.RawMessage }
	var one message
	var batch []message
	if stdjson.Unmarshal(text, &one) == nil {
		batch = []message{one}
	} else if stdjson.Unmarshal(text, &batch) != nil {
		return false
	}
	return slices.ContainsFunc(batch, func(m message) bool {
		id, err := strconv.ParseFloat(strings.Trim(string(m.ID), `"`), 64)
		return err == nil && id == 2
	})
}
