package mcpclient_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient"
	"github.com/holdfast-mcp/mcpclient/mcptest"
)

// The header's limit is the own transport's. A user's http.Client keeps its own, and the error says which.
func TestHeaderLimits(t *testing.T) {
	big := mcptest.SetHeader("X-Big", filled(100<<10, "x")).On("tools/call")
	for name, tt := range map[string]struct {
		client *mcpclient.Client
		want   *mcpclient.LimitError // nil: no error
	}{
		"by default":             {&mcpclient.Client{}, &mcpclient.LimitError{What: "the response header (Limits.ResponseHeader)", Limit: 64 << 10}},
		"raised":                 {&mcpclient.Client{Limits: mcpclient.Limits{ResponseHeader: 1 << 20}}, nil},
		"a user's, unlimited":    {&mcpclient.Client{HTTPClient: new(http.Client)}, nil},
		"a user's, with a limit": {&mcpclient.Client{HTTPClient: &http.Client{Transport: &http.Transport{MaxResponseHeaderBytes: 50 << 10, DisableKeepAlives: true}}}, &mcpclient.LimitError{What: "the response header (http.Transport.MaxResponseHeaderBytes)", Limit: 50 << 10}},
	} {
		t.Run(name, func(t *testing.T) {
			server := mcptest.New(t)
			session, err := tt.client.Connect(t.Context(), server.URL())
			require.NoError(t, err)
			defer func() { require.NoError(t, session.Close()) }()
			server.Next(big)
			_, err = session.CallTool(t.Context(), "echo", nil)
			if tt.want == nil {
				require.NoError(t, err)
				return
			}
			require.Equal(t, tt.want, asCallError(t, err).Err)
			require.Equal(t, mcpclient.DeliveryUnknown, asCallError(t, err).Delivery)
			require.NoError(t, session.Ping(t.Context()))
		})
	}
}

func TestHeaderLimitOfHTTP2(t *testing.T) {
	server := mcptest.New(t)
	secure := httptest.NewUnstartedServer(server)
	secure.EnableHTTP2 = true
	secure.StartTLS()
	defer secure.Close()
	secure.Client().Transport.(*http.Transport).MaxResponseHeaderBytes = 50 << 10
	session, err := (&mcpclient.Client{HTTPClient: secure.Client()}).Connect(t.Context(), secure.URL+"/mcp")
	require.NoError(t, err)
	defer func() { require.NoError(t, session.Close()) }()
	var big []mcptest.Fault // in many fields and not by much: else HTTP/2 breaks off the connection
	for i := range 10 {
		big = append(big, mcptest.SetHeader("X-Big-"+strconv.Itoa(i), filled(5<<10, "x")))
	}
	server.Next(mcptest.Combine(big...).On("tools/call"))
	_, err = session.CallTool(t.Context(), "echo", nil)
	require.Equal(t, &mcpclient.LimitError{What: "the response header (http.Transport.MaxResponseHeaderBytes)", Limit: 50 << 10}, asCallError(t, err).Err)
	_, err = session.CallTool(t.Context(), "echo", nil)
	require.NoError(t, err)
}

// The limit is of decoded bytes, exact, and one knob for bodies and events.
func TestMessageSizeIsExact(t *testing.T) {
	const size = 10_000
	message := func(n int) string {
		empty := resultOf(`"content":[{"type":"text","text":""}]`)
		return strings.Replace(empty, `""}]`, `"`+strings.Repeat("x", n-len(empty))+`"}]`, 1)
	}
	event := func(n int) string {
		const frame = len("data: ") + len("\n")
		return "data: " + message(n-frame) + "\n\n"
	}
	for _, tt := range []struct {
		name  string
		fault mcptest.Fault
		fits  bool
	}{
		{"a body that fits", mcptest.Respond(canned(asJSON, message(size))), true},
		{"a body over it", mcptest.Respond(canned(asJSON, message(size+1))), false},
		{"an event that fits", mcptest.Respond(canned(asStream, event(size))), true},
		{"an event over it", mcptest.Respond(canned(asStream, event(size+1))), false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			server := mcptest.New(t, mcptest.InMemory())
			session := connected(t, server, &mcpclient.Client{MaxMessageSize: size})
			server.Next(tt.fault.On("tools/call"))
			_, err := session.CallTool(t.Context(), "echo", nil)
			if tt.fits {
				require.NoError(t, err)
				return
			}
			require.EqualValues(t, size, asCause[*mcpclient.LimitError](t, err).Limit)
		})
	}
}

// The largest event takes half as much again while it comes, not as much again.
func TestLargestEventTakesItsSizeAndAHalf(t *testing.T) {
	reader := mcpclient.NewSSEReader(strings.NewReader("data: "+filled(almost, "x")+"\n\n"), 32<<20)
	allocated := sseAllocated(func() {
		event, err := reader.Next()
		require.NoError(t, err)
		require.Len(t, event.Data, almost)
	})
	require.LessOrEqual(t, allocated, int64(50<<20))
}

// Large answers of honest servers are none of this.
func TestLargeHonestAnswers(t *testing.T) {
	numbers := `"structuredContent":{"series":[` + strings.Repeat("1,", 1_000_000) + `1]}`
	var rows strings.Builder
	for i := range 50_000 {
		fmt.Fprintf(&rows, `{"id":%d,"name":"n","ok":true},`, i)
	}
	for name, result := range map[string]string{
		"a long text":      `"content":[{"type":"text","text":"` + filled(16<<20, "x") + `"}]`,
		"a long series":    `"content":[],` + numbers,
		"many rows":        `"content":[],"structuredContent":{"rows":[` + rows.String() + `{}]}`,
		"a wide object":    `"content":[],"structuredContent":{` + strings.TrimSuffix(uniqueNames(500_000), `,"":0`) + `}`,
		"many small texts": `"content":[` + strings.Repeat(`{"type":"text","text":"x"},`, 40_000) + `{"type":"text","text":"x"}]`,
	} {
		t.Run(name, func(t *testing.T) {
			server := mcptest.New(t)
			session, err := mcpclient.Connect(t.Context(), server.URL())
			require.NoError(t, err)
			defer func() { require.NoError(t, session.Close()) }()
			server.Next(mcptest.Respond(canned(asJSON, resultOf(result))).On("tools/call"))
			_, err = session.CallTool(t.Context(), "echo", nil)
			require.NoError(t, err)
		})
	}
}
