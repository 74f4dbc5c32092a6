package mcpclient_test

import (
	"bytes"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient"
)

// rowVerdicts is what each row of the table means, written down a second time: a row must not change
// its verdict by accident.
func rowVerdicts() map[string]mcpclient.Verdict {
	verdicts := map[string]mcpclient.Verdict{"": mcpclient.VerdictAlive}
	for _, row := range []string{"S1", "S2", "S4", "S5", "S6", "S7", "S8", "S9", "S10", "S12"} {
		verdicts[row] = mcpclient.VerdictLost
	}
	for _, row := range []string{"S3", "S11", "S13"} {
		verdicts[row] = mcpclient.VerdictVerify
	}
	for _, row := range []string{"L1", "L2", "L3", "L4", "L5", "L6", "L7", "L8", "L9", "L10", "L11", "L12", "L13"} {
		verdicts[row] = mcpclient.VerdictAlive
	}
	return verdicts
}

func TestRefusalCorpus(t *testing.T) {
	cases := answeredRefusals(t)
	require.GreaterOrEqual(t, len(cases), 60)
	verdicts := rowVerdicts()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			row, verdict := mcpclient.ClassifyRefusal(c.refusal())
			require.Equal(t, c.row, row)
			require.Equal(t, verdicts[c.row], verdict)
		})
	}
}

// A row or a signal that no file meets is a guess, and nobody would notice its loss.
func TestRefusalTableIsCovered(t *testing.T) {
	names, signals := mcpclient.RefusalSignals()
	verdicts, cases := rowVerdicts(), answeredRefusals(t)
	require.Len(t, names, len(verdicts)-1, "rows of the table")
	for i, name := range names {
		require.Contains(t, verdicts, name)
		require.NotEmpty(t, mcpclient.RefusalMeans(name), name)
		met := make([]bool, signals[i])
		for _, c := range cases {
			if c.row != name {
				continue
			}
			for _, n := range mcpclient.RefusalSignal(name, c.refusal()) {
				met[n] = true
			}
		}
		require.NotContains(t, met, false, "row %s: a signal that no file meets", name)
	}
	require.Empty(t, mcpclient.RefusalMeans("S99"))
}

// What did not carry the session, or asked for a new one, says nothing about the session: otherwise a
// wrong URL would look like a lost session, and a handshake would be answered with a handshake.
func TestRefusalWithoutSessionNeverCostsOne(t *testing.T) {
	for _, c := range answeredRefusals(t) {
		none := c.refusal()
		none.SessionSent = false
		row, verdict := mcpclient.ClassifyRefusal(none)
		require.Equal(t, mcpclient.VerdictAlive, verdict, "%s without a session: row %q", c.name, row)

		opening := c.refusal()
		opening.Method = "initialize"
		row, verdict = mcpclient.ClassifyRefusal(opening)
		require.Equal(t, mcpclient.VerdictAlive, verdict, "%s as answer to initialize: row %q", c.name, row)
	}
}

func TestRefusalWordsInAnyShape(t *testing.T) {
	shapes := map[string]func(string) string{
		"upper case":  strings.ToUpper,
		"lower case":  strings.ToLower,
		"white space": func(s string) string { return "\r\n\t " + s + " \n" },
	}
	for name, shape := range shapes {
		for _, c := range answeredRefusals(t) {
			row, _ := mcpclient.ClassifyRefusal(reshaped(c.refusal(), shape))
			require.Equal(t, c.row, row, "%s in %s", c.name, name)
		}
	}
}

