package main

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCallLedger(t *testing.T) {
	a, b := nonce{0, 0, 1}, nonce{0, 1, 1}
	tests := []struct {
		name  string
		story func(*callLedger)
		want  callSums
	}{
		{"once", func(l *callLedger) { l.arrive(a); l.arrive(b) }, callSums{Arrived: 2}},
		{"again after a refusal", func(l *callLedger) { l.arrive(a); l.refuse(a); l.arrive(a) }, callSums{Arrived: 2, Again: 1, Refused: 1}},
		{"again without one", func(l *callLedger) { l.arrive(a); l.arrive(a) }, callSums{Arrived: 2, Duplicates: 1, Examples: []string{"0-0-1"}}},
		{
			"a refusal counts once", func(l *callLedger) { l.arrive(a); l.refuse(a); l.arrive(a); l.arrive(a) },
			callSums{Arrived: 3, Again: 1, Refused: 1, Duplicates: 1, Examples: []string{"0-0-1"}},
		},
		{
			"the refusal of another", func(l *callLedger) { l.arrive(a); l.arrive(b); l.refuse(b); l.arrive(a) },
			callSums{Arrived: 3, Refused: 1, Duplicates: 1, Examples: []string{"0-0-1"}},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			l := newCallLedger()
			test.story(l)
			require.Equal(t, test.want, l.sums)
		})
	}
}

func TestHandshakeLedger(t *testing.T) {
	tests := []struct {
		name           string
		story          func(*handshakeLedger)
		used, needless int
	}{
		{"one session", func(l *handshakeLedger) { l.ask(); l.answer("a"); l.use("a"); l.use("a") }, 1, 0},
		{"its loss", func(l *handshakeLedger) {
			l.ask()
			l.answer("a")
			l.use("a")
			l.refuse("a")
			l.ask()
			l.answer("b")
			l.use("b")
		}, 2, 0},
		{"an answer that was swallowed", func(l *handshakeLedger) { l.ask(); l.answer("a"); l.ask(); l.answer("b"); l.use("b") }, 1, 0},
		{"a second one in use", func(l *handshakeLedger) {
			l.ask()
			l.answer("a")
			l.use("a")
			l.ask()
			l.answer("b")
			l.use("b")
		}, 2, 1},
		{
			"a late refusal of the old one", func(l *handshakeLedger) {
				l.ask()
				l.answer("a")
				l.use("a")
				l.refuse("a")
				l.ask()
				l.answer("b")
				l.use("b")
				l.refuse("a")
				l.use("a")
				l.ask()
			}, 2, 1,
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var l handshakeLedger
			test.story(&l)
			require.Equal(t, test.used, l.sums.Used)
			require.Equal(t, test.needless, l.sums.Needless)
			require.Len(t, l.sums.Examples, test.needless)
		})
	}
}

// startWitness puts a witness before a handler.
func startWitness(t *testing.T, handler http.HandlerFunc) *witness {
	t.Helper()
	backend := httptest.NewServer(handler)
	t.Cleanup(backend.Close)
	w, err := newWitness(t.Context(), backend.Listener.Addr().(*net.TCPAddr).Port)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, w.close()) })
	return w
}

// post sends a message through the witness and returns the status, 0 if the connection ended instead.
func post(t *testing.T, w *witness, id, body string) int {
	t.Helper()
	transport := &http.Transport{DisableKeepAlives: true}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+w.address, strings.NewReader(body))
	require.NoError(t, err)
	request.Header.Set(sessionHeader, "3")
	if id != "" {
		request.Header.Set("Mcp-Session-Id", id)
	}
	resp, err := transport.RoundTrip(request)
	if err != nil {
		return 0
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	require.NoError(t, err)
	return resp.StatusCode
}

const countCall = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"count","arguments":{"nonce":"3-0-1"}}}`

func TestWitnessSeesARefusalAndTheNextTry(t *testing.T) {
	w := startWitness(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.Header.Get("Mcp-Session-Id") {
		case "": // initialize
			w.Header().Set("Mcp-Session-Id", "new")
		case "old":
			w.WriteHeader(http.StatusNotFound)
		}
	})
	require.Equal(t, http.StatusNotFound, post(t, w, "old", countCall))
	require.Equal(t, http.StatusOK, post(t, w, "", `{"method":"initialize"}`))
	require.Equal(t, http.StatusOK, post(t, w, "new", `{"method":"notifications/initialized"}`))
	require.Zero(t, w.testify().Handshakes[3].Used, "the handshake itself is no use")
	require.Equal(t, http.StatusOK, post(t, w, "new", countCall))

	seen := w.testify()
	require.Equal(t, callSums{Arrived: 2, Again: 1, Refused: 1}, seen.Calls)
	require.Equal(t, handshakeSums{Asked: 1, Answered: 1, Used: 1}, seen.Handshakes[3])
	require.Equal(t, 1, seen.Requests["POST tools/call 404"])

	require.Equal(t, http.StatusNotFound, post(t, w, "old", `{"method":"notifications/initialized"}`))
	require.Equal(t, 1, w.testify().Handshakes[3].Stillborn)
	require.Equal(t, http.StatusOK, post(t, w, "new", countCall))
	require.Equal(t, 1, w.testify().Calls.Duplicates)
	require.Equal(t, http.StatusOK, post(t, w, "", `{"method":"initialize"}`))
	require.Equal(t, 1, w.testify().Handshakes[3].Needless)
}

func TestWitnessTakesNoAnswerForPassedOn(t *testing.T) {
	w := startWitness(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	require.Zero(t, post(t, w, "id", countCall))
	require.Equal(t, map[string]int{"POST tools/call broken": 1}, w.testify().Requests)
	require.Zero(t, post(t, w, "id", countCall))
	require.Equal(t, 1, w.testify().Calls.Duplicates)
}

func TestWitnessDoesNotCountWhatIsCutOnItsWay(t *testing.T) {
	w := startWitness(t, func(http.ResponseWriter, *http.Request) {})
	conn, err := (&net.Dialer{}).DialContext(context.WithoutCancel(t.Context()), "tcp", w.address)
	require.NoError(t, err)
	_, err = io.WriteString(conn, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n"+countCall)
	require.NoError(t, err)
	require.NoError(t, conn.(*net.TCPConn).CloseWrite())
	_, err = io.Copy(io.Discard, conn) // until the witness gives up
	require.NoError(t, err)
	require.NoError(t, conn.Close())
	require.Zero(t, w.testify().Calls.Arrived)
}
