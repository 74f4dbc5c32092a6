package mcpclient

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/holdfast-mcp/mcpclient/internal/jsonrpc"
)

// The requests that a server may make of the user or of the application.
const (
	elicitMethod = "elicitation/create"
	sampleMethod = "sampling/createMessage"
	rootsMethod  = "roots/list"
)

// inputHandlers answer what servers ask of the user. They come from the Client; nil ones are not offered. Immutable.
type inputHandlers struct {
	elicit    func(context.Context, *Elicitation) (*ElicitationReply, error)
	elicitURL func(context.Context, *URLElicitation) (*ElicitationReply, error)
	sample    func(context.Context, *SamplingRequest) (*SamplingReply, error)
	roots     func(context.Context) ([]Root, error)
}

// inputRequest is one thing that a server asks, in whatever envelope it came.
type inputRequest struct {
	method string
	params jsontext.Value
	server *ServerInfo // who asks

	// completion tells when the server will have reported that the page of this id is done with. nil: it never does.
	completion func(id string) <-chan struct{}
}

// inputError says why a request of the server got no answer. What the server is told is not what the
// application is told: errors of its own handlers are no business of the server's.
type inputError struct {
	code    int64  // of JSON-RPC, for eras with an error form
	message string // for the server
	err     error  // for the application
}

func (e *inputError) Error() string { return e.err.Error() }
func (e *inputError) Unwrap() error { return e.err }

// JSON-RPC 2.0 section 5.1; the last is the protocol's own ("Sampling").
const (
	codeInvalidParams = -32602
	codeInternalError = -32603
	codeDeclined      = -1
)

// rpc is the error as the server gets it.
func (e *inputError) rpc() *jsonrpc.Error { return &jsonrpc.Error{Code: e.code, Message: e.message} }

// notOffered is the answer to a method without a handler, which the server was told not to use.
func notOffered(method string) *inputError {
	message := "this client offers no " + excerpt(method)
	return &inputError{code: codeMethodNotFound, message: "method not found: " + message, err: &ProtocolError{Reason: "the server asks for what it was not offered: " + excerpt(method)}}
}

// badInput is the answer to a request that breaks the protocol. The server may know the reason: it is about its own words.
func badInput(method, reason string) *inputError {
	return &inputError{
		code: codeInvalidParams, message: "invalid params: " + reason,
		err: &ProtocolError{Reason: excerpt(method) + " of the server: " + reason},
	}
}

// handlerFailed is the answer where the application has none.
func handlerFailed(method string, err error) *inputError {
	e := &inputError{code: codeInternalError, message: "the client has no answer", err: fmt.Errorf("the handler of %s: %w", method, err)}
	if errors.Is(err, ErrDeclined) {
		e.code, e.message = codeDeclined, "the user declined"
	}
	return e
}

// any reports whether there is a handler for what the server asks by messages of its own.
func (h *inputHandlers) any() bool {
	return h.elicit != nil || h.elicitURL != nil || h.sample != nil || h.roots != nil
}

// answer has the right handler answer r, in the caller's goroutine, and returns the encoded result. It keeps
// nothing of r.params. ctx ends the handler.
func (h *inputHandlers) answer(ctx context.Context, r *inputRequest) (jsontext.Value, *inputError) {
	if jsonrpc.MoreParts(r.params, maxParts) {
		return nil, badInput(r.method, fmt.Sprintf("more than %d items and members", maxParts))
	}
	if wrong := h.offered(r); wrong != nil {
		return nil, wrong
	}
	switch r.method {
	case elicitMethod:
		return h.answerElicitation(ctx, r)
	case sampleMethod:
		return h.answerSampling(ctx, r)
	default:
		return h.answerRoots(ctx)
	}
}

// offered returns why nobody is to be asked for r, nil if there is a handler for it.
func (h *inputHandlers) offered(r *inputRequest) *inputError {
	switch {
	case r.method == sampleMethod && h.sample != nil, r.method == rootsMethod && h.roots != nil:
		return nil
	case r.method != elicitMethod || h.elicit == nil && h.elicitURL == nil:
		return notOffered(r.method)
	}
	var params struct {
		Mode string `json:"mode"`
	}
	if wrong := decodeInput(r, &params); wrong != nil {
		return wrong
	}
	switch mode := firstNonEmpty(params.Mode, formMode); {
	case mode == formMode && h.elicit != nil, mode == urlMode && h.elicitURL != nil:
		return nil
	default:
		return badInput(r.method, "this client does not offer the mode "+excerpt(mode))
	}
}

// decodeInput decodes the params of a request.
func decodeInput(r *inputRequest, into any) *inputError {
	params := r.params
	if len(params) == 0 {
		params = jsontext.Value("{}")
	}
	if err := decode(params, into); err != nil {
		return badInput(r.method, misfit(err))
	}
	return nil
}
