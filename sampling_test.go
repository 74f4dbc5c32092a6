package mcpclient_test

import (
	"context"
	stdjson "encoding/json"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient"
)

// conversation has every member of a request, and every kind of content.
const conversation = `{
	"messages":[
		{"role":"user","content":{"type":"text","text":"Weather in Paris and Rome?"},"_meta":{"a":1}},
		{"role":"assistant","content":[
			{"type":"text","text":"I look."},
			{"type":"tool_use","id":"1","name":"weather","input":{"city":"Paris"},"_meta":{"cache":true}},
			{"type":"tool_use","id":"2","name":"weather","input":{"city":"Rome"},"x":7}]},
		{"role":"user","content":[
			{"type":"tool_result","toolUseId":"2","content":[{"type":"text","text":"sun"}],"structuredContent":{"sky":"clear"}},
			{"type":"tool_result","toolUseId":"1","content":[],"isError":true,"_meta":{"a":1}}]},
		{"role":"user","content":[{"type":"image","data":"aGk=","mimeType":"image/png"},{"type":"audio","data":"aGk=","mimeType":"audio/wav"}]}
	],
	"maxTokens":1e3,
	"modelPreferences":{"hints":[{"name":"sonnet"},{}],"costPriority":0.1,"speedPriority":0,"intelligencePriority":1},
	"systemPrompt":"Be brief.","includeContext":"none","temperature":0.2,"stopSequences":["END"],"metadata":{"k":[1]},
	"tools":[{"name":"weather","inputSchema":{"type":"object"}}],"toolChoice":{"mode":"required"},
	"_meta":{"progressToken":1},"task":{"ttl":60000}}`

func TestSamplingShowsTheRequest(t *testing.T) {
	var got *mcpclient.SamplingRequest
	asked := &mcpclient.Asked{
		Method: "sampling/createMessage", Params: conversation,
		Sample: func(_ context.Context, r *mcpclient.SamplingRequest) (*mcpclient.SamplingReply, error) {
			got = r
			return &mcpclient.SamplingReply{Model: "m-1", Content: []mcpclient.Content{&mcpclient.Text{Text: "Sun."}}, StopReason: "endTurn"}, nil
		},
	}
	require.Equal(t,
		mcpclient.Told{Result: `{"role":"assistant","content":{"type":"text","text":"Sun."},"model":"m-1","stopReason":"endTurn"}`},
		asked.Answer(t.Context()))
	raw := func(text string) stdjson.RawMessage { return stdjson.RawMessage(text) }
	require.Equal(t, &mcpclient.SamplingRequest{
		Messages: []mcpclient.SamplingMessage{
			{Role: "user", Content: []mcpclient.Content{&mcpclient.Text{Text: "Weather in Paris and Rome?"}}, Meta: mcpclient.Meta{"a": raw("1")}},
			{Role: "assistant", Content: []mcpclient.Content{
				&mcpclient.Text{Text: "I look."},
				&mcpclient.ToolUse{ID: "1", Name: "weather", Input: raw(`{"city":"Paris"}`), Meta: mcpclient.Meta{"cache": raw("true")}},
				&mcpclient.ToolUse{ID: "2", Name: "weather", Input: raw(`{"city":"Rome"}`), Extra: map[string]stdjson.RawMessage{"x": raw("7")}},
			}},
			{Role: "user", Content: []mcpclient.Content{
				&mcpclient.ToolOutcome{ToolUseID: "2", Content: []mcpclient.Content{&mcpclient.Text{Text: "sun"}}, Structured: raw(`{"sky":"clear"}`)},
				&mcpclient.ToolOutcome{ToolUseID: "1", Content: []mcpclient.Content{}, IsError: true, Meta: mcpclient.Meta{"a": raw("1")}},
			}},
			{Role: "user", Content: []mcpclient.Content{
				&mcpclient.Image{Data: []byte("hi"), MIMEType: "image/png"}, &mcpclient.Audio{Data: []byte("hi"), MIMEType: "audio/wav"},
			}},
		},
		MaxTokens: 1000,
		ModelPreferences: &mcpclient.ModelPreferences{
			Hints: []mcpclient.ModelHint{{Name: "sonnet"}, {}}, CostPriority: new(0.1), SpeedPriority: new(0.0), IntelligencePriority: new(1.0),
		},
		SystemPrompt: "Be brief.", IncludeContext: "none", Temperature: new(0.2), StopSequences: []string{"END"}, Metadata: raw(`{"k":[1]}`),
		Tools: []*mcpclient.Tool{{Name: "weather", InputSchema: raw(`{"type":"object"}`)}}, ToolChoice: "required",
		Meta: mcpclient.Meta{"progressToken": raw("1")}, Extra: map[string]stdjson.RawMessage{"task": raw(`{"ttl":60000}`)},
	}, got)
}

