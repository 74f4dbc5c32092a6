package mcpclient

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/holdfast-mcp/mcpclient/internal/jsonrpc"
)

// answer is all that a refusal is judged by: an HTTP status other than 2xx, or
// a JSON-RPC error.
type answer struct {
	httpMethod string
	status     int
	header     http.Header
	body       []byte // at most maxErrorBody
	truncated  bool   // and not all that the server wrote
	rpc        *RPCError
	ours       bool // rpc carries the id of the request
	foreign    bool // rpc carries the id of another request
	resumed    bool // the answer to a GET with Last-Event-ID
	opening    bool // the answer to a handshake
	authorized bool // the request carried the credentials of an Authorizer

	lost *SessionError // set: there was no answer, since the session was lost before anything was sent
}

// verdict is what an answer means, for the session and for the call.
type verdict struct {
	session  Verdict // VerdictLost, VerdictVerify or VerdictAlive
	lost     *SessionError
	err      error // what the call fails with if the session lives
	delivery Delivery
}

// refused is the evidence of a call that the loss of its session ended.
func (v *verdict) refused() Delivery {
	if v.delivery == DeliveryNotSent {
		return DeliveryNotSent
	}
	return DeliveryRefused
}

// newAnswer builds the answer from a reply that is not 2xx, and ends the reply.
func newAnswer(httpMethod string, r *httpReply, id int64, secret string) *answer {
	a := &answer{httpMethod: httpMethod, status: r.status, header: redactHeader(r.header, secret)}
	text := r.body.readRefusal()
	a.truncated = r.body.truncated
	if token := r.credential(); token != "" {
		a.authorized = true
		a.header = replaceInHeader(a.header, token, redactedCredential)
		text = replaceSecret(bytes.Clone(text), token, redactedCredential)
	}
	a.body = redact(bytes.Clone(text), secret)
	messages, err := jsonrpc.Decode(text)
	if err != nil {
		return a
	}
	for i := range messages {
		m := &messages[i]
		// {"error":"invalid_token"}, as OAuth and many gateways write, is JSON but no JSON-RPC.
		plain := m.Err != nil && m.Err.Code == 0 && !m.ID.Usable()
		if m.Method == "" && m.Err != nil && !plain {
			a.rpc, a.ours = rpcError(m.Err, secret), m.ID.Is(id)
			a.foreign = !a.ours && m.ID.Usable()
			break
		}
	}
	return a
}

// newErrorAnswer builds the answer from a JSON-RPC error on a 2xx.
func newErrorAnswer(m *jsonrpc.Message, id int64, secret string) *answer {
	return &answer{httpMethod: http.MethodPost, status: http.StatusOK, rpc: rpcError(m.Err, secret), ours: m.ID.Is(id)}
}

func rpcError(e *jsonrpc.Error, secret string) *RPCError {
	return &RPCError{Code: e.Code, Message: redactText(e.Message, secret), Data: redactData(e.Data, secret)}
}

// ordinary is the error of a call whose session lives.
func (a *answer) ordinary() (Delivery, error) {
	if a.rpc != nil && (a.status < 300 || a.ours && a.speaksForServer()) {
		return DeliveryAnswered, a.rpc
	}
	return deliveryOfStatus(a.status, a.header), a.httpError()
}

// speaksForServer: on these statuses a gateway or a guard answers, and an
// error in the body that carries our id is not the server's answer to the call.
func (a *answer) speaksForServer() bool {
	switch a.status {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusTooManyRequests,
		http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return false
	default:
		return true
	}
}

func (a *answer) httpError() *HTTPError {
	header := a.header.Clone()
	for key := range header {
		if key == "Set-Cookie" || isSessionHeader(key) {
			delete(header, key)
		}
	}
	return &HTTPError{
		StatusCode: a.status,
		Header:     header,
		Body:       bytes.Clone(a.body[:min(len(a.body), maxKeptBody)]),
		rpc:        a.rpc,
		foreign:    a.foreign,
		hint:       a.hint(),
		opening:    a.opening,
		resumed:    a.resumed,
	}
}

// wantsSession: a server with sessions answers so to a request without one.
func (a *answer) wantsSession() bool {
	text := refusalText(&Refusal{Body: a.body, RPC: a.rpc})
	return slices.ContainsFunc(append(saysMissingID(), saysNotInitialized()...), func(w refusalWords) bool { return w.in(text) })
}

// serverWords is what the server said, quoted; "" if it said nothing.
func (a *answer) serverWords() string {
	text := strings.TrimSpace(string(a.body))
	if a.rpc != nil {
		text = a.rpc.Message
	}
	if text == "" {
		return ""
	}
	return quote(text)
}

// hint tells what a user can try.
func (a *answer) hint() string {
	switch a.status {
	case http.StatusUnauthorized:
		if a.authorized {
			return "the server does not take what the Authorizer has"
		}
		return "the server wants credentials: set Client.Authorizer or Client.Header"
	case http.StatusForbidden:
		return "these credentials do not allow it"
	case http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusGone:
		if a.opening {
			return "no MCP endpoint here: check the URL's path, often /mcp"
		}
	case http.StatusRequestEntityTooLarge:
		return "the request is too large for the server"
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		if after := a.header.Get("Retry-After"); after != "" {
			return "the server asks to retry after " + quote(after)
		}
		return "try again later"
	case http.StatusBadGateway, http.StatusGatewayTimeout:
		return "a gateway did not reach the server"
	}
	return ""
}

// wrongContentType is the error of a 2xx whose body is neither JSON nor an
// event stream, most often a web page.
func wrongContentType(r *httpReply, secret string) error {
	const shown = 64
	head := redact(r.body.readHead(shown+redactable(secret)), secret) // to the end of an id that begins in what is shown
	head = head[:min(len(head), shown)]
	reason := fmt.Sprintf("the answer is %s, neither JSON nor an event stream", quote(redactText(r.mediaType(), secret)))
	if r.mediaType() == "text/html" {
		reason += " (a web page: is the URL an MCP endpoint, often /mcp?)"
	}
	if len(head) > 0 {
		reason += ", beginning with " + quote(string(head))
	}
	return &ProtocolError{Reason: reason}
}

// unreadable is the error of a text that should have been a JSON-RPC message.
func unreadable(what string, err error, secret string) error {
	switch {
	case errors.Is(err, jsonrpc.ErrTooDeep):
		return &LimitError{What: "the nesting of " + what, Limit: jsonrpc.MaxDepth}
	case errors.Is(err, jsonrpc.ErrTooManyMessages):
		return &LimitError{What: "the number of messages in " + what, Limit: jsonrpc.MaxMessages}
	case errors.Is(err, jsonrpc.ErrTooManyNames):
		return &LimitError{What: "the number of names in the open objects of " + what, Limit: jsonrpc.MaxNames}
	default:
		return &ProtocolError{Reason: what + " is not a JSON-RPC message", Err: redactError(err, secret)}
	}
}
