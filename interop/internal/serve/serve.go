// Package serve holds what the Go servers of the interop suite share: where they listen, the ledger of executions, and their end.
package serve

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
)

// LedgerVariable names the environment variable with the path of the ledger: a file to which every execution of the tool count
// appends its nonce, one a line. The test reads it to see what really ran, over all lives of the server's process.
const LedgerVariable = "MCPCLIENT_INTEROP_LEDGER"

// Names are the values that the suite's prompts and resource templates complete.
func Names(prefix string) []string {
	found := []string{}
	for _, name := range []string{"Ada", "Alan", "Grace"} {
		if strings.HasPrefix(name, prefix) {
			found = append(found, name)
		}
	}
	return found
}

// Record appends a nonce to the ledger. One write with O_APPEND is atomic, so a kill -9 leaves no half line and concurrent calls
// do not mix.
func Record(nonce string) error {
	ledger, err := os.OpenFile(os.Getenv(LedgerVariable), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600) //nolint:gosec // the test says where
	if err != nil {
		return fmt.Errorf("opening the ledger: %w", err)
	}
	_, err = ledger.WriteString(nonce + "\n")
	return errors.Join(err, ledger.Close())
}

// Mode is how a server is to serve, which the test says with the first argument: "sessions" is Streamable HTTP with session ids,
// "stateless" the same without any, "sse" the two-endpoint transport of 2024-11-05.
func Mode() string {
	if len(os.Args) > 1 {
		return os.Args[1]
	}
	return "sessions"
}

// Loopback serves mcp under path on 127.0.0.1 at the port of the environment variable PORT. It ends with the process; it returns
// only an error. The end of the standard input ends the process too: it is a pipe that the test holds open, so that no server
// outlives a test that was killed.
func Loopback(path string, mcp http.Handler) error {
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", net.JoinHostPort("127.0.0.1", os.Getenv("PORT")))
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle(path, mcp)
	return (&http.Server{Handler: mux}).Serve(listener) //nolint:gosec // loopback only; a call may take as long as the test wants
}
