package jsonrpc

import (
	"slices"
	"strconv"
)

// envelopeSize is room for everything in a message that its caller does not hand in.
const envelopeSize = 80

// AppendRequest appends a request to dst. The id is a number because some servers mishandle any other kind. Params are valid JSON,
// written as they are; nil leaves the member out.
func AppendRequest(dst []byte, id int64, method string, params []byte) []byte {
	dst = slices.Grow(dst, envelopeSize+len(method)+len(params))
	dst = append(dst, `{"jsonrpc":"2.0","id":`...)
	dst = strconv.AppendInt(dst, id, 10)
	dst = append(dst, ',')
	return appendCall(dst, method, params)
}

// AppendNotification appends a notification to dst; params are those of AppendRequest.
func AppendNotification(dst []byte, method string, params []byte) []byte {
	dst = slices.Grow(dst, envelopeSize+len(method)+len(params))
	dst = append(dst, `{"jsonrpc":"2.0",`...)
	return appendCall(dst, method, params)
}

// AppendResult appends the successful answer to the request id. The result is valid JSON, written as it is; nil means {}, because
// a response without a result is none.
func AppendResult(dst []byte, id ID, result []byte) []byte {
	dst = slices.Grow(dst, envelopeSize+len(id.raw)+len(result))
	dst = appendAnswer(dst, id)
	dst = append(dst, `,"result":`...)
	if result == nil {
		dst = append(dst, "{}"...)
	}
	dst = append(dst, result...)
	return append(dst, '}')
}

// AppendError appends the answer that the request id failed. The zero ID, written as null, is for a request that could not be read
// (JSON-RPC 2.0, section 5).
func AppendError(dst []byte, id ID, e *Error) []byte {
	dst = slices.Grow(dst, envelopeSize+len(id.raw)+len(e.Message)+len(e.Data))
	dst = appendAnswer(dst, id)
	dst = append(dst, `,"error":{"code":`...)
	dst = strconv.AppendInt(dst, e.Code, 10)
	dst = append(dst, `,"message":`...)
	dst = appendQuoted(dst, e.Message)
	if e.Data != nil {
		dst = append(dst, `,"data":`...)
		dst = append(dst, e.Data...)
	}
	return append(dst, "}}"...)
}

func appendAnswer(dst []byte, id ID) []byte {
	dst = append(dst, `{"jsonrpc":"2.0","id":`...)
	return id.appendTo(dst)
}

func appendCall(dst []byte, method string, params []byte) []byte {
	dst = append(dst, `"method":`...)
	dst = appendQuoted(dst, method)
	if params != nil {
		dst = append(dst, `,"params":`...)
		dst = append(dst, params...)
	}
	return append(dst, '}')
}
