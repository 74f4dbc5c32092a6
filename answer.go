package mcpclient

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
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
	rpc        *RPCError
	ours       bool // rpc carries the id of the request
	resumed    bool // the answer to a GET with Last-Event-ID
	opening    bool // the answer to a handshake
}

// verdict is what an answer means, for the session and for the call.
type verdict struct {
	session  Verdict // VerdictLost, VerdictVerify or VerdictAlive
	lost     *SessionError
	err      error // what the call fails with if the session lives
	delivery Delivery
}

// newAnswer builds the answer from a reply that is not 2xx, and ends the reply.
func newAnswer(httpMethod string, r *httpReply, id int64, secret string) *answer {
	a := &answer{httpMethod: httpMethod, status: r.status, header: r.header}
	a.body = redact(r.body.readRefusal(), secret)
	messages, err := jsonrpc.Decode(bytes.Clone(a.body))
	if err != nil {
		return a
	}
	for i := range messages {
		if m := &messages[i]; m.Method == "" && m.Err != nil {
			a.rpc, a.ours = rpcError(m.Err), m.ID.Is(id)
			break
		}
	}
	return a
}

// newErrorAnswer builds the answer from a JSON-RPC error on a 2xx.
func newErrorAnswer(m *jsonrpc.Message, id int64, secret string) *answer {
	e := rpcError(m.Err)
	e.Message = string(redact([]byte(e.Message), secret))
	e.Data = redact(e.Data, secret)
	return &answer{httpMethod: http.MethodPost, status: http.StatusOK, rpc: e, ours: m.ID.Is(id)}
}

func rpcError(e *jsonrpc.Error) *RPCError {
	return &RPCError{Code: e.Code, Message: e.Message, Data: json.RawMessage(e.Data)}
}

// redact takes the session id, which is a credential, out of what people will
// read: several servers repeat it in their refusal.
func redact(text []byte, secret string) []byte {
	if secret == "" || !bytes.Contains(text, []byte(secret)) {
		return text
	}
	return bytes.ReplaceAll(text, []byte(secret), []byte("[session id]"))
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
		hint:       a.hint(),
	}
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
		return "the server wants credentials: set Client.Header"
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
func wrongContentType(r *httpReply) error {
	head := r.body.readHead()
	reason := fmt.Sprintf("the answer is %s, neither JSON nor an event stream", quote(r.mediaType()))
	if r.mediaType() == "text/html" {
		reason += " (a web page: is the URL an MCP endpoint, often /mcp?)"
	}
	if len(head) > 0 {
		reason += ", beginning with " + quote(string(head))
	}
	return &ProtocolError{Reason: reason}
}

// unreadable is the error of a text that should have been a JSON-RPC message.
func unreadable(what string, err error) error {
	switch {
	case errors.Is(err, jsonrpc.ErrTooDeep):
		return &LimitError{What: "the nesting of " + what, Limit: jsonrpc.MaxDepth}
	case errors.Is(err, jsonrpc.ErrTooManyMessages):
		return &LimitError{What: "the number of messages in " + what, Limit: jsonrpc.MaxMessages}
	default:
		return &ProtocolError{Reason: what + " is not a JSON-RPC message", Err: err}
	}
}
