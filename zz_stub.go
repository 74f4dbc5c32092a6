package mcpclient

import (
	"context"
	"errors"
	"net/http"

	"github.com/go-json-experiment/json/jsontext"
)

type Elicitation struct{}
type ElicitationReply struct{}
type URLElicitation struct{}
type SamplingRequest struct{}
type SamplingReply struct{}
type Root struct{ URI string }
type rootsResult struct {
	Roots []Root `json:"roots"`
}
type inputHandlers struct {
	elicit    func(context.Context, *Elicitation) (*ElicitationReply, error)
	elicitURL func(context.Context, *URLElicitation) (*ElicitationReply, error)
	sample    func(context.Context, *SamplingRequest) (*SamplingReply, error)
	roots     func(context.Context) ([]Root, error)
}
type inputError struct {
	code int64
	err  error
}

func (e *inputError) Error() string { return e.err.Error() }

func (h *inputHandlers) answer(ctx context.Context, server *ServerInfo, method string, params jsontext.Value) (jsontext.Value, *inputError) {
	return nil, &inputError{-32601, errors.New("no")}
}

type toolHeaders struct{}

func (h *toolHeaders) admit(t *Tool) error { return nil }
func (h *toolHeaders) forCall(name string, arguments jsontext.Value) (http.Header, error) {
	return nil, nil
}
func headerValue(s string) string { return s }

type Filter struct{}
type listenFilter struct{}

func (f Filter) wire() listenFilter { return listenFilter{} }
