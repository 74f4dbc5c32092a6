package mcpclient

import (
	"context"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

const (
	// maxInputRequests bounds what a server may ask for in one round.
	maxInputRequests = 100
	// maxRequestState bounds what the client carries from round to round for the server.
	maxRequestState = 1 << 20
	// maxMends bounds how often one call is sent again for headers or versions.
	maxMends = 2
)

// again looks at an outcome: does the server want input (2026-07-28, multi
// round-trip requests), was a header stale? Each further round is a new request
// with a new id.
func (e *statelessEra) again(ctx context.Context, b *binding, c *call, o outcome) (bool, error) {
	if o.verdict != nil {
		return e.mend(ctx, b, c, o.verdict)
	}
	kind, err := resultKind(o.result)
	switch {
	case err != nil:
		return false, fail(&ProtocolError{Reason: "the result cannot be read", Err: err}, DeliveryAnswered)
	case kind == resultComplete, kind == resultTask && c.settings.asTask:
		return false, nil
	case kind == resultInputRequired && asksForInput(c.method):
		return true, e.nextRound(ctx, b, c, o.result)
	default:
		return false, fail(&ProtocolError{Reason: "the result is of the type " + quote(kind) + ", which this client did not ask for"}, DeliveryAnswered)
	}
}

const (
	resultComplete      = "complete"
	resultInputRequired = "input_required"
	resultTask          = "task"
)

// resultKind returns the resultType of a result. It reads no further than it has to.
func resultKind(result jsontext.Value) (string, error) {
	value, err := member(result, "resultType")
	if err != nil || value == nil {
		return resultComplete, err
	}
	kind := ""
	err = decode(value, &kind)
	return kind, err
}

// asksForInput lists the methods whose execution may need input.
func asksForInput(method string) bool {
	return method == callToolMethod || method == "prompts/get" || method == "resources/read"
}

// nextRound gets the input that the server wants and puts it into c.
func (e *statelessEra) nextRound(ctx context.Context, b *binding, c *call, result jsontext.Value) error {
	pending, err := pendingInput(c, result)
	if err != nil {
		return fail(err, DeliveryAnswered)
	}
	c.rounds++
	if err := c.seal(); err != nil { // another request, so another idempotency key
		return fail(err, DeliveryAnswered)
	}
	if limit := e.core.config.limits.InputRounds; c.rounds > limit {
		pending.Err = &LimitError{What: "the rounds of input for one call (Limits.InputRounds)", Limit: int64(limit)}
		return fail(pending, DeliveryAnswered)
	}
	if len(pending.Requests) == 0 { // the server wants to be asked again, later
		if !e.core.pause(ctx, fullJitter(200*time.Millisecond, c.rounds, 10*time.Second)) {
			return fail(e.core.interruption(ctx), DeliveryAnswered)
		}
		c.input = roundOf(nil, pending.State)
		return nil
	}
	answers, err := e.core.collectInput(ctx, b, c, pending)
	if err != nil {
		return fail(err, DeliveryAnswered)
	}
	c.input = roundOf(answers, pending.State)
	return nil
}

// pendingInput reads what the server wants.
func pendingInput(c *call, result jsontext.Value) (*InputRequiredError, error) {
	var wire struct {
		Requests map[string]InputRequest `json:"inputRequests"`
		State    *string                 `json:"requestState"`
	}
	err := decode(result, &wire)
	switch {
	case err != nil:
		return nil, &ProtocolError{Reason: "the request for input cannot be read: " + misfit(err)}
	case len(wire.Requests) == 0 && wire.State == nil:
		return nil, &ProtocolError{Reason: "the server requires input, but does not say which"}
	case len(wire.Requests) > maxInputRequests:
		return nil, &LimitError{What: "the number of inputs that a call asks for", Limit: maxInputRequests}
	case wire.State != nil && len(*wire.State) > maxRequestState:
		return nil, &LimitError{What: "the state that a server hands over between rounds", Limit: maxRequestState}
	}
	return &InputRequiredError{Method: c.method, Target: c.target, Params: []byte(c.plain), Requests: wire.Requests, State: wire.State}, nil
}

// roundOf is what a further round adds to the params: nothing of earlier rounds.
func roundOf(answers map[string]jsontext.Value, state *string) jsontext.Value {
	round := struct {
		Responses map[string]jsontext.Value `json:"inputResponses,omitempty"`
		State     *string                   `json:"requestState,omitzero"`
	}{answers, state}
	text, _ := encode(&round) // of raw JSON and a string: cannot fail
	return text
}

// mend prepares a repeat where the refusal says what was wrong.
func (e *statelessEra) mend(ctx context.Context, b *binding, c *call, v *verdict) (bool, error) {
	code := int64(0)
	if rpc, ok := v.err.(*RPCError); ok { //nolint:errorlint // the answer itself, not what an HTTPError wraps
		code = rpc.Code
	}
	switch {
	case code == codeHeaderMismatch && c.method == callToolMethod && c.mends == 0:
		c.mends++
		if e.core.refreshTools(ctx, b) {
			return true, nil
		}
	case code == codeUnsupportedVersion && c.mends < maxMends: // it lists our version all the same: another instance answered
		c.mends++
		return true, nil
	default:
		return false, nil
	}
	if ctx.Err() == nil && e.core.lifetime.Err() == nil {
		return false, nil
	}
	return false, fail(e.core.interruption(ctx), v.delivery) // who gave up meanwhile has met no other failure
}
