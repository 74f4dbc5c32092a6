package mcpclient_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient"
)

// The benchmarks measure the client alone: what answers stands in the process, does as little as it can, and takes
// almost no memory of its own.
//
//	go test -run '^$' -bench Call -benchmem .

func BenchmarkCallJSON(b *testing.B) { benchmarkCalls(b, leanJSON(100)) }

func BenchmarkCallSSE(b *testing.B) { benchmarkCalls(b, leanStream(100)) }

func BenchmarkCall100KB(b *testing.B) { benchmarkCalls(b, leanJSON(100_000)) }

// leanAnswer is what follows the header's first lines, with the id left out.
type leanAnswer struct{ contentType, before, after string }

func leanJSON(size int) leanAnswer {
	return leanAnswer{"application/json", `{"jsonrpc":"2.0","id":`, `,"result":` + leanResult(size) + `}`}
}

func leanStream(size int) leanAnswer {
	return leanAnswer{"text/event-stream", "event: message\ndata: " + `{"jsonrpc":"2.0","id":`, `,"result":` + leanResult(size) + "}\n\n"}
}

func leanResult(size int) string {
	return `{"content":[{"type":"text","text":"` + strings.Repeat("x", size) + `"}]}`
}

func benchmarkCalls(b *testing.B, answer leanAnswer) {
	b.Helper()
	session := leanSession(b, answer)
	arguments := map[string]string{"city": "Bern"}
	call := func(ctx context.Context) error {
		_, err := session.CallTool(ctx, "weather", arguments)
		return err
	}
	require.NoError(b, call(b.Context()))
	b.SetBytes(int64(len(answer.before) + len(answer.after)))
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		if err := call(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
	b.StopTimer()
}

// leanSession opens a session, with the library's own transport, at a server that answers every call so.
func leanSession(tb testing.TB, answer leanAnswer) *mcpclient.Session {
	tb.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(tb, err)
	served := make(chan struct{})
	go func() {
		defer close(served)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go serveLean(conn, answer)
		}
	}()
	session, err := mcpclient.Connect(tb.Context(), "http://"+listener.Addr().String()+"/mcp")
	require.NoError(tb, err)
	tb.Cleanup(func() {
		require.NoError(tb, session.Close())
		require.NoError(tb, listener.Close())
		<-served
	})
	return session
}

// serveLean serves one connection. Small requests arrive whole.
func serveLean(conn net.Conn, answer leanAnswer) {
	defer func() { _ = conn.Close() }()
	request, reply := make([]byte, 64<<10), make([]byte, 0, 64<<10)
	for {
		n, err := conn.Read(request)
		if err != nil {
			return
		}
		reply = leanReply(reply[:0], request[:n], answer)
		if _, err := conn.Write(reply); err != nil {
			return
		}
	}
}

func leanReply(reply, request []byte, answer leanAnswer) []byte {
	_, id, found := bytes.Cut(request, []byte(`"id":`))
	if !found {
		return append(reply, "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n"...)
	}
	id = id[:bytes.IndexByte(id, ',')]
	if bytes.Contains(request, []byte(`"method":"initialize"`)) {
		answer = leanAnswer{"application/json", `{"jsonrpc":"2.0","id":`, `,"result":` + rawInitialize + `}`}
	}
	reply = append(reply, "HTTP/1.1 200 OK\r\nMcp-Session-Id: lean\r\nContent-Type: "...)
	reply = append(reply, answer.contentType...)
	reply = append(reply, "\r\nContent-Length: "...)
	reply = strconv.AppendInt(reply, int64(len(answer.before)+len(id)+len(answer.after)), 10)
	reply = append(reply, "\r\n\r\n"...)
	reply = append(reply, answer.before...)
	reply = append(reply, id...)
	return append(reply, answer.after...)
}

// allocatedBy returns how many allocations a call costs, without those of net/http: its place takes a RoundTripper that
// answers at once.
func allocatedBy(t *testing.T, answer leanAnswer, options ...mcpclient.CallOption) float64 {
	client := &mcpclient.Client{HTTPClient: &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
		return leanResponse(r, answer)
	})}}
	session, err := client.Connect(t.Context(), "http://lean.invalid/mcp")
	require.NoError(t, err)
	defer func() { require.NoError(t, session.Close()) }()
	arguments := map[string]string{"city": "Bern"}
	return testing.AllocsPerRun(200, func() {
		if _, err := session.CallTool(t.Context(), "weather", arguments, options...); err != nil {
			t.Error(err)
		}
	})
}

// leanResponse has a few allocations of its own, always the same.
func leanResponse(r *http.Request, answer leanAnswer) (*http.Response, error) {
	response := &http.Response{StatusCode: http.StatusOK, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: r, Body: http.NoBody}
	if r.Body == nil {
		return response, nil
	}
	request, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	_, id, found := bytes.Cut(request, []byte(`"id":`))
	if !found {
		response.StatusCode = http.StatusAccepted
		return response, nil
	}
	id = id[:bytes.IndexByte(id, ',')]
	if bytes.Contains(request, []byte(`"method":"initialize"`)) {
		answer = leanAnswer{"application/json", `{"jsonrpc":"2.0","id":`, `,"result":` + rawInitialize + `}`}
	}
	body := fmt.Appendf(nil, "%s%s%s", answer.before, id, answer.after)
	response.Header = http.Header{"Content-Type": {answer.contentType}}
	response.ContentLength = int64(len(body))
	response.Body = io.NopCloser(bytes.NewReader(body))
	return response, nil
}
