package mcpclient

import (
	"context"
	stdjson "encoding/json"
	"errors"
	"fmt"

	"github.com/go-json-experiment/json/jsontext"
)

// elicitationParams are the params of an elicitation, form and page in one.
type elicitationParams struct {
	Mode    string             `json:"mode"`
	Message string             `json:"message"`
	Schema  stdjson.RawMessage `json:"requestedSchema"`
	URL     string             `json:"url"`
	ID      string             `json:"elicitationId"`
	Meta    Meta               `json:"_meta"`
}

// The modes of an elicitation.
const (
	formMode = "form" // also: none said
	urlMode  = "url"
)

func (h *inputHandlers) answerElicitation(ctx context.Context, r *inputRequest) (jsontext.Value, *inputError) {
	var params elicitationParams
	if wrong := decodeInput(r, &params); wrong != nil {
		return nil, wrong
	}
	if params.Mode == urlMode {
		return h.answerPage(ctx, r, &params)
	}
	return h.answerForm(ctx, r, &params)
}

func (h *inputHandlers) answerForm(ctx context.Context, r *inputRequest, params *elicitationParams) (jsontext.Value, *inputError) {
	fields, err := decodeForm(jsontext.Value(params.Schema))
	if err != nil {
		return nil, badInput(r.method, err.Error())
	}
	e := &Elicitation{Message: params.Message, Schema: params.Schema, Fields: fields, Meta: params.Meta, Server: r.server}
	reply, err := settled(h.elicit(ctx, e))
	if err != nil {
		return nil, handlerFailed(r.method, err)
	}
	if reply.Action != ElicitationAccept {
		return reply.encode(nil), nil
	}
	content, err := fillForm(fields, reply.Content)
	if err != nil {
		return nil, handlerFailed(r.method, err)
	}
	return reply.encode(content), nil
}

func (h *inputHandlers) answerPage(ctx context.Context, r *inputRequest, params *elicitationParams) (jsontext.Value, *inputError) {
	if reason := checkPage(params.URL); reason != "" {
		return nil, badInput(r.method, reason)
	}
	u := &URLElicitation{Message: params.Message, URL: params.URL, ID: params.ID, Meta: params.Meta, Server: r.server}
	if r.completion != nil && u.ID != "" {
		u.completed = r.completion(u.ID)
	}
	reply, err := settled(h.elicitURL(ctx, u))
	if err != nil {
		return nil, handlerFailed(r.method, err)
	}
	return reply.encode(nil), nil
}

var errNoReply = errors.New("it returned neither a reply nor an error")

// settled makes sure that a handler returned an answer at all.
func settled(reply *ElicitationReply, err error) (*ElicitationReply, error) {
	switch {
	case errors.Is(err, ErrDeclined):
		return Decline(), nil
	case err != nil:
		return nil, err
	case reply == nil:
		return nil, errNoReply
	}
	switch reply.Action {
	case ElicitationAccept, ElicitationDecline, ElicitationCancel:
		return reply, nil
	default:
		return nil, fmt.Errorf("the action %q of its reply is none of accept, decline, cancel", string(reply.Action))
	}
}

// encode returns the result as it is sent. content: nil where none belongs.
func (r *ElicitationReply) encode(content jsontext.Value) jsontext.Value {
	result := jsontext.Value(`{"action":"` + r.Action)
	result = append(result, '"')
	if content != nil {
		result = append(append(result, `,"content":`...), content...)
	}
	return append(result, '}')
}
