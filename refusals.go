package mcpclient

import (
	"net/http"
	"slices"
	"strings"
)

// Verdict says what a refusal means for the session.
type Verdict int

const (
	// VerdictDefault keeps the library's own verdict, [Refusal.Verdict].
	VerdictDefault Verdict = iota
	// VerdictLost means that the server no longer knows the session: the call was not executed, and
	// [Client.Reinitialize] decides what follows.
	VerdictLost
	// VerdictVerify means perhaps: one cheap request asks the server before the session is given up.
	VerdictVerify
	// VerdictAlive means that the answer is an ordinary error of this one call.
	VerdictAlive
)

// Refusal is an answer that may mean that the session is gone, as [Client.ClassifyRefusal] sees it.
// The hook must not change Header, Body or RPC, nor keep them after it returned.
type Refusal struct {
	HTTPMethod  string      // POST, GET or DELETE
	Method      string      // JSON-RPC method of the request; "" for GET, DELETE and answers to the server
	StatusCode  int         // HTTP status
	Header      http.Header // header of the response
	Body        []byte      // at most 64 KiB of the response's body
	RPC         *RPCError   // the JSON-RPC error in the body, nil if there is none
	OurID       bool        // RPC carries the id of the request
	SessionSent bool        // the request carried the current session
	Resumed     bool        // a GET that took up a stream which had worked on this session before
	Truncated   bool        // the body broke off, or its end did not come in time

	// Row is the name of the row of the library's table that matched, such as "S5"; "" if none did.
	Row string
	// Verdict is what the table says. It is never VerdictDefault.
	Verdict Verdict
}

// classifyRefusal returns the name of the first row of refusalTable that fits r, and its verdict.
// What no row describes is an error of the one call that met it ("", VerdictAlive): a session is
// only ever given up on evidence. It is pure and does not read r.Row and r.Verdict.
func classifyRefusal(r Refusal) (row string, v Verdict) {
	text := refusalText(&r)
	for i := range refusalTable {
		if refusalTable[i].fits(&r, text) {
			return refusalTable[i].name, refusalTable[i].verdict
		}
	}
	return "", VerdictAlive
}

// refusalMeans returns the sentence for the user that belongs to a row, "" for an unknown name.
func refusalMeans(row string) string {
	for i := range refusalTable {
		if refusalTable[i].name == row {
			return refusalTable[i].means
		}
	}
	return ""
}

// A refusalRow is one row of the table: any of its signals makes it fit.
type refusalRow struct {
	name    string
	verdict Verdict
	means   string // one sentence for the user of the library
	signals []refusalSignal
}

// fits also holds the precondition of every row that may cost the session, so that no row can
// forget it: what did not carry the session, or asked for a new one, says nothing about the session.
func (row *refusalRow) fits(r *Refusal, text string) bool {
	if row.verdict != VerdictAlive && (r.sessionless() || r.opening()) {
		return false
	}
	return slices.ContainsFunc(row.signals, func(s refusalSignal) bool { return s.matches(r, text) })
}

// A refusalSignal describes answers. All of its conditions must hold; the zero value of a condition always does.
type refusalSignal struct {
	http   string         // HTTP method
	status []int          // HTTP statuses
	codes  []int64        // codes of the JSON-RPC error, which must be there
	text   []refusalWords // one of them is in the normalised text
	where  refusalFacts   // what data cannot say; all must hold
}

type refusalFacts []func(*Refusal) bool

func (s *refusalSignal) matches(r *Refusal, text string) bool {
	return (s.http == "" || s.http == r.HTTPMethod) &&
		(s.status == nil || slices.Contains(s.status, r.StatusCode)) &&
		(s.codes == nil || r.RPC != nil && slices.Contains(s.codes, r.RPC.Code)) &&
		(s.text == nil || slices.ContainsFunc(s.text, func(w refusalWords) bool { return w.in(text) })) &&
		!slices.ContainsFunc(s.where, func(holds func(*Refusal) bool) bool { return !holds(r) })
}

// refusalWords are looked for in a refusal's normalised text, so they are written in lower case.
type refusalWords struct {
	words string
	where wordsPosition
}

type wordsPosition int

