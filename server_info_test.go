package mcpclient_test

import (
	stdjson "encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient"
	"github.com/holdfast-mcp/mcpclient/mcptest"
)

// introduced opens a session with a server that answers the handshake with these members, and its newest
// version if they name none.
func introduced(t *testing.T, members string) (*mcpclient.Session, *mcptest.Server) {
	t.Helper()
	server := mcptest.New(t)
	var info mcpclient.ServerInfo
	require.NoError(t, stdjson.Unmarshal([]byte(newestWire(t, "initialize")), &info))
	server.Next(answeringAll(`{"protocolVersion":"` + info.ProtocolVersion + `",` + members + `}`).When(isHandshake))
	return openSession(t, &mcpclient.Client{}, server), server
}

// isHandshake: the probe before it carries a version, and all later requests the session id that it brings.
func isHandshake(r mcptest.Request) bool {
	return r.Session == "" && r.Header.Get("Mcp-Protocol-Version") == ""
}

func TestServerInfoEveryField(t *testing.T) {
	_, members, _ := strings.Cut(newestWire(t, "initialize"), ",") // behind the version
	session, _ := introduced(t, strings.TrimSuffix(members, "}"))
	info := session.Server()
	require.NotEmpty(t, info.ProtocolVersion)
	require.Len(t, info.Icons, 2)
	require.Equal(t, &mcpclient.ServerInfo{
		Name: "weather", Title: "Weather Server", Version: "1.4.2", Description: "Forecasts and alerts", WebsiteURL: "https://example.com",
		Icons: info.Icons, ProtocolVersion: info.ProtocolVersion, Instructions: "Ask for one city at a time.",
		Capabilities: mcpclient.ServerCapabilities{
			Tools:        &mcpclient.ToolsCapability{ListChanged: true},
			Resources:    &mcpclient.ResourcesCapability{Subscribe: true, ListChanged: true},
			Prompts:      &mcpclient.PromptsCapability{ListChanged: true},
			Logging:      true,
			Completions:  true,
			Tasks:        stdjson.RawMessage(`{"list":{},"cancel":{},"requests":{"tools":{"call":{}}}}`),
			Experimental: map[string]stdjson.RawMessage{"com.example/x": stdjson.RawMessage(`{"on":true}`)},
		},
		Meta: info.Meta,
	}, info)
	require.Len(t, info.Meta, 2)
}

func TestServerInfoUnknownMembers(t *testing.T) {
	session, _ := introduced(t, `"capabilities":{"holograms":{"a":1},"extensions":{"io.example/x":{}}},"serverInfo":{"name":"n","version":"v","mood":"good"},"extra":[1]`)
	info := session.Server()
	require.Equal(t, `"good"`, string(info.Extra["mood"]))
	require.Equal(t, `[1]`, string(info.ResultExtra["extra"]))
	require.Equal(t, `{"a":1}`, string(info.Capabilities.Extra["holograms"]))
	require.Contains(t, info.Capabilities.Extensions, "io.example/x")
}

func TestServerCapabilitiesAsServersSendThem(t *testing.T) {
	for value, present := range map[string]bool{
		`{}`: true, `{"listChanged":true}`: true, `{"listChanged":null}`: true, `{"listChanged":"yes"}`: true, `true`: true, `[]`: true, `1`: true,
		`null`: false, `false`: false,
	} {
		bothJSON(t, func(t *testing.T, marshal func(any) ([]byte, error), unmarshal func([]byte, any) error) {
			var got mcpclient.ServerCapabilities
			require.NoError(t, unmarshal([]byte(strings.ReplaceAll(`{"tools":V,"resources":V,"prompts":V,"logging":V,"completions":V}`, "V", value)), &got), value)
			require.Equal(t, present, got.Tools != nil, value)
			require.Equal(t, present, got.Resources != nil, value)
			require.Equal(t, present, got.Prompts != nil, value)
			require.Equal(t, present, got.Logging, value)
			require.Equal(t, present, got.Completions, value)
			require.Equal(t, value == `{"listChanged":true}`, present && got.Tools.ListChanged, value)

			again, err := marshal(got)
			require.NoError(t, err)
			require.Equal(t, present, strings.Contains(string(again), `"logging":{}`), value)
		})
	}
	var got mcpclient.ServerCapabilities
	require.NoError(t, stdjson.Unmarshal([]byte(`{"tasks":null,"experimental":[],"extensions":"x"}`), &got))
	require.Equal(t, mcpclient.ServerCapabilities{}, got)
	require.NoError(t, stdjson.Unmarshal([]byte(`{"serverInfo":null,"capabilities":[]}`), new(mcpclient.ServerInfo)))
}

func TestServerInfoWithoutVersion(t *testing.T) {
	server := mcptest.New(t)
	server.Always(answeringAll(`{"capabilities":{},"serverInfo":{"name":"n","version":"v"}}`).When(isHandshake))
	_, err := mcpclient.Connect(t.Context(), server.URL())
	require.ErrorIs(t, err, mcpclient.ErrProtocol)
	require.ErrorContains(t, err, "no protocol version")
}