// The words alone decide nothing: each row holds for its statuses, codes and HTTP methods only.
func TestRefusalNeedsItsStatusCodeAndMethod(t *testing.T) {
	for _, c := range answeredRefusals(t) {
		teapot := c.refusal()
		teapot.StatusCode = http.StatusTeapot
		row, _ := mcpclient.ClassifyRefusal(teapot)
		// S12 holds for any error status; L9, L10 and L13 hold for their codes.
		require.Contains(t, []string{"", "S12", "L9", "L10", "L13"}, row, "%s under status 418", c.name)

		nowhere := c.refusal()
		nowhere.HTTPMethod = "PURGE"
		row, verdict := mcpclient.ClassifyRefusal(nowhere)
		require.Equal(t, mcpclient.VerdictAlive, verdict, "%s with another HTTP method: row %q", c.name, row)

		if r := c.refusal(); r.RPC != nil && r.StatusCode == http.StatusOK {
			r.RPC = &mcpclient.RPCError{Code: -31999, Message: r.RPC.Message}
			row, _ = mcpclient.ClassifyRefusal(r)
			require.Contains(t, []string{"", "L7"}, row, "%s with another code", c.name)
		}
	}
}

// Nor do status, code and method alone, where the row names words.
func TestRefusalNeedsItsWords(t *testing.T) {
	worded := []string{"S5", "S6", "S7", "S8", "S9", "S10", "S11", "S12", "L3", "L7", "L10", "L13"}
	for _, c := range answeredRefusals(t) {
		r := reshaped(c.refusal(), func(string) string { return "something else" })
		row, _ := mcpclient.ClassifyRefusal(r)
		require.NotContains(t, worded, row, "%s with other words", c.name)
		if c.status == http.StatusUnauthorized {
			require.Equal(t, "L8", row, "%s with other words", c.name)
		}
	}
}

// The borders between rows that no known server has shown: mostly the words of an application which has
// sessions of its own.
func TestRefusalBorders(t *testing.T) {
	const noRPC = -1
	for _, c := range []struct {
		status int
		code   int64
		method string
		text   string
		row    string
	}{
		{400, noRPC, "tools/call", "the tool was given an unknown session", ""},
		{404, noRPC, "tools/call", "session of an unknown backend", "S1"},
		{200, -32002, "tools/call", "browser session not found", ""},
		{400, -32002, "tools/call", "Session not found", "S11"},
		{200, -32004, "tools/call", "browser: unknown session", ""},
		{400, -32004, "tools/call", "Unknown session", "S5"},
		{400, -32005, "tools/call", "Session 'a' not found or expired", "S11"},
		{200, -32600, "tools/call", "Invalid Request body", ""},
		{200, -32600, "tools/call", "Invalid Request", "S11"},
		{200, -32602, "tools/list", "Invalid request parameters: cursor", ""},
		{400, 0, "tools/call", `method "tools/call" is invalid during session initialization`, "S11"},
		{200, -32000, "tools/call", "Invalid session ID", "S11"},
		{200, -32000, "tools/call", "browser session not found", ""},
		{400, -32000, "tools/call", "browser session not found", ""},
		{500, noRPC, "tools/call", "session not found", ""},
		{503, noRPC, "tools/call", "Session not found", "S12"},
		{500, noRPC, "tools/call", "No active SSE connection for session a", ""},
		{400, noRPC, "tools/call", `{"error":{"reason":"Session not found"}}`, "S12"},
		{400, noRPC, "tools/call", `["Session not found"]`, "S12"},
		{400, noRPC, "tools/call", `"Session not found"`, "S12"},
		{400, noRPC, "tools/call", `{"error":"browser session not found"}`, ""},
		{400, noRPC, "tools/call", `no "session not found" here`, ""},
	} {
		r := mcpclient.Refusal{HTTPMethod: http.MethodPost, Method: c.method, SessionSent: true, StatusCode: c.status}
		if c.code == noRPC {
			r.Body = []byte(c.text)
		} else {
			r.RPC = &mcpclient.RPCError{Code: c.code, Message: c.text}
		}
		row, _ := mcpclient.ClassifyRefusal(r)
		require.Equal(t, c.row, row, "HTTP %d, code %d: %s", c.status, c.code, c.text)
	}
}