const (
	wordsAnywhere wordsPosition = iota
	wordsLeading                // the text begins so; in JSON that is no JSON-RPC, one of its strings does
	wordsEntire                 // the text is nothing else
)

func (w refusalWords) in(text string) bool {
	switch w.where {
	case wordsLeading:
		// On one byte one can only guess that a text is JSON, but a sentence hardly begins so.
		isJSON := text != "" && strings.IndexByte(`{["`, text[0]) >= 0
		return strings.HasPrefix(text, w.words) || isJSON && strings.Contains(text, `"`+w.words)
	case wordsEntire:
		return text == w.words
	default:
		return strings.Contains(text, w.words)
	}
}

func textHas(words ...string) []refusalWords    { return placeWords(wordsAnywhere, words) }
func textBegins(words ...string) []refusalWords { return placeWords(wordsLeading, words) }
func textIs(words ...string) []refusalWords     { return placeWords(wordsEntire, words) }

func placeWords(where wordsPosition, words []string) []refusalWords {
	placed := make([]refusalWords, len(words))
	for i := range words {
		placed[i] = refusalWords{words[i], where}
	}
	return placed
}

// refusalTextSize bounds how much of a body is searched. The longest known refusal, an exception of
// Java with its stack trace, names the session in its first kilobyte.
const refusalTextSize = 4 << 10

// refusalText returns the words by which a refusal is recognised: the message of the JSON-RPC error, else
// the beginning of the body, whatever its type (many of these answers carry none, or a wrong one). They are
// trimmed, in lower case, and without what some servers put before the message and others do not.
func refusalText(r *Refusal) string {
	text := string(r.Body[:min(len(r.Body), refusalTextSize)])
	if r.RPC != nil {
		text = r.RPC.Message[:min(len(r.RPC.Message), refusalTextSize)]
	}
	text = strings.ToLower(strings.TrimSpace(text))
	leads := [...]string{
		"bad request:", "not found:", "unauthorized:", "service unavailable:", "invalid request:", "mcp:", "mcp ",
	}
	for i := 0; i < len(leads); i++ {
		if rest, ok := strings.CutPrefix(text, leads[i]); ok {
			text, i = strings.TrimSpace(rest), -1 // they may follow each other: look from the first again
		}
	}
	return text
}

// saysUnknownID: the server does not know the id that we sent.
func saysUnknownID() []refusalWords {
	return append(textBegins("unknown session"), // one-mcp and others
		textHas(
			"no valid session id",               // Python SDK 1.8-1.25, the TypeScript examples and their many copies
			"invalid session id",                // mcp-go to 0.43, Envoy AI Gateway, agentgateway
			"invalid or missing session id",     // the TypeScript examples on GET and DELETE
			"missing or invalid mcp-session-id", // agent-wiki
			"invalid or expired session",        // Python SDK, Swift SDK
			"unknown mcp-session-id",            // 1mcp, OmniRoute
			"session id not found",              // C# SDK, HTTP+SSE
			"could not find session",            // Python SDK, HTTP+SSE
			"no transport found for sessionid",  // TypeScript SDK, HTTP+SSE
			"no active transport",               // punkpeye/mcp-proxy, HTTP+SSE and DELETE
		)...)
}

// saysMissingID: the server says that we sent no id, although we did.
func saysMissingID() []refusalWords {
	return textHas(
		"a new session can only be created by an initialize request", // C# SDK
		"mcp-session-id header is required",                          // TypeScript SDK, C# SDK, Cloudflare, tower-mcp
		"requires an mcp-session-id header",                          // Go SDK
		"missing mcp-session-id header",                              // Swift SDK
		"missing session id",                                         // Python SDK, Ruby SDK, Envoy AI Gateway
		"missing sessionid",                                          // mcp-go, HTTP+SSE; punkpeye/mcp-proxy
		"no sessionid",                                               // punkpeye/mcp-proxy, HTTP+SSE
		"session id is required",                                     // rmcp from 0.17, PHP SDK
		"session_id is required",                                     // Python SDK, HTTP+SSE
		"session id required",                                        // Java SDK, Spring AI
		"session id missing",                                         // Spring AI
		"session header is required",                                 // agentgateway
	)
}

