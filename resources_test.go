package mcpclient_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient"
	"github.com/holdfast-mcp/mcpclient/mcptest"
)

// lastPage is a list of the newest version, as its only page.
func lastPage(t *testing.T, file string) string {
	return strings.Replace(newestWire(t, file), `"nextCursor"`, `"futureMember"`, 1)
}

func TestResourceEveryField(t *testing.T) {
	server := mcptest.New(t)
	session := openSession(t, &mcpclient.Client{}, server)
	server.Next(answering("resources/list", lastPage(t, "resources")))

	resources, err := mcpclient.Collect(session.Resources(t.Context()))
	require.NoError(t, err)
	require.Len(t, resources, 1)
	r := resources[0]
	require.Equal(t, &mcpclient.Resource{
		URI: "file:///project/src/main.rs", Name: "main.rs", Title: "Rust main", Description: "Primary application entry point",
		MIMEType: "text/x-rust", Size: new(int64(2048)), Annotations: r.Annotations, Icons: r.Icons, Meta: r.Meta,
	}, r)
	require.Equal(t, new(0.7), r.Annotations.Priority)
	require.Len(t, r.Icons, 2)
	require.Len(t, r.Meta, 2)
	require.Equal(t, "Rust main", r.DisplayName())
	require.Equal(t, "main.rs", (&mcpclient.Resource{Name: "main.rs"}).DisplayName())
}

func TestResourceTemplateEveryField(t *testing.T) {
	server := mcptest.New(t)
	session := openSession(t, &mcpclient.Client{}, server)
	server.Next(answering("resources/templates/list", lastPage(t, "templates")))

	templates, err := mcpclient.Collect(session.ResourceTemplates(t.Context()))
	require.NoError(t, err)
	require.Len(t, templates, 1)
	r := templates[0]
	require.Equal(t, &mcpclient.ResourceTemplate{
		URITemplate: "file:///{path}", Name: "Project Files", Title: "Files", Description: "Access files in the project directory",
		MIMEType: "application/octet-stream", Annotations: r.Annotations, Icons: r.Icons, Meta: r.Meta,
	}, r)
	require.Equal(t, new(0.7), r.Annotations.Priority)
	require.Len(t, r.Icons, 2)
	require.Equal(t, "Files", r.DisplayName())
}

func TestReadResource(t *testing.T) {
	server := mcptest.New(t)
	session := openSession(t, &mcpclient.Client{}, server)
	server.AddResource(mcpclient.Resource{URI: "x://a", Name: "a"},
		mcpclient.ResourceContents{URI: "x://a/1", Text: ""},
		mcpclient.ResourceContents{URI: "x://a/2", Blob: []byte{}},
		mcpclient.ResourceContents{URI: "x://a/3", MIMEType: "image/png", Blob: []byte("png")})

	result, err := session.ReadResource(t.Context(), "x://a")
	require.NoError(t, err)
	require.Equal(t, []string{`{"uri":"x://a"}`}, sentParams(t, server, "resources/read"))
	require.Equal(t, []mcpclient.ResourceContents{
		{URI: "x://a/1"}, {URI: "x://a/2", Blob: []byte{}}, {URI: "x://a/3", MIMEType: "image/png", Blob: []byte("png")},
	}, result.Contents)
	require.False(t, result.Contents[0].IsBlob())
	require.True(t, result.Contents[1].IsBlob(), "empty is not absent")
	require.True(t, result.Contents[2].IsBlob())

	_, err = session.ReadResource(t.Context(), "x://none")
	requireAnswered(t, err, "resources/read", "x://none")
	var rpc *mcpclient.RPCError
	require.ErrorAs(t, err, &rpc)
}

// Half of a file must not pass for the file.
func TestReadResourceWithBrokenBase64(t *testing.T) {
	server := mcptest.New(t)
	session := openSession(t, &mcpclient.Client{}, server)
	server.Next(answering("resources/read", `{"contents":[{"uri":"a","text":"t"},{"uri":"b","blob":"AA*A"}]}`))
	_, err := session.ReadResource(t.Context(), "a")
	requireAnswered(t, err, "resources/read", "a")
	require.ErrorIs(t, err, mcpclient.ErrProtocol)
	require.ErrorContains(t, err, "not a base64 string")
}
