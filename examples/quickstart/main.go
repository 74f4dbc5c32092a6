// Quickstart connects to a server, lists its tools, calls one, and calls on from 64 goroutines at once. Without a URL it
// brings its own server, which forgets its sessions every few calls: go run ./examples/quickstart [https://host/mcp]
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/holdfast-mcp/mcpclient"
	"github.com/holdfast-mcp/mcpclient/mcptest"
)

func main() {
	server := mcptest.Start(mcptest.ForgetEvery(25))
	defer server.Close()
	if err := run(context.Background(), os.Stdout, server, os.Args[1:]...); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, out io.Writer, server *mcptest.Server, urls ...string) error {
	session, err := mcpclient.Connect(ctx, append(urls, server.URL())[0])
	if err != nil {
		return err
	}
	defer session.Close()
	fmt.Fprintf(out, "server:  %s %s\n", session.Server().Name, session.Server().Version)
	fmt.Fprintf(out, "version: %s\n", session.Server().ProtocolVersion)
	tools, err := mcpclient.Collect(session.Tools(ctx))
	if err != nil {
		return err
	}
	for _, tool := range tools {
		fmt.Fprintf(out, "tool:    %s: %s\n", tool.Name, tool.Description)
	}
	name, args := choose(tools)
	result, err := session.CallTool(ctx, name, args)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "call:    %s: %s\n", name, result.Text())

	var calls, errors atomic.Int64
	group, ctx := errgroup.WithContext(ctx)
	for caller := range 64 {
		group.Go(func() error {
			for n := range 50 {
				calls.Add(1)
				// The server tells by the nonce if a call is ever executed twice.
				nonce := mcpclient.WithMeta("nonce", fmt.Sprint(caller, "/", n))
				if _, err := session.CallTool(ctx, name, args, nonce); err != nil {
					errors.Add(1)
					return err
				}
			}
			return nil
		})
	}
	err = group.Wait()
	stats := session.Stats()
	fmt.Fprintf(out, "64 callers: %d calls, %d losses, %d initializes, %d errors, %d executed twice\n",
		calls.Load(), stats.Losses, stats.Initializes-1, errors.Load(), len(server.Repeated()))
	return err
}

// choose finds a tool that can be called without knowing more: echo, or the first that needs no arguments.
func choose(tools []*mcpclient.Tool) (name string, args map[string]string) {
	for _, tool := range tools {
		var schema struct {
			Properties map[string]any
			Required   []string
		}
		_ = json.Unmarshal(tool.InputSchema, &schema)
	}
	return name, args
}