// saysNotInitialized: a server that was restarted, or another instance, waits for its first handshake.
func saysNotInitialized() []refusalWords {
	return textHas("server not initialized", "session not initialized") // TypeScript SDK, anubis; Swift SDK
}

// saysStateless: the server was deployed again, now without sessions (C# SDK).
func saysStateless() []refusalWords { return textHas("not supported in stateless mode") }

// saysGone: the session as such is gone. Only at the beginning: further in, "session not found" may be the words
// of an application whose own sessions (a browser, a database) have nothing to do with ours.
func saysGone() []refusalWords {
	return textBegins("session not found", "session terminated", "session has been terminated", "session expired", "session is unknown")
}

func saysAnyOfThese() []refusalWords {
	return slices.Concat(saysUnknownID(), saysMissingID(), saysNotInitialized(), saysStateless(), saysGone())
}

// rmcp to 0.16 says 401, without a challenge, for a session that is unknown or missing.
func saysRmcp401() []refusalWords { return textHas("session not found", "session id is required") }

// punkpeye/mcp-proxy to 6.7.16 says 401 for an unknown session where authentication is configured, with
// a challenge that claims an invalid token.
const punkpeye401 = "no valid session id provided"

// unauthorizedSession are the signals of a 401 that is about the session (rows S9 and S10) for the other HTTP
// methods: such a GET or DELETE must not set off an authorization either.
func unauthorizedSession(method string, where ...func(*Refusal) bool) []refusalSignal {
	return []refusalSignal{
		{http: method, status: []int{401}, text: saysRmcp401(), where: append(slices.Clip(where), (*Refusal).unchallenged)},
		{http: method, status: []int{401}, text: textHas(punkpeye401), where: where},
		{http: method, status: []int{401}, where: append(slices.Clip(where), (*Refusal).challengedForSession)},
	}
}

// What data cannot say.

func (r *Refusal) sessionless() bool { return !r.SessionSent }
func (r *Refusal) opening() bool     { return r.Method == openingMethod }
func (r *Refusal) hasOurID() bool    { return r.OurID }
func (r *Refusal) hasOtherID() bool  { return !r.OurID }
func (r *Refusal) hasNoRPC() bool    { return r.RPC == nil }
func (r *Refusal) resumed() bool     { return r.Resumed }
func (r *Refusal) truncated() bool   { return r.Truncated }
func (r *Refusal) standalone() bool  { return !r.Resumed }
func (r *Refusal) listing() bool     { return strings.HasSuffix(r.Method, "/list") }

// sessionError leaves out 403: what servers say there of a session is that it belongs to another principal (L8).
func (r *Refusal) sessionError() bool {
	return r.StatusCode >= 400 && r.StatusCode != http.StatusForbidden
}

// unchallenged tells a server that says 401 for a lost session from one that wants credentials.
func (r *Refusal) unchallenged() bool { return len(r.Header.Values("WWW-Authenticate")) == 0 }

func (r *Refusal) challengedForSession() bool {
	return slices.ContainsFunc(r.Header.Values("WWW-Authenticate"), func(challenge string) bool {
		return strings.Contains(strings.ToLower(challenge), punkpeye401)
	})
}

