package mcpclient

import (
	"context"

	"github.com/go-json-experiment/json/jsontext"
)

// Seams for the tests of what servers ask of the user: every schema, rule and refusal would take a server of its own.

// Asked is one request of a server, and the handlers that may answer it.
type Asked struct {
	Method     string
	Params     string
	Server     *ServerInfo
	Completion func(id string) <-chan struct{}

	Elicit    func(context.Context, *Elicitation) (*ElicitationReply, error)
	ElicitURL func(context.Context, *URLElicitation) (*ElicitationReply, error)
	Sample    func(context.Context, *SamplingRequest) (*SamplingReply, error)
	Roots     func(context.Context) ([]Root, error)
}

// Told is what the server hears: a result, or a code and a message. Err is what the application hears.
type Told struct {
	Result  string
	Code    int64
	Message string
	Err     error
}

func (a *Asked) handlers() *inputHandlers {
	return &inputHandlers{elicit: a.Elicit, elicitURL: a.ElicitURL, sample: a.Sample, roots: a.Roots}
}

// Answer has the handlers answer.
func (a *Asked) Answer(ctx context.Context) Told {
	params := jsontext.Value(a.Params)
	result, wrong := a.handlers().answer(ctx, &inputRequest{method: a.Method, params: params, server: a.Server, completion: a.Completion})
	clear(params) // the caller's buffer is used again
	if wrong == nil {
		return Told{Result: string(result)}
	}
	rpc := wrong.rpc()
	return Told{Result: string(result), Code: rpc.Code, Message: rpc.Message, Err: wrong}
}

// Capabilities is what a server is told of the handlers.
func (a *Asked) Capabilities(inSession bool) (capabilities string, anyHandler bool) {
	offered := (&config{input: a.handlers()}).capabilities()
	if inSession {
		offered = offered.inSession()
	}
	text, err := encode(offered)
	if err != nil {
		return err.Error(), false
	}
	return string(text), a.handlers().any()
}

// DecodeForm decodes the schema of a form.
func DecodeForm(schema []byte) ([]ElicitationField, error) { return decodeForm(schema) }
