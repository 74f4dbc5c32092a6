package mcpclient

import (
	"context"
	stdjson "encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// InputRequest is one piece of input that a server wants before it can go on
// with a call: an elicitation, a sampling, or the list of roots.
type InputRequest struct {
	Method string             `json:"method"`          // elicitation/create, sampling/createMessage, roots/list
	Params stdjson.RawMessage `json:"params,omitzero"` // as the server sent them
}

// InputRequiredError is a call that cannot go on without input, and nobody is
// there to give it: no handler of the [Client] is for it, the handler failed,
// the call was made [WithDeferredInput], or the server keeps on asking. It
// carries all that is needed to go on with the call later, in another process
// too: collect the input, then use [Session.AnswerInput]. Encode it with
// encoding/json to keep it.
//
// State is the server's own and may hold personal data: keep it out of logs.
type InputRequiredError struct {
	Method   string                  `json:"method"`
	Target   string                  `json:"target,omitempty"`
	Params   stdjson.RawMessage      `json:"params,omitempty"`   // of the call, without _meta
	Requests map[string]InputRequest `json:"requests,omitempty"` // by the server's keys; empty: the server only wants to be asked again
	State    *string                 `json:"state,omitempty"`    // opaque; goes back as it is
	Task     *Task                   `json:"task,omitempty"`     // that wants the input; nil: the call itself does
	Err      error                   `json:"-"`                  // why nobody gave the input; nil: nobody was asked
}

func (e *InputRequiredError) Error() string {
	var b strings.Builder
	b.WriteString("the server requires input")
	if n := len(e.Requests); n > 0 {
		fmt.Fprintf(&b, " (%d: %s)", n, e.kinds())
	}
	if e.Err != nil {
		b.WriteString(": ")
		b.WriteString(e.Err.Error())
	}
	if e.Task != nil {
		b.WriteString("; go on with Session.UpdateTask")
		return b.String()
	}
	b.WriteString("; go on with Session.AnswerInput")
	return b.String()
}

// kinds names what is asked for, each kind once.
func (e *InputRequiredError) kinds() string {
	kinds := make(map[string]struct{})
	for _, r := range e.Requests {
		kinds[excerpt(r.Method)] = struct{}{}
	}
	return strings.Join(slices.Sorted(maps.Keys(kinds)), ", ")
}

// Unwrap returns why nobody gave the input.
func (e *InputRequiredError) Unwrap() error { return e.Err }

// AnswerInput goes on with a call that ended in an [*InputRequiredError]:
// answers holds one answer for each of pending.Requests, under the same keys.
// An answer is an [*ElicitationReply], a [*SamplingReply], a []Root, or raw
// JSON. The result is decoded into result as [Session.Request] does: use a
// *[ToolResult], *[PromptResult] or *[ResourceResult], by pending.Method.
//
// The server may want more input: then handlers of the Client are asked, and
// the error is an *InputRequiredError again where there are none. A key without an
// answer fails the call with DeliveryNotSent.
func (s *Session) AnswerInput(ctx context.Context, pending *InputRequiredError, answers map[string]any, result any, options ...CallOption) error {
	c := &call{method: pending.Method, target: pending.Target}
	c.options = append(slices.Clip(options), func(s *callSettings) { s.takesInput = true })
	if len(pending.Params) > 0 {
		c.params = slices.Clone(pending.Params)
	}
	c.input, c.invalid = pending.answered(ctx, answers)
	if pending.Task != nil {
		c.invalid = errForTask
	}
	return s.requestInto(ctx, c, result)
}

var errForTask = errors.New("a task wants the input: use Session.UpdateTask")

// answered puts the answers together as the next round of the call.
func (e *InputRequiredError) answered(ctx context.Context, answers map[string]any) (jsontext.Value, error) {
	encoded := make(map[string]jsontext.Value, len(e.Requests))
	for key, request := range e.Requests {
		answer, ok := answers[key]
		if !ok {
			return nil, fmt.Errorf("no answer for the input %s (%s)", quote(key), excerpt(request.Method))
		}
		text, err := request.encodeAnswer(ctx, answer)
		if err != nil {
			return nil, fmt.Errorf("the answer for the input %s: %w", quote(key), err)
		}
		encoded[key] = text
	}
	for key := range answers {
		if _, wanted := e.Requests[key]; !wanted {
			return nil, fmt.Errorf("the server did not ask for an input %s", quote(key))
		}
	}
	return roundOf(encoded, e.State), nil
}

// encodeAnswer writes an answer by the rules that hold for a handler's: a form's defaults are filled in, and what breaks a rule of the
// request is an error.
func (r InputRequest) encodeAnswer(ctx context.Context, answer any) (jsontext.Value, error) {
	var h inputHandlers
	switch answer := answer.(type) {
	case *ElicitationReply:
		h.elicit = func(context.Context, *Elicitation) (*ElicitationReply, error) { return answer, nil }
		h.elicitURL = func(context.Context, *URLElicitation) (*ElicitationReply, error) { return answer, nil }
	case *SamplingReply:
		h.sample = func(context.Context, *SamplingRequest) (*SamplingReply, error) { return answer, nil }
	case []Root:
		h.roots = func(context.Context) ([]Root, error) { return answer, nil }
	default:
		text, err := encodeObject("the value", answer)
		if err == nil && text == nil {
			err = &ArgumentError{What: "the value", Reason: "must be a JSON object, not null"}
		}
		return text, err
	}
	request := &inputRequest{method: r.Method, params: jsontext.Value(r.Params)}
	if h.offered(request) != nil {
		return nil, fmt.Errorf("a %T does not answer %s", answer, excerpt(r.Method))
	}
	text, failed := h.answer(ctx, request)
	if failed != nil {
		return nil, failed
	}
	return text, nil
}

// collectInput asks the handlers, all at once. The first that fails stops the
// others: without every answer there is no next round.
func (c *core) collectInput(ctx context.Context, b *binding, call *call, pending *InputRequiredError) (map[string]jsontext.Value, error) {
	if call.settings.deferInput {
		return nil, pending
	}
	requests, wrong := c.inputRequests(b, pending)
	switch {
	case wrong != nil && call.settings.takesInput: // the call declared it, whoever gives it
		return nil, pending
	case wrong != nil:
		pending.Err = wrong
		return nil, pending
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ctx = context.WithValue(ctx, handlerKey{}, true)
	type given struct {
		key    string
		answer jsontext.Value
		err    error
	}
	all := make(chan given, len(requests))
	for key, request := range requests {
		ask := func() {
			g := given{key: key, err: errHookExit}
			defer func() { all <- g }() // deferred: a handler may end this goroutine
			answer, failed := c.config.input.answer(ctx, request)
			g.answer, g.err = answer, nil
			if failed != nil {
				g.err = failed
			}
		}
		if !c.spawn("handler of "+request.method, ask) {
			return nil, ErrClosed
		}
	}
	answers := make(map[string]jsontext.Value, len(requests))
	for range requests {
		select {
		case g := <-all:
			if g.err != nil {
				pending.Err = g.err
				return nil, pending
			}
			answers[g.key] = g.answer
		case <-ctx.Done():
			return nil, c.interruption(ctx)
		case <-c.lifetime.Done():
			return nil, ErrClosed
		}
	}
	return answers, nil
}

// inputRequests returns what the handlers are to be asked. If one of it was not
// offered nobody is asked for the others either: there would be no next round.
func (c *core) inputRequests(b *binding, pending *InputRequiredError) (map[string]*inputRequest, *inputError) {
	requests := make(map[string]*inputRequest, len(pending.Requests))
	for key, r := range pending.Requests {
		request := &inputRequest{method: r.Method, params: jsontext.Value(r.Params), server: b.server}
		if b.era.traits().serverAsks {
			request.completion = c.pages.of
		} // else no notice will come
		if wrong := c.config.input.offered(request); wrong != nil {
			return nil, wrong
		}
		requests[key] = request
	}
	return requests, nil
}

// handlerKey marks the context of a handler: a call made with it takes no place
// among the concurrent calls, since the call that waits for the handler may
// hold the last one.
type handlerKey struct{}

func fromHandler(ctx context.Context) bool { return ctx.Value(handlerKey{}) != nil }
