package mcptest

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// Way names one of the ways in which deployed servers and gateways tell a
// client that they no longer know its session. The protocol asks for a 404
// (2025-11-25, transports, "Session Management"); the constants of this type
// are what a client meets. The text of each is the server's own.
type Way string

// Ways lists every way, grouped by the software that answers so. A client can
// tell each from an ordinary error, whatever it asked for, but one:
// PythonUninitialized means a lost session only in the answer to a list.
func Ways() []Way {
	table := refusals()
	ways := make([]Way, len(table))
	for i, r := range table {
		ways[i] = r.way
	}
	return ways
}

// Row is the name of the row in the client's table of refusals that recognises
// this way: the Signal of the [mcpclient.SessionError] that the client then reports.
func (w Way) Row() string { return w.refusal().row }

// Status is the HTTP status of the answer to a POST.
func (w Way) Status() int { return w.refusal().post.status }

// refusal panics for a name that is not in the table: it can only be a slip in
// the test that uses it.
func (w Way) refusal() refusal {
	table := refusals()
	i := slices.IndexFunc(table, func(r refusal) bool { return r.way == w })
	if i < 0 {
		panic(fmt.Sprintf("mcptest: unknown way %q to refuse a session; Ways lists the known ones", string(w)))
	}
	return table[i]
}

// Refuse answers as a server that does not know the request's session, in the
// given way, and executes nothing. Unless narrowed it is used for a POST with
// a session id that carries any request but initialize, which is where servers
// answer so.
//
// The refusal is a lie told once: the session itself lives on, and a client
// that asks again is answered. [Server.ForgetSessions] with [RefusalWay] makes
// the real thing.
func Refuse(way Way) Fault {
	r := way.refusal()
	return Fault{
		name:  "refuse in the way of " + string(way),
		usual: func(r Request) bool { return usualTarget(r) && r.Session != "" && r.Method != methodInitialize },
		act:   func(x *exchange, _ func()) { r.write(x) },
	}
}

// refusal is a row of the table behind the ways.
type refusal struct {
	way   Way
	row   string
	post  cannedAnswer
	other *cannedAnswer // to GET and DELETE; nil: as to POST
}

func refusals() []refusal {
	return slices.Concat(pythonRefusals(), typeScriptRefusals(), goRefusals(), otherSDKRefusals(), serverRefusals(), gatewayRefusals())
}

func (r refusal) write(x *exchange) {
	a := r.post
	if x.r.Method != http.MethodPost && r.other != nil {
		a = *r.other
	}
	a.write(x)
}

// cannedAnswer is a fixed HTTP answer. In header values and body, {id} stands
// for the JSON-RPC id of the request and {session} for the session id it carried.
type cannedAnswer struct {
	status      int
	contentType string // "": none is sent
	header      map[string]string
	body        string
}

func (a cannedAnswer) write(x *exchange) {
	id := "null"
	if len(x.request.ID) > 0 {
		id = string(x.request.ID)
	}
	fill := strings.NewReplacer("{id}", id, "{session}", x.request.Session).Replace
	h := x.w.Header()
	for name, value := range a.header {
		h.Set(name, fill(value))
	}
	h["Content-Type"] = nil // or net/http guesses one where the server sends none
	if a.contentType != "" {
		h.Set("Content-Type", a.contentType)
	}
	x.w.WriteHeader(a.status)
	_, _ = x.w.Write([]byte(fill(a.body))) // fails only if the client has left
}

// to is for GET and DELETE where a server answers those in other words.
func (a cannedAnswer) to() *cannedAnswer { return &a }

func (a cannedAnswer) untyped() cannedAnswer {
	a.contentType = ""
	return a
}

func (a cannedAnswer) with(name, value string) cannedAnswer {
	a.header = map[string]string{name: value}
	return a
}

func textAnswer(status int, body string) cannedAnswer {
	return cannedAnswer{status: status, contentType: "text/plain; charset=utf-8", body: body}
}

func jsonAnswer(status int, body string) cannedAnswer {
	return cannedAnswer{status: status, contentType: "application/json", body: body}
}

// What servers put where the id of the request belongs.
const (
	idNull        = `null`
	idEmpty       = `""`
	idServerError = `"server-error"`
	idEchoed      = `{id}`
	idOmitted     = ``
)

func rpcAnswer(status, code int, message, id string) cannedAnswer {
	if id != idOmitted {
		id = `,"id":` + id
	}
	return jsonAnswer(status, `{"jsonrpc":"2.0","error":{"code":`+strconv.Itoa(code)+`,"message":`+strconv.Quote(message)+`}`+id+`}`)
}