// refusalTable is read from above; the first row that fits decides. So the order is: look-alikes
// that outrank the rows of a lost session (L), the rows of a lost session (S), the other
// look-alikes. Nothing may change it. testdata/refusals has at least one answer for every row.
//
//nolint:gochecknoglobals // a table that nothing changes; built once, read for every refusal
var refusalTable = []refusalRow{
	{"L12", VerdictAlive, "the server answered with a result, whatever its text says about sessions of the application", []refusalSignal{
		{status: []int{200}, where: refusalFacts{(*Refusal).hasNoRPC}},
	}},
	{"L7", VerdictAlive, "the server takes the request for a second initialize", []refusalSignal{
		// TypeScript SDK (400), Go SDK from 1.7.
		{status: []int{200, 400}, text: textHas("server already initialized", `duplicate "initialize"`)},
	}},
	{"L6", VerdictAlive, "the server refuses the protocol version or a header, not the session", []refusalSignal{
		{status: []int{400}, codes: []int64{-32020, -32021, -32022}},
		{status: []int{400}, text: textHas("unsupported protocol version", "unsupported mcp-protocol-version")},
	}},
	{"L2", VerdictAlive, "the server does not know the method", []refusalSignal{
		// Version 2026-07-28 asks for it; rmcp, agentgateway. Without our id it is S1.
		{status: []int{404}, codes: []int64{-32601}, where: refusalFacts{(*Refusal).hasOurID}},
	}},
	{"L3", VerdictAlive, "the gateway has no server behind it that the request names", []refusalSignal{
		// Envoy AI Gateway answers so when the backend that the tool's name begins with is not configured. The session
		// lives: giving it up would end in the same answer, and in an open circuit for every other call. The 404 page of
		// a router cannot be told from a lost session (S1): there the new handshake fails the same way and says so.
		{status: []int{404}, text: textBegins("unknown backend")},
	}},
	{"L5", VerdictAlive, "the server allows one GET stream a session, and has one", []refusalSignal{
		{http: http.MethodGet, status: []int{409}},
	}},
	{"L4", VerdictAlive, "the server offers no GET stream", append(
		unauthorizedSession(http.MethodGet, (*Refusal).standalone),
		refusalSignal{http: http.MethodGet, status: []int{400, 404, 405, 406, 501}, where: refusalFacts{(*Refusal).standalone}},
	)},
	{"L1", VerdictAlive, "nothing is found at this URL, or the server speaks another transport", []refusalSignal{
		{status: []int{404}, where: refusalFacts{(*Refusal).sessionless}},
		{status: []int{404}, where: refusalFacts{(*Refusal).opening}},
	}},

	{"S1", VerdictLost, "the server answered 404 to a request that carried the session", []refusalSignal{
		{http: http.MethodPost, status: []int{404}}, // every version, "Session Management"; whatever the body is
	}},
	{"S4", VerdictLost, "the server answered 410 to a request that carried the session", []refusalSignal{
		{http: http.MethodPost, status: []int{410}}, // Go SDK 0.2 and 0.3
	}},
	{"S2", VerdictLost, "the server no longer knows the session that was to be ended", append(
		unauthorizedSession(http.MethodDelete),
		refusalSignal{http: http.MethodDelete, status: []int{404, 410}},
		refusalSignal{http: http.MethodDelete, status: []int{400}, text: saysAnyOfThese()}, // those who say 400 for rows S5 to S8
	)},
	{"S3", VerdictVerify, "a stream of the session could not be taken up again", append(
		unauthorizedSession(http.MethodGet, (*Refusal).resumed),
		// Perhaps only the stream is gone. 400 whatever it says: a session that only listens has no other sign.
		refusalSignal{http: http.MethodGet, status: []int{400, 404, 410}, where: refusalFacts{(*Refusal).resumed}},
	)},
	{"S11", VerdictVerify, "the server answered with an error that it gives when it does not know the session", []refusalSignal{
		// ContextForge, then anubis.
		{http: http.MethodPost, status: []int{200, 400}, codes: []int64{-32002}, text: textBegins("session not found")},
		{http: http.MethodPost, status: []int{200}, codes: []int64{-32002}, text: saysNotInitialized()},
		{http: http.MethodPost, status: []int{200}, codes: []int64{-32004}, text: textBegins("unknown session")},
		// tower-mcp: "Session '…' not found or expired". With other words -32005 is a busy AWS AgentCore.
		{http: http.MethodPost, status: []int{200, 400}, codes: []int64{-32005}, text: textHas("not found or expired")},
		{http: http.MethodPost, status: []int{200}, codes: []int64{-32006}, text: saysMissingID()},
		// Zilla, then the Go SDK.
		{
			http: http.MethodPost, status: []int{200}, codes: []int64{-32600},
			text: textIs("invalid request"), where: refusalFacts{(*Refusal).hasOtherID},
		},
		{http: http.MethodPost, status: []int{200, 400}, codes: []int64{0}, text: textHas("invalid during session initialization")},
		// Python SDK before the handshake. Also its word for bad arguments, so only where there are none.
		{
			http: http.MethodPost, status: []int{200}, codes: []int64{-32602},
			text: textIs("invalid request parameters"), where: refusalFacts{(*Refusal).listing},
		},
		// "Internal error" is the code of many applications, and of some servers for a session.
		{http: http.MethodPost, status: []int{400}, codes: []int64{-32603}, text: saysGone()},
		// A gateway that answers 200 to everything; or the error of a tool that has sessions of its own.
		{
			http: http.MethodPost, status: []int{200}, codes: []int64{-32600, -32001, -32000},
			text: slices.Concat(saysGone(), saysUnknownID()),
		},
		// Our id and "invalid params": the arguments were looked at, so it may be a tool's own session id.
		{
			http: http.MethodPost, status: []int{400}, codes: []int64{-32602},
			text: saysAnyOfThese(), where: refusalFacts{(*Refusal).hasOurID},
		},
	}},
	{"S5", VerdictLost, "the server does not know the session id", []refusalSignal{
		{http: http.MethodPost, status: []int{400}, text: saysUnknownID()},
	}},
	{"S6", VerdictLost, "the server was restarted and waits for a new session", []refusalSignal{
		{http: http.MethodPost, status: []int{400}, text: saysNotInitialized()}, // TypeScript SDK with one session a server, Swift SDK
	}},
	{"S7", VerdictLost, "the server no longer keeps sessions", []refusalSignal{
		{http: http.MethodPost, status: []int{400}, text: saysStateless()}, // C# SDK
	}},
	{"S8", VerdictLost, "the server did not see the session id that was sent: a proxy removed the header, or another instance answered", []refusalSignal{
		{http: http.MethodPost, status: []int{400}, text: saysMissingID()},
	}},
	{"S9", VerdictLost, "the server answered 401 because it does not know the session", []refusalSignal{
		{http: http.MethodPost, status: []int{401}, text: saysRmcp401(), where: refusalFacts{(*Refusal).unchallenged}},
	}},
	{"S10", VerdictLost, "the server answered 401 and names the session id, not the token", []refusalSignal{
		{http: http.MethodPost, status: []int{401}, text: textHas(punkpeye401)},
		{http: http.MethodPost, status: []int{401}, where: refusalFacts{(*Refusal).challengedForSession}},
	}},
	{"S12", VerdictLost, "the server says that the session is gone", []refusalSignal{
		// neotoma (503), ToolHive and others before they learned to say 404.
		{
			http: http.MethodPost, codes: []int64{-32600, -32001, -32000},
			text: saysGone(), where: refusalFacts{(*Refusal).sessionError, (*Refusal).unchallenged},
		},
		{http: http.MethodPost, status: []int{400, 503}, text: saysGone(), where: refusalFacts{(*Refusal).hasNoRPC}},
		{http: http.MethodPost, status: []int{400, 503}, text: textHas("no active sse connection")}, // supergateway, HTTP+SSE
	}},
	{"S13", VerdictVerify, "the refusal broke off before it said why", []refusalSignal{
		{http: http.MethodPost, status: []int{400}, where: refusalFacts{(*Refusal).truncated, (*Refusal).hasNoRPC}},
	}},

	{"L13", VerdictAlive, "a resource is missing, or the session of the token has ended", []refusalSignal{
		{codes: []int64{-32002}, text: textHas("resource not found")},
		{codes: []int64{-32003}, text: textHas("session expired")}, // Splunk
	}},
	{"L10", VerdictAlive, "a clock ran out", []refusalSignal{
		{codes: []int64{-32001}, text: textHas("request timed out")}, // the TypeScript SDK's client inside a gateway
	}},
	{"L8", VerdictAlive, "the server refuses the credentials; the session may live for another principal", []refusalSignal{
		{status: []int{401, 403}},
	}},
	{"L11", VerdictAlive, "the server does not let clients end a session", []refusalSignal{
		{http: http.MethodDelete, status: []int{405}},
	}},
	{"L9", VerdictAlive, "the server is busy or out of reach for the moment", []refusalSignal{
		{status: []int{429, 502, 503, 504}},
		{codes: []int64{-32010}}, // AWS AgentCore: the health check failed, or a machine is starting
	}},
}
