package mcpclient_test

import (
	"context"
	stdjson "encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient"
)

const (
	invalidParams  = -32602
	internalError  = -32603
	methodNotFound = -32601
)

// oneForm asks for a form with one field of every kind.
const oneForm = `{"message":"Who are you?","_meta":{"com.example/a":1},"requestedSchema":{"type":"object","properties":{
	"name":{"type":"string","title":"Your name","description":"As in your passport","minLength":1,"maxLength":5.0,"default":"Ann"},
	"mail":{"type":"string","format":"email","pattern":"@example"},
	"weight":{"type":"number","minimum":0.5,"maximum":1e2,"default":70.50},
	"age":{"type":"integer","minimum":1,"default":42},
	"member":{"type":"boolean","default":true},
	"plain":{"type":"string","enum":["a","b"],"default":"b"},
	"named":{"type":"string","enum":["a","b","c"],"enumNames":["Alpha",""]},
	"titled":{"type":"string","oneOf":[{"const":"x","title":"Ex"},{"const":"y"}],"default":"x"},
	"many":{"type":"array","items":{"type":"string","enum":["r","g","b"]},"minItems":1,"maxItems":2,"default":["r","b"]},
	"mixed":{"type":"array","items":{"anyOf":[{"const":"1","title":"One"},{"const":"2","title":"Two"}]}}
},"required":["age","name"]}}`

func plainChoices(values ...string) (choices []mcpclient.ElicitationChoice) {
	for _, value := range values {
		choices = append(choices, mcpclient.ElicitationChoice{Value: value, Title: value})
	}
	return choices
}

// shown is what a handler sees of a field: the fields that are exported.
func shown(f mcpclient.ElicitationField) mcpclient.ElicitationField {
	return mcpclient.ElicitationField{
		Name: f.Name, Title: f.Title, Description: f.Description, Kind: f.Kind, Required: f.Required, Default: f.Default,
		MinLength: f.MinLength, MaxLength: f.MaxLength, Format: f.Format, Pattern: f.Pattern, Minimum: f.Minimum, Maximum: f.Maximum,
		Choices: f.Choices, MinItems: f.MinItems, MaxItems: f.MaxItems,
	}
}

func TestElicitationShowsTheForm(t *testing.T) {
	server := &mcpclient.ServerInfo{Name: "asker"}
	var got *mcpclient.Elicitation
	asked := &mcpclient.Asked{
		Method: "elicitation/create", Params: oneForm, Server: server,
		Elicit: func(_ context.Context, e *mcpclient.Elicitation) (*mcpclient.ElicitationReply, error) {
			got = e
			return mcpclient.Decline(), nil
		},
	}
	require.Equal(t, mcpclient.Told{Result: `{"action":"decline"}`}, asked.Answer(t.Context()))
	require.Equal(t, "Who are you?", got.Message)
	require.Same(t, server, got.Server)
	require.Equal(t, mcpclient.Meta{"com.example/a": stdjson.RawMessage("1")}, got.Meta)
	require.True(t, strings.HasPrefix(string(got.Schema), `{"type":"object","properties":{`), "the schema as it was sent: %s", got.Schema)
	fields := make([]mcpclient.ElicitationField, 0, len(got.Fields))
	for _, f := range got.Fields {
		fields = append(fields, shown(f))
	}
	require.Equal(t, []mcpclient.ElicitationField{
		{
			Name: "name", Title: "Your name", Description: "As in your passport", Kind: mcpclient.FieldString, Required: true, Default: "Ann",
			MinLength: new(int64(1)), MaxLength: new(int64(5)),
		},
		{Name: "mail", Kind: mcpclient.FieldString, Format: "email", Pattern: "@example"},
		{Name: "weight", Kind: mcpclient.FieldNumber, Minimum: new(0.5), Maximum: new(100.0), Default: stdjson.Number("70.50")},
		{Name: "age", Kind: mcpclient.FieldInteger, Required: true, Minimum: new(1.0), Default: stdjson.Number("42")},
		{Name: "member", Kind: mcpclient.FieldBoolean, Default: true},
		{Name: "plain", Kind: mcpclient.FieldEnum, Choices: plainChoices("a", "b"), Default: "b"},
		{Name: "named", Kind: mcpclient.FieldEnum, Choices: []mcpclient.ElicitationChoice{{Value: "a", Title: "Alpha"}, {Value: "b", Title: "b"}, {Value: "c", Title: "c"}}},
		{Name: "titled", Kind: mcpclient.FieldEnum, Choices: []mcpclient.ElicitationChoice{{Value: "x", Title: "Ex"}, {Value: "y", Title: "y"}}, Default: "x"},
		{Name: "many", Kind: mcpclient.FieldMultiEnum, Choices: plainChoices("r", "g", "b"), MinItems: new(int64(1)), MaxItems: new(int64(2)), Default: []string{"r", "b"}},
		{Name: "mixed", Kind: mcpclient.FieldMultiEnum, Choices: []mcpclient.ElicitationChoice{{Value: "1", Title: "One"}, {Value: "2", Title: "Two"}}},
	}, fields)
	require.Equal(t, "Your name", got.Fields[0].DisplayName())
	require.Equal(t, "mail", got.Fields[1].DisplayName())
}