// Nothing of a request is lost on its way through a program, a single block aside from its form.
func TestSamplingWireForm(t *testing.T) {
	bothJSON(t, func(t *testing.T, marshal func(any) ([]byte, error), unmarshal func([]byte, any) error) {
		var first, second mcpclient.SamplingRequest
		require.NoError(t, unmarshal([]byte(conversation), &first))
		encoded, err := marshal(first)
		require.NoError(t, err)
		require.NoError(t, unmarshal(encoded, &second))
		require.Equal(t, first, second)
		require.Contains(t, string(encoded), `"content":{"type":"text","text":"Weather in Paris and Rome?"}`)
		require.Contains(t, string(encoded), `"toolChoice":{"mode":"required"}`)

		var message mcpclient.SamplingMessage
		require.NoError(t, unmarshal([]byte(`{"role":"user","content":[{"type":"text","text":"a"}]}`), &message))
		encoded, err = marshal(message)
		require.NoError(t, err)
		require.JSONEq(t, `{"role":"user","content":{"type":"text","text":"a"}}`, string(encoded), "what every version takes")

		for block, into := range map[string]any{
			`{"type":"tool_use","id":"1","name":"n","input":{"a":[1]},"x":1}`:                                               new(mcpclient.ToolUse),
			`{"type":"tool_result","toolUseId":"1","content":[{"type":"text","text":"a"}],"structuredContent":null,"x":[]}`: new(mcpclient.ToolOutcome),
			`{"uri":"file:///a","name":"A","_meta":{"a":1}}`:                                                                new(mcpclient.Root),
		} {
			require.NoError(t, unmarshal([]byte(block), into))
			encoded, err = marshal(into)
			require.NoError(t, err)
			require.JSONEq(t, block, string(encoded))
		}
		encoded, err = marshal([]mcpclient.Content{&mcpclient.ToolUse{}, &mcpclient.ToolOutcome{}})
		require.NoError(t, err)
		require.JSONEq(t, `[{"type":"tool_use","id":"","name":"","input":{}},{"type":"tool_result","toolUseId":"","content":[]}]`, string(encoded))
		encoded, err = marshal(mcpclient.SamplingReply{})
		require.NoError(t, err)
		require.JSONEq(t, `{"role":"assistant","content":[],"model":""}`, string(encoded))
	})
}

// Tool use belongs to conversations with a model. Elsewhere, and within an outcome, it is nothing that is known.
func TestSamplingContentStandsInMessagesAlone(t *testing.T) {
	use := `{"type":"tool_use","id":"1","name":"n","input":{}}`
	require.Equal(t, &mcpclient.Unknown{Type: "tool_use", Raw: stdjson.RawMessage(use)}, decodeBlock(t, use))
	var message mcpclient.SamplingMessage
	require.NoError(t, stdjson.Unmarshal([]byte(`{"role":"user","content":{"type":"tool_result","toolUseId":"1","content":[`+use+`]}}`), &message))
	require.Equal(t,
		[]mcpclient.Content{&mcpclient.ToolOutcome{ToolUseID: "1", Content: []mcpclient.Content{&mcpclient.Unknown{Type: "tool_use", Raw: stdjson.RawMessage(use)}}}},
		message.Content)
	require.NoError(t, stdjson.Unmarshal([]byte(`{"role":"user","content":[{"type":"tool_use","id":1}]}`), &message))
	require.Equal(t, []mcpclient.Content{&mcpclient.Unknown{Type: "tool_use", Raw: stdjson.RawMessage(`{"type":"tool_use","id":1}`)}}, message.Content)
}

