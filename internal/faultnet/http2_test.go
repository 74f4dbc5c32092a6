package faultnet_test

import (
	"bytes"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient/internal/faultnet"
)

// serveHTTP2 starts a server and returns net/http's way to it, over TLS or with prior knowledge.
func serveHTTP2(t *testing.T, secure bool, handle func(*faultnet.Stream)) (url string, client *http.Transport) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	url, client = "http://"+l.Addr().String(), &http.Transport{Protocols: new(http.Protocols)}
	client.Protocols.SetUnencryptedHTTP2(true)
	if secure {
		server, trusting, err := faultnet.TLSConfig("h2")
		require.NoError(t, err)
		client.Protocols.SetHTTP2(true)
		client.TLSClientConfig = trusting
		l, url = tls.NewListener(l, server), strings.Replace(url, "http:", "https:", 1)
	}
	server := &faultnet.HTTP2Server{Handle: handle}
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	t.Cleanup(func() {
		require.NoError(t, l.Close())
		require.ErrorIs(t, <-served, net.ErrClosed)
		server.Close()
		client.CloseIdleConnections()
	})
	return url, client
}

// send posts text, which net/http cannot rewind: it is sent once.
func send(t *testing.T, client *http.Transport, url, text string) (answer string, err error) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(text))
	require.NoError(t, err)
	request.GetBody = nil
	response, err := client.RoundTrip(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	require.Equal(t, 2, response.ProtoMajor)
	require.Equal(t, "text/plain", response.Header.Get("Content-Type"))
	all, err := io.ReadAll(response.Body)
	return response.Status + " " + string(all), err
}

func TestHTTP2Answers(t *testing.T) {
	for _, secure := range []bool{true, false} {
		var seen atomic.Int32
		url, client := serveHTTP2(t, secure, func(s *faultnet.Stream) {
			require.Equal(t, uint32(2*seen.Add(1)-1), s.ID)
			require.Zero(t, s.Conn)
			s.Respond(http.StatusTeapot, bytes.ToUpper(s.Body[:4]), "content-type", "text/plain")
		})
		for _, body := range []string{"call", "call" + strings.Repeat(" me", 400_000)} { // the second takes new windows
			answer, err := send(t, client, url, body)
			require.NoError(t, err)
			require.Equal(t, "418 I'm a teapot CALL", answer)
		}
	}
}

// What net/http makes of each fault, in this and in the next version of Go.
func TestHTTP2Faults(t *testing.T) {
	for name, tt := range map[string]struct {
		fault func(*faultnet.Stream)
		want  string // within the error
	}{
		"refused":               {func(s *faultnet.Stream) { s.Reset(faultnet.RefusedStream) }, "stream ID 1; REFUSED_STREAM; received from peer"},
		"reset":                 {func(s *faultnet.Stream) { s.Reset(faultnet.ProtocolError) }, "stream ID 1; PROTOCOL_ERROR; received from peer"},
		"going away, below":     {func(s *faultnet.Stream) { s.GoAway(s.ID-1, faultnet.NoError) }, "graceful shutdown GOAWAY"},
		"too much, below":       {func(s *faultnet.Stream) { s.GoAway(s.ID-1, faultnet.EnhanceYourCalm) }, "received GOAWAY from server ErrCode:ENHANCE_YOUR_CALM"},
		"going away, and gone":  {func(s *faultnet.Stream) { s.GoAway(s.ID, faultnet.NoError); s.Hangup() }, "LastStreamID=1, ErrCode=NO_ERROR"},
		"gone":                  {func(s *faultnet.Stream) { s.Hangup() }, "unexpected EOF"},
		"begun and reset":       {func(s *faultnet.Stream) { begin(s); s.Reset(faultnet.Cancel) }, "stream ID 1; CANCEL; received from peer"},
		"begun and going away":  {func(s *faultnet.Stream) { begin(s); s.GoAway(0, faultnet.NoError) }, "graceful shutdown GOAWAY"},
		"begun and gone":        {func(s *faultnet.Stream) { begin(s); s.Hangup() }, "unexpected EOF"},
		"going away, but later": {func(s *faultnet.Stream) { s.GoAway(s.ID, faultnet.NoError); begin(s); s.Reset(faultnet.InternalError) }, "INTERNAL_ERROR"},
	} {
		t.Run(name, func(t *testing.T) {
			var seen atomic.Int32
			url, client := serveHTTP2(t, true, func(s *faultnet.Stream) {
				seen.Add(1)
				tt.fault(s)
			})
			_, err := send(t, client, url, "call")
			require.ErrorContains(t, err, tt.want)
			require.EqualValues(t, 1, seen.Load())
		})
	}
}

func begin(s *faultnet.Stream) {
	s.Begin(http.StatusOK, []byte("half of"), "content-type", "text/plain")
}

// The next connection is another one, and counted as such.
func TestHTTP2AfterAGoAway(t *testing.T) {
	conns := make(chan int, 2)
	url, client := serveHTTP2(t, false, func(s *faultnet.Stream) {
		conns <- s.Conn
		s.GoAway(s.ID, faultnet.NoError)
		s.Respond(http.StatusOK, s.Body, "content-type", "text/plain")
	})
	for want := range 2 {
		answer, err := send(t, client, url, "call")
		require.NoError(t, err)
		require.Equal(t, "200 OK call", answer)
		require.Equal(t, want, <-conns)
	}
}

func TestWhatIsNotHTTP2IsHungUpOn(t *testing.T) {
	url, _ := serveHTTP2(t, false, func(*faultnet.Stream) { require.Fail(t, "that was no request") })
	conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	require.NoError(t, err)
	defer conn.Close()
	_, err = conn.Write([]byte("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"))
	require.NoError(t, err)
	answer, _ := io.ReadAll(conn) // its unread rest may make the end a reset
	require.Empty(t, answer)
}