// Whatever a handler answers, and what the server is told then.
func TestElicitationReplies(t *testing.T) {
	type form struct {
		Name string  `json:"name"`
		Note *string `json:"mail"`
	}
	defaults := `"weight":70.50,"age":42,"member":true,"plain":"b","titled":"x","many":["r","b"]`
	for name, test := range map[string]struct {
		reply *mcpclient.ElicitationReply
		err   error
		want  mcpclient.Told // Err: its text
		local string
	}{
		"nothing filled in":        {reply: mcpclient.Accept(nil), want: mcpclient.Told{Result: `{"action":"accept","content":{"name":"Ann",` + defaults + `}}`}},
		"a map":                    {reply: mcpclient.Accept(map[string]any{"name": "Bo", "age": 7, "mixed": []string{"2"}}), want: mcpclient.Told{Result: `{"action":"accept","content":{"name":"Bo","weight":70.50,"age":7,"member":true,"plain":"b","titled":"x","many":["r","b"],"mixed":["2"]}}`}},
		"a struct, null is absent": {reply: mcpclient.Accept(form{Name: "Cy"}), want: mcpclient.Told{Result: `{"action":"accept","content":{"name":"Cy",` + defaults + `}}`}},
		"raw JSON":                 {reply: mcpclient.Accept(stdjson.RawMessage(`{"member": false,"name":"<&>","age":1e1}`)), want: mcpclient.Told{Result: `{"action":"accept","content":{"name":"<&>","weight":70.50,"age":1e1,"member":false,"plain":"b","titled":"x","many":["r","b"]}}`}},
		"declined, with content":   {reply: &mcpclient.ElicitationReply{Action: mcpclient.ElicitationDecline, Content: 7}, want: mcpclient.Told{Result: `{"action":"decline"}`}},
		"cancelled":                {reply: mcpclient.Cancel(), want: mcpclient.Told{Result: `{"action":"cancel"}`}},
		"declined by an error":     {err: fmt.Errorf("asked: %w", mcpclient.ErrDeclined), want: mcpclient.Told{Result: `{"action":"decline"}`}},
		"no reply":                 {want: mcpclient.Told{Code: internalError}, local: "the handler of elicitation/create: it returned neither a reply nor an error"},
		"no action":                {reply: new(mcpclient.ElicitationReply), want: mcpclient.Told{Code: internalError}, local: `the handler of elicitation/create: the action "" of its reply is none of accept, decline, cancel`},
		"an error":                 {err: errors.New("no terminal"), want: mcpclient.Told{Code: internalError}, local: "the handler of elicitation/create: no terminal"},
		"content that is no form":  {reply: mcpclient.Accept([]int{1}), want: mcpclient.Told{Code: internalError}, local: `the handler of elicitation/create: answers must be a JSON object, not "[1]"`},
		"content with a mistake":   {reply: mcpclient.Accept(map[string]any{"age": "7"}), want: mcpclient.Told{Code: internalError}, local: `the handler of elicitation/create: field "age" must be a number`},
		"content of no JSON":       {reply: mcpclient.Accept(func() {}), want: mcpclient.Told{Code: internalError}, local: `the handler of elicitation/create: answers cannot be encoded: json: unsupported type: func()`},
	} {
		t.Run(name, func(t *testing.T) {
			asked := &mcpclient.Asked{
				Method: "elicitation/create", Params: oneForm,
				Elicit: func(context.Context, *mcpclient.Elicitation) (*mcpclient.ElicitationReply, error) {
					return test.reply, test.err
				},
			}
			got := asked.Answer(t.Context())
			if test.local != "" {
				test.want.Message = "the client has no answer" // and nothing of the application's own errors
				require.EqualError(t, got.Err, test.local)
				got.Err = nil
			}
			require.Equal(t, test.want, got)
		})
	}
}

func TestElicitationErrorOfHandlerIsKept(t *testing.T) {
	asked := &mcpclient.Asked{
		Method: "elicitation/create", Params: oneForm,
		Elicit: func(ctx context.Context, _ *mcpclient.Elicitation) (*mcpclient.ElicitationReply, error) {
			return nil, ctx.Err()
		},
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, asked.Answer(ctx).Err, context.Canceled)

	asked.Elicit = func(context.Context, *mcpclient.Elicitation) (*mcpclient.ElicitationReply, error) {
		return mcpclient.Accept(map[string]any{"name": ""}), nil
	}
	var field *mcpclient.FieldError
	require.ErrorAs(t, asked.Answer(t.Context()).Err, &field)
	require.Equal(t, &mcpclient.FieldError{Field: "name", Reason: "must have 1 or more characters"}, field)
}

func elicits(context.Context, *mcpclient.Elicitation) (*mcpclient.ElicitationReply, error) {
	return mcpclient.Accept(nil), nil
}

func opens(context.Context, *mcpclient.URLElicitation) (*mcpclient.ElicitationReply, error) {
	return mcpclient.Accept(map[string]any{"secret": "not sent"}), nil
}