func TestSamplingRequestsThatAreRefused(t *testing.T) {
	const (
		ask  = `{"role":"user","content":{"type":"text","text":"a"}}`
		uses = `{"role":"assistant","content":[{"type":"tool_use","id":"1","name":"n","input":{}},{"type":"tool_use","id":"2","name":"n","input":{}}]}`
		one  = `{"role":"user","content":{"type":"tool_result","toolUseId":"1","content":[]}}`
		two  = `{"role":"user","content":[{"type":"tool_result","toolUseId":"2","content":[]}]}`
	)
	messages := func(list string) string { return `{"maxTokens":1,"messages":[` + list + `]}` }
	for params, reason := range map[string]string{
		``:                                     "maxTokens must be a number above 0",
		`{"messages":[]}`:                      "maxTokens must be a number above 0",
		`{"maxTokens":0}`:                      "maxTokens must be a number above 0",
		`{"maxTokens":"1"}`:                    `a JSON string at "/maxTokens"`,
		`{"maxTokens":1,"tools":[null]}`:       "a tool has no name",
		messages(`null`):                       `message 0 has the role "", neither user nor assistant`,
		messages(`{"role":"system"}`):          `message 0 has the role "system", neither user nor assistant`,
		messages(uses):                         "a tool_use has no tool_result",
		messages(uses + `,` + ask):             "message 1 comes before every tool_use has its tool_result",
		messages(uses + `,` + uses):            "message 1 comes before every tool_use has its tool_result",
		messages(uses + `,` + one + `,` + ask): "message 2 comes before every tool_use has its tool_result",
		messages(uses + `,` + one):             "a tool_use has no tool_result",
		messages(`{"role":"user","content":[{"type":"tool_result","toolUseId":"1","content":[]},{"type":"text","text":"a"}]}`): "message 0 has a tool_result and is not a user message of nothing else",
		messages(`{"role":"assistant","content":{"type":"tool_result","toolUseId":"1","content":[]}}`):                         "message 0 has a tool_result and is not a user message of nothing else",
		messages(uses + `,` + one + `,` + two + `,` + ask):                                                                     "",
		messages(one + `,` + ask): "", // the beginning was cut off: a question for the model
		messages(``):              "",
		`{"maxTokens":1,"messages":null,"toolChoice":null,"metadata":null,"modelPreferences":null,"temperature":null}`: "",
	} {
		called := false
		asked := &mcpclient.Asked{
			Method: "sampling/createMessage", Params: params,
			Sample: func(_ context.Context, r *mcpclient.SamplingRequest) (*mcpclient.SamplingReply, error) {
				called = true
				require.Nil(t, r.Metadata)
				return &mcpclient.SamplingReply{Model: "m"}, nil
			},
		}
		got := asked.Answer(t.Context())
		require.Equal(t, reason == "", called, params)
		if called {
			require.Equal(t, mcpclient.Told{Result: `{"role":"assistant","content":[],"model":"m"}`}, got, params)
			continue
		}
		require.Equal(t, "invalid params: "+reason, got.Message, params)
		require.EqualValues(t, invalidParams, got.Code, params)
		require.ErrorIs(t, got.Err, mcpclient.ErrProtocol, params)
	}
	got := (&mcpclient.Asked{Method: "sampling/createMessage", Params: conversation}).Answer(t.Context())
	require.EqualValues(t, methodNotFound, got.Code)
}

func TestSamplingReplies(t *testing.T) {
	text := &mcpclient.Text{Text: "a"}
	for name, test := range map[string]struct {
		reply *mcpclient.SamplingReply
		err   error
		want  mcpclient.Told
		local string
	}{
		"one block":         {reply: &mcpclient.SamplingReply{Model: "m", Content: []mcpclient.Content{text}}, want: mcpclient.Told{Result: `{"role":"assistant","content":{"type":"text","text":"a"},"model":"m"}`}},
		"two blocks":        {reply: &mcpclient.SamplingReply{Role: "user", Model: "m", Content: []mcpclient.Content{text, &mcpclient.ToolUse{ID: "1", Name: "n"}}, StopReason: "toolUse", Meta: mcpclient.Meta{"a": stdjson.RawMessage("1")}}, want: mcpclient.Told{Result: `{"role":"user","content":[{"type":"text","text":"a"},{"type":"tool_use","id":"1","name":"n","input":{}}],"model":"m","stopReason":"toolUse","_meta":{"a":1}}`}},
		"no reply":          {want: mcpclient.Told{Code: internalError, Message: "the client has no answer"}, local: "it returned neither a reply nor an error"},
		"no model":          {reply: new(mcpclient.SamplingReply), want: mcpclient.Told{Code: internalError, Message: "the client has no answer"}, local: "its reply does not name the model"},
		"another role":      {reply: &mcpclient.SamplingReply{Role: "tool", Model: "m"}, want: mcpclient.Told{Code: internalError, Message: "the client has no answer"}, local: `the role "tool" of its reply is neither user nor assistant`},
		"nil content":       {reply: &mcpclient.SamplingReply{Model: "m", Content: []mcpclient.Content{text, nil}}, want: mcpclient.Told{Code: internalError, Message: "the client has no answer"}, local: "its reply holds a nil block of content"},
		"no JSON":           {reply: &mcpclient.SamplingReply{Model: "m", Content: []mcpclient.Content{&mcpclient.ToolUse{Input: stdjson.RawMessage("{")}}}, want: mcpclient.Told{Code: internalError, Message: "the client has no answer"}, local: "its reply cannot be encoded"},
		"an error":          {err: errors.New("no key for the provider"), want: mcpclient.Told{Code: internalError, Message: "the client has no answer"}, local: "no key for the provider"},
		"the user declined": {err: fmt.Errorf("asked: %w", mcpclient.ErrDeclined), want: mcpclient.Told{Code: -1, Message: "the user declined"}, local: "asked: the user declined"},
	} {
		t.Run(name, func(t *testing.T) {
			asked := &mcpclient.Asked{
				Method: "sampling/createMessage", Params: conversation,
				Sample: func(context.Context, *mcpclient.SamplingRequest) (*mcpclient.SamplingReply, error) {
					return test.reply, test.err
				},
			}
			got := asked.Answer(t.Context())
			if test.local != "" {
				require.ErrorContains(t, got.Err, "the handler of sampling/createMessage: "+test.local)
				require.NotErrorIs(t, got.Err, mcpclient.ErrProtocol)
				got.Err = nil
			}
			require.Equal(t, test.want, got)
		})
	}
}
