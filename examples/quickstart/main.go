// Quickstart lists a server's tools, calls one, and calls on from 64 goroutines at once. Without an argument it brings a
// server that forgets its sessions every few calls: go run ./examples/quickstart [https://host/mcp]
package main

import (
	"context"
	"encoding/json"
	"log"
	"os"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/holdfast-mcp/mcpclient"
	"github.com/holdfast-mcp/mcpclient/mcptest"
)

func main() {
	server := mcptest.Start(mcptest.ForgetEvery(25))
	defer server.Close()
	url, repeated := server.URL(), func() any { return len(server.Repeated()) }
	if len(os.Args) > 1 {
		url, repeated = os.Args[1], func() any { return "not counted there" }
	}
	if err := run(context.Background(), log.New(os.Stdout, "", 0), url, repeated); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, out *log.Logger, url string, repeated func() any) error {
	session, err := mcpclient.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer session.Close()
	out.Printf("server:  %s %s\nversion: %s", session.Server().Name, session.Server().Version, session.Server().ProtocolVersion)
	name, args := "", map[string]any{}
	for tool, err := range session.Tools(ctx) {
		if err != nil {
			return err
		}
		out.Printf("tool:    %s: %s", tool.Name, tool.Description)
		var schema struct{ Properties map[string]any }
		_ = json.Unmarshal(tool.InputSchema, &schema) // what cannot be read has no properties
		if tool.Name == "echo" || name == "" && len(schema.Properties) == 0 && tool.Annotations.ReadOnly() {
			name, args = tool.Name, schema.Properties
		}
	}
	if name == "" {
		out.Print("call:    ping, because no tool can be called without knowing more of it")
		return session.Ping(ctx)
	}
	for property := range args {
		args[property] = "hello"
	}
	result, err := session.CallTool(ctx, name, args)
	if err != nil {
		return err
	}
	out.Printf("call:    %s: %s", name, result.Text())

	var failed atomic.Int64
	callers, ctx := errgroup.WithContext(ctx)
	callers.SetLimit(64)
	for n := range 3200 {
		callers.Go(func() error {
			_, err := session.CallTool(ctx, name, args, mcpclient.WithMeta("nonce", n)) // it tells the calls apart
			if err != nil {
				failed.Add(1)
			}
			return err
		})
	}
	err = callers.Wait()
	stats := session.Stats()
	out.Printf("64 callers, %d calls in all: %d losses, %d re-initializes, %d errors, executed twice: %v",
		stats.Calls, stats.Losses, stats.Initializes-1, failed.Load(), repeated())
	return err
}
