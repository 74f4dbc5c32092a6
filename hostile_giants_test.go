package mcpclient_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient"
	"github.com/holdfast-mcp/mcpclient/mcptest"
)

// An answer that is just within all limits is good. What is in it is given to the caller, who has asked for it: at most as much again
// as the limit of a message, and that comes on top of the allowance.
func TestP12BoundedMemoryOfGiants(t *testing.T) {
	const size = almost - 200
	call := func(s *mcpclient.Session) error {
		_, err := s.CallTool(context.Background(), "echo", nil)
		return err
	}
	list := func(s *mcpclient.Session) error {
		_, err := mcpclient.Collect(s.Tools(context.Background()))
		return err
	}
	text := filled(size, "x")
	for name, c := range map[string]struct {
		result string
		meet   func(*mcpclient.Session) error
		given  int64 // 0: once the message
	}{
		"a text":             {`"content":[{"type":"text","text":"` + text + `"}]`, call, 0},
		"an escaped text":    {`"content":[{"type":"text","text":"` + filled(size, `\u0041`) + `"}]`, call, 2 * almost}, // unescaped into a buffer that grows
		"a picture":          {`"content":[{"type":"image","mimeType":"x/y","data":"` + filled(size, "AAAA") + `"}]`, call, 0},
		"a bad picture":      {`"content":[{"type":"image","mimeType":"x/y","data":"` + filled(size, "AAAA") + `="}]`, call, 2 * almost}, // decoded in vain, then kept as it came
		"an unknown block":   {`"content":[{"type":"new","x":"` + text + `"}]`, call, 0},
		"structured content": {`"content":[],"structuredContent":{"x":"` + text + `"}`, call, 0},
		"unknown members":    {`"content":[],"x":"` + text + `"`, call, 0},
		"meta":               {`"content":[],"_meta":{"x":"` + text + `"}`, call, 0},
		"a schema":           {`"tools":[{"name":"x","inputSchema":{"x":"` + text + `"}}]`, list, 0},
		"a description":      {`"tools":[{"name":"x","description":"` + text + `"}]`, list, 0},
		"a name":             {`"tools":[{"name":"` + text + `"}]`, list, 0},
		"items":              {`"tools":[` + filled(1<<20, `{"name":"a"},`) + `{}]`, list, 0},
	} {
		body := resultOf(c.result)
		t.Run(name, func(t *testing.T) {
			server := mcptest.New(t, mcptest.History(1))
			session, err := mcpclient.Connect(t.Context(), server.URL())
			require.NoError(t, err)
			defer func() { require.NoError(t, session.Close()) }()
			server.Next(mcptest.Respond(canned(asJSON, body)).On("tools/call", "tools/list"))
			grown := peakHeap(func() { err = c.meet(session) })
			require.NoError(t, err)
			t.Logf("the heap grew by %d KiB", grown>>10)
			require.LessOrEqual(t, grown, heapAllowance+max(c.given, almost))
			require.NoError(t, session.Ping(t.Context()))
		})
	}
}
