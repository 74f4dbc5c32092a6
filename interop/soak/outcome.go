package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/holdfast-mcp/mcpclient"
)

// Causes that the verdict rests on.
const (
	causeLostSession = "lost session"           // alone: nothing kept the client from opening a new one. Must not happen
	causeWrongAnswer = "the answer of another"  // Must not happen
	causeNoSession   = "no new session: "       // the server could not be reached for the handshake; the rest says why
	causeContext     = "its context ended"      // cancelled, or out of time
	causeNetwork     = "network"                // dial, reset, cut
	causeBroken      = "broken reply"           // cut, so that it cannot be read or holds no answer
	causeTool        = "the tool reports error" // an answer, as is a JSON-RPC error
)

// errWrongAnswer is a result that does not belong to the call.
var errWrongAnswer = errors.New("the answer is not that of the call")

// lostAlone reports whether calls failed for a lost session alone: as a lost session, or as a refusal that was not taken for one.
func (f failure) lostAlone() bool {
	return f.Cause == causeLostSession || f.Delivery == mcpclient.DeliveryRefused && strings.HasPrefix(f.Cause, "HTTP ")
}

// deliveryOf reads what a call's end proves. A call without an error was answered.
func deliveryOf(err error) mcpclient.Delivery {
	if err == nil || errors.Is(err, errWrongAnswer) {
		return mcpclient.DeliveryAnswered
	}
	if call, ok := errors.AsType[*mcpclient.CallError](err); ok {
		return call.Delivery
	}
	return mcpclient.DeliveryAnswered // a *ToolError: the result said so
}

// claimOf is what the client says of a call's execution by its end: answered, so executed; not sent or refused, so not executed; or
// nothing. An answer that is an error says nothing either: some are given before the tool runs, some after.
func claimOf(err error) mcpclient.Delivery {
	d := deliveryOf(err)
	if err != nil && d == mcpclient.DeliveryAnswered && !errors.Is(err, errWrongAnswer) {
		return mcpclient.DeliveryUnknown
	}
	return d
}

// causeOf names why a call failed, by one of few names.
func causeOf(err error) string {
	session, lost := errors.AsType[*mcpclient.SessionError](err)
	switch {
	case err == nil:
		return ""
	case errors.Is(err, errWrongAnswer):
		return causeWrongAnswer
	case lost:
		return causeOfLoss(session)
	default:
		return causeBelow(err)
	}
}

// causeOfLoss tells a call that failed for its lost session alone from one that would have got a new session, had the server been there to
// open it.
func causeOfLoss(err *mcpclient.SessionError) string {
	if err.RetryAt.IsZero() || err.Err == nil {
		return causeLostSession
	}
	if _, again := errors.AsType[*mcpclient.SessionError](err.Err); again {
		return causeLostSession // the circuit: new sessions are refused, though the server answers
	}
	refused, answered := errors.AsType[*mcpclient.HTTPError](err.Err)
	if answered && refused.StatusCode < 500 {
		return causeLostSession
	}
	return causeNoSession + causeBelow(err.Err)
}

func causeBelow(err error) string {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		if _, network := errors.AsType[*mcpclient.NetworkError](err); !network {
			return causeContext
		}
	}
	if _, ok := errors.AsType[*mcpclient.NetworkError](err); ok {
		return causeNetwork
	}
	if refused, ok := errors.AsType[*mcpclient.HTTPError](err); ok {
		return fmt.Sprintf("HTTP %d", refused.StatusCode)
	}
	if answer, ok := errors.AsType[*mcpclient.RPCError](err); ok {
		return fmt.Sprintf("JSON-RPC error %d", answer.Code)
	}
	if _, ok := errors.AsType[*mcpclient.ToolError](err); ok {
		return causeTool
	}
	if errors.Is(err, mcpclient.ErrProtocol) {
		return causeBroken
	}
	if call, ok := errors.AsType[*mcpclient.CallError](err); ok {
		err = call.Err
	}
	return fmt.Sprintf("other: %T", err)
}