func TestElicitationModes(t *testing.T) {
	const page = `{"mode":"url","message":"m","url":"https://example.com/"}`
	const accepted = `{"action":"accept"}`
	for name, test := range map[string]struct {
		asked mcpclient.Asked
		want  mcpclient.Told
	}{
		"no mode is a form":        {mcpclient.Asked{Params: `{"message":"m","requestedSchema":{"type":"object","properties":{}}}`, Elicit: elicits}, mcpclient.Told{Result: `{"action":"accept","content":{}}`}},
		"a null mode is a form":    {mcpclient.Asked{Params: `{"mode":null,"message":"m","requestedSchema":{"type":"object"}}`, Elicit: elicits}, mcpclient.Told{Result: `{"action":"accept","content":{}}`}},
		"a form":                   {mcpclient.Asked{Params: `{"mode":"form","message":"m","requestedSchema":{"properties":null}}`, Elicit: elicits}, mcpclient.Told{Result: `{"action":"accept","content":{}}`}},
		"a page, without content":  {mcpclient.Asked{Params: page, ElicitURL: opens}, mcpclient.Told{Result: accepted}},
		"a form, pages offered":    {mcpclient.Asked{Params: `{"message":"m"}`, ElicitURL: opens}, mcpclient.Told{Code: invalidParams, Message: "invalid params: this client does not offer the mode form"}},
		"a page, forms offered":    {mcpclient.Asked{Params: page, Elicit: elicits}, mcpclient.Told{Code: invalidParams, Message: "invalid params: this client does not offer the mode url"}},
		"another mode":             {mcpclient.Asked{Params: `{"mode":"voice\n"}`, Elicit: elicits, ElicitURL: opens}, mcpclient.Told{Code: invalidParams, Message: `invalid params: this client does not offer the mode "voice\n"`}},
		"nothing offered":          {mcpclient.Asked{Params: page}, mcpclient.Told{Code: methodNotFound, Message: "method not found: this client offers no elicitation/create"}},
		"no params":                {mcpclient.Asked{Elicit: elicits}, mcpclient.Told{Code: invalidParams, Message: "invalid params: requestedSchema is not a JSON object"}},
		"params of another kind":   {mcpclient.Asked{Params: `[1]`, Elicit: elicits}, mcpclient.Told{Code: invalidParams, Message: "invalid params: a JSON array at its top"}},
		"a mode of another kind":   {mcpclient.Asked{Params: `{"mode":1}`, Elicit: elicits}, mcpclient.Told{Code: invalidParams, Message: `invalid params: a JSON number at "/mode"`}},
		"more than can be decoded": {mcpclient.Asked{Params: `{"a":[` + strings.Repeat("{},", 200_000) + `{}]}`, Elicit: elicits}, mcpclient.Told{Code: invalidParams, Message: "invalid params: more than 200000 items and members"}},
	} {
		t.Run(name, func(t *testing.T) {
			test.asked.Method = "elicitation/create"
			got := test.asked.Answer(t.Context())
			if test.want.Code != 0 {
				require.ErrorIs(t, got.Err, mcpclient.ErrProtocol)
				got.Err = nil
			}
			require.Equal(t, test.want, got)
		})
	}
}

func TestInputOfUnknownMethod(t *testing.T) {
	asked := &mcpclient.Asked{Method: "dance\x00", Elicit: elicits, ElicitURL: opens}
	got := asked.Answer(t.Context())
	require.EqualError(t, got.Err, `protocol violation: the server asks for what it was not offered: "dance\x00"`)
	require.EqualValues(t, methodNotFound, got.Code)
	require.Equal(t, `method not found: this client offers no "dance\x00"`, got.Message)
}

func TestInputCapabilities(t *testing.T) {
	sample := func(context.Context, *mcpclient.SamplingRequest) (*mcpclient.SamplingReply, error) { return nil, nil }
	roots := func(context.Context) ([]mcpclient.Root, error) { return nil, nil }
	for name, test := range map[string]struct {
		asked     mcpclient.Asked
		inSession bool
		want      string
	}{
		"none":         {want: `{}`},
		"forms":        {asked: mcpclient.Asked{Elicit: elicits}, want: `{"elicitation":{"form":{}}}`},
		"pages":        {asked: mcpclient.Asked{ElicitURL: opens}, want: `{"elicitation":{"url":{}}}`},
		"roots":        {asked: mcpclient.Asked{Roots: roots}, want: `{"roots":{}}`},
		"all":          {asked: mcpclient.Asked{Elicit: elicits, ElicitURL: opens, Sample: sample, Roots: roots}, want: `{"elicitation":{"form":{},"url":{}},"sampling":{"tools":{}},"roots":{}}`},
		"in a session": {asked: mcpclient.Asked{Elicit: elicits, Sample: sample, Roots: roots}, inSession: true, want: `{"elicitation":{"form":{}},"sampling":{"tools":{}},"roots":{"listChanged":true}}`},
	} {
		got, anyHandler := test.asked.Capabilities(test.inSession)
		require.Equal(t, test.want, got, name)
		require.Equal(t, test.want != `{}`, anyHandler, name)
	}
}
