package mcpclient

import (
	"context"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// codeURLElicitation: the call needs the user to open web pages first
// (2025-11-25, "URL Elicitation Required Error").
const codeURLElicitation = -32042

// again asks the user to open the pages that a refused call needs, and repeats
// the call. All other input is asked for while a call runs.
func (e *sessionEra) again(ctx context.Context, b *binding, c *call, o outcome) (bool, error) {
	if o.verdict == nil || e.core.config.input.elicitURL == nil || c.settings.deferInput || c.rounds >= e.core.config.limits.InputRounds {
		return false, nil
	}
	rpc, ok := o.verdict.err.(*RPCError) //nolint:errorlint // the answer itself, not what an HTTPError wraps
	if !ok || rpc.Code != codeURLElicitation {
		return false, nil
	}
	pending, ok := pagesToOpen(c, rpc)
	if !ok {
		return false, nil // the server's own error tells more than ours would
	}
	answers, err := e.core.collectInput(ctx, b, c, pending)
	if err != nil {
		return false, fail(err, DeliveryAnswered)
	}
	if !allAccepted(answers) {
		return false, nil
	}
	c.rounds++
	if c.rounds == 1 {
		return true, nil
	}
	if !e.core.pause(ctx, fullJitter(500*time.Millisecond, c.rounds, 10*time.Second)) { // the server has not noticed yet
		return false, fail(e.core.interruption(ctx), DeliveryAnswered)
	}
	return true, nil
}

// pagesToOpen reads the data of the error. false: it names no pages.
func pagesToOpen(c *call, rpc *RPCError) (*InputRequiredError, bool) {
	var data struct {
		Elicitations []jsontext.Value `json:"elicitations"`
	}
	_ = decode(rpc.Data, &data) // what cannot be read names none
	if len(data.Elicitations) == 0 || len(data.Elicitations) > maxInputRequests {
		return nil, false
	}
	pending := &InputRequiredError{Method: c.method, Target: c.target, Params: []byte(c.plain), Requests: make(map[string]InputRequest, len(data.Elicitations))}
	for i, page := range data.Elicitations {
		pending.Requests[strconv.Itoa(i)] = InputRequest{Method: elicitMethod, Params: []byte(page)}
	}
	return pending, true
}

func allAccepted(answers map[string]jsontext.Value) bool {
	for _, text := range answers {
		var reply struct {
			Action ElicitationAction `json:"action"`
		}
		if decode(text, &reply) != nil || reply.Action != ElicitationAccept {
			return false
		}
	}
	return true
}
