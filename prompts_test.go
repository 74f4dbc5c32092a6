package mcpclient_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient"
	"github.com/holdfast-mcp/mcpclient/mcptest"
)

func TestPromptEveryField(t *testing.T) {
	server := mcptest.New(t)
	session := openSession(t, &mcpclient.Client{}, server)
	server.Next(answering("prompts/list", lastPage(t, "prompts")))

	prompts, err := mcpclient.Collect(session.Prompts(t.Context()))
	require.NoError(t, err)
	require.Len(t, prompts, 1)
	p := prompts[0]
	require.Equal(t, &mcpclient.Prompt{
		Name: "code_review", Title: "Request Code Review", Description: "Asks the LLM to analyze code quality",
		Arguments: []mcpclient.PromptArgument{{Name: "code", Title: "Code", Description: "The code to review", Required: true}, {Name: "style"}},
		Icons:     p.Icons, Meta: p.Meta,
	}, p)
	require.Len(t, p.Icons, 2)
	require.Equal(t, "Request Code Review", p.DisplayName())
}

func TestGetPrompt(t *testing.T) {
	server := mcptest.New(t)
	session := openSession(t, &mcpclient.Client{}, server)
	for range 2 {
		server.Next(answering("prompts/get", newestWire(t, "prompt")))
	}

	result, err := session.GetPrompt(t.Context(), "code_review", map[string]string{"style": "<b>", "code": "x"})
	require.NoError(t, err)
	require.Equal(t, "Code review prompt", result.Description)
	require.Len(t, result.Messages, 5)
	require.Equal(t, "user", result.Messages[0].Role)
	require.IsType(t, &mcpclient.Text{}, result.Messages[0].Content)
	require.Equal(t, "assistant", result.Messages[1].Role)
	require.IsType(t, &mcpclient.Image{}, result.Messages[1].Content)
	require.IsType(t, &mcpclient.Audio{}, result.Messages[2].Content)
	require.IsType(t, &mcpclient.Link{}, result.Messages[3].Content)
	require.IsType(t, &mcpclient.Embedded{}, result.Messages[4].Content)

	_, err = session.GetPrompt(t.Context(), "code_review", nil)
	require.NoError(t, err)
	require.Equal(t, []string{
		`{"name":"code_review","arguments":{"code":"x","style":"<b>"}}`,
		`{"name":"code_review"}`,
	}, sentParams(t, server, "prompts/get"))
}

// A message has one block; what a server sends instead is kept.
func TestGetPromptWithOddContent(t *testing.T) {
	server := mcptest.New(t)
	session := openSession(t, &mcpclient.Client{}, server)
	server.Next(answering("prompts/get", `{"messages":[{"role":"user","content":[{"type":"text","text":"a"}]},{"role":"user","content":null},{"role":"user"}]}`))
	result, err := session.GetPrompt(t.Context(), "p", nil)
	require.NoError(t, err)
	require.Equal(t, []mcpclient.PromptMessage{
		{Role: "user", Content: &mcpclient.Unknown{Raw: []byte(`[{"type":"text","text":"a"}]`)}}, {Role: "user"}, {Role: "user"},
	}, result.Messages)
}
