package mcptest

import (
	"maps"
	"net/http"
	"slices"
	"strconv"

	"github.com/holdfast-mcp/mcpclient"
	"github.com/holdfast-mcp/mcpclient/internal/jsonrpc"
)

// The faults of this file answer in the server's place with a JSON-RPC answer
// to the request's id. It is delivered as the server's own are, so the faults
// that answer badly can be combined with them, also where the server itself
// would not execute the request:
//
//	Combine(Malformed(), ResultAnswer(struct{}{})).On("server/discover") // JSON that ends in the middle
//	Combine(NoAnswer(), ResultAnswer(struct{}{})).On("server/discover")  // a stream that ends without an answer

// ErrorAnswer answers with a JSON-RPC error under an HTTP status; 0 is 200.
func ErrorAnswer(status int, err *mcpclient.RPCError) Fault {
	return Fault{name: "error " + strconv.FormatInt(err.Code, 10), act: func(x *exchange, _ func()) {
		x.answerInstead(status, nil, err)
	}}
}

// ResultAnswer answers with this result, which is anything that encoding/json
// encodes as an object. Nothing is added to it, whatever the version.
func ResultAnswer(result any) Fault {
	raw := mustEncode(result)
	return Fault{name: "a result", act: func(x *exchange, _ func()) { x.answerInstead(0, raw, nil) }}
}

// HeaderMismatch answers that the header and the body contradict each other,
// as a [Stateless] server does, or one behind a proxy that strips headers.
func HeaderMismatch() Fault {
	f := ErrorAnswer(http.StatusBadRequest, &mcpclient.RPCError{Code: codeHeaderMismatch, Message: "Header mismatch"})
	f.name = "a header mismatch"
	return f
}

// VersionUnsupported answers that the version of the request is none of the
// supported ones, which the answer names.
func VersionUnsupported(supported ...string) Fault {
	supported = append([]string{}, supported...) // an array also if it is empty
	return Fault{name: "an unsupported version", act: func(x *exchange, _ func()) {
		version := x.r.Header.Get(headerVersion)
		x.answerInstead(http.StatusBadRequest, nil, &mcpclient.RPCError{
			Code: codeUnknownVersion, Message: "Unsupported protocol version: " + version,
			Data: mustEncode(map[string]any{"supported": supported, "requested": version}),
		})
	}}
}

// InputRequired answers that the client is to send its request again, with
// answers to the given requests and with the state, as [Ask] does for a
// handler. No requests, or the empty state, are left out of the answer. The
// server accepts the state when it comes back, and executes the request as if
// it had not asked. With [Server.Always] it asks without end. Unless narrowed
// it is for the requests that may be answered so: tools/call, prompts/get and
// resources/read.
func InputRequired(state string, requests map[string]InputRequest) Fault {
	requests = maps.Clone(requests)
	return Fault{
		name: "input is required",
		act: func(x *exchange, _ func()) {
			if len(x.messages) > 0 {
				x.server.issue(&x.messages[0], state, requests)
			}
			x.answerInstead(0, mustEncode(inputRequired(requests, state)), nil)
		},
		usual: func(r Request) bool {
			return usualTarget(r) && slices.Contains([]string{"tools/call", "prompts/get", "resources/read"}, r.Method)
		},
	}
}

// answerInstead answers a request without executing it.
func (x *exchange) answerInstead(status int, result any, err *mcpclient.RPCError) {
	id := jsonrpc.ID{}
	if len(x.messages) > 0 {
		id = x.messages[0].ID
	}
	c := &call{server: x.server, config: x.config, message: &jsonrpc.Message{ID: id}}
	var failure error
	if err != nil {
		failure = err
	}
	answer := c.encode(result, failure)
	for _, edit := range x.edits {
		if answer = edit(answer); answer == nil {
			break
		}
	}
	out := newStream("")
	if answer != nil {
		out.append(event{data: answer, answer: true, status: status})
	}
	out.end()
	x.deliver(out)
}