// Servers put "Bad Request:" and the like before the message, or not; the words decide.
func TestRefusalLeads(t *testing.T) {
	for _, lead := range []string{"Bad Request: ", "Not Found: ", "Unauthorized: ", "Service Unavailable: ", "Invalid Request: ", "MCP: ", "Bad Request: MCP "} {
		r := mcpclient.Refusal{
			HTTPMethod: http.MethodPost, Method: "tools/call", SessionSent: true, StatusCode: http.StatusBadRequest,
			RPC: &mcpclient.RPCError{Code: -32001, Message: lead + "session not found"},
		}
		row, _ := mcpclient.ClassifyRefusal(r)
		require.Equal(t, "S12", row, lead)
		r.RPC = &mcpclient.RPCError{Code: -32001, Message: lead + "browser session not found"}
		row, _ = mcpclient.ClassifyRefusal(r)
		require.Empty(t, row, "words of an application behind %q", lead)
	}
}

// A page that mentions the words somewhere below is not searched to its end.
func TestRefusalBodyIsSearchedToABound(t *testing.T) {
	r := mcpclient.Refusal{HTTPMethod: http.MethodPost, SessionSent: true, StatusCode: http.StatusBadRequest}
	words := []byte("no valid session id")
	r.Body = slices.Concat(bytes.Repeat([]byte("-"), 4<<10-len(words)), words)
	row, _ := mcpclient.ClassifyRefusal(r)
	require.Equal(t, "S5", row)
	r.Body = slices.Concat(bytes.Repeat([]byte("-"), 4<<10-len(words)+1), words)
	row, _ = mcpclient.ClassifyRefusal(r)
	require.Empty(t, row)
}

func FuzzRefusals(f *testing.F) {
	for _, c := range loadRefusals(f) {
		r := c.refusal()
		code, message := int64(0), ""
		if r.RPC != nil {
			code, message = r.RPC.Code, r.RPC.Message
		}
		f.Add(r.HTTPMethod, r.Method, r.StatusCode, r.Header.Get("WWW-Authenticate"), r.Body, r.RPC != nil, code, message, r.OurID, r.SessionSent, r.Resumed)
	}
	verdicts := rowVerdicts()
	f.Fuzz(func(t *testing.T, httpMethod, method string, status int, challenge string, body []byte, hasRPC bool, code int64, message string, ours, sent, resumed bool) {
		r := mcpclient.Refusal{
			HTTPMethod: httpMethod, Method: method, StatusCode: status, Body: body,
			OurID: ours, SessionSent: sent, Resumed: resumed,
		}
		if challenge != "" {
			r.Header = http.Header{"Www-Authenticate": {challenge}}
		}
		if hasRPC {
			r.RPC = &mcpclient.RPCError{Code: code, Message: message}
		}
		row, verdict := mcpclient.ClassifyRefusal(r)
		want, known := verdicts[row]
		require.True(t, known, row)
		require.Equal(t, want, verdict, row)
		if !sent || method == "initialize" {
			require.Equal(t, mcpclient.VerdictAlive, verdict, row)
		}
		again, _ := mcpclient.ClassifyRefusal(r)
		require.Equal(t, row, again, "asked twice")
		swapped, _ := mcpclient.ClassifyRefusal(reshaped(r, swapCase))
		require.Equal(t, row, swapped, "in other letter case")
	})
}

// reshaped returns r with every text that the table reads changed; the body is not taken for JSON any more
// by anybody but the table.
func reshaped(r mcpclient.Refusal, shape func(string) string) mcpclient.Refusal {
	r.Body = []byte(shape(string(r.Body)))
	if r.RPC != nil {
		r.RPC = &mcpclient.RPCError{Code: r.RPC.Code, Message: shape(r.RPC.Message)}
	}
	if challenge := r.Header.Get("WWW-Authenticate"); challenge != "" {
		r.Header = http.Header{"Www-Authenticate": {shape(challenge)}}
	}
	return r
}

// swapCase changes ASCII letters only: other letters may change their length with their case.
func swapCase(s string) string {
	b := []byte(s)
	for i, c := range b {
		if 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' {
			b[i] = c ^ 0x20
		}
	}
	return string(b)
}
