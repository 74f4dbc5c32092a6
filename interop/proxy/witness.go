package proxy

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"sync"
)

// Outcome is how the backend took one request.
type Outcome string

// What a request came to. Only an Answered or Broken one can have been executed.
const (
	Answered    Outcome = "answered"    // a 2xx, whatever became of its body
	Redirected  Outcome = "redirected"  // a 3xx
	Refused     Outcome = "refused"     // a 4xx or 5xx
	Undelivered Outcome = "undelivered" // no connection to the backend
	Broken      Outcome = "broken"      // the connection ended before an answer
)

// Counts is what a Proxy saw. It is a copy, the caller's own.
type Counts struct {
	// Initializes counts the initialize requests by outcome.
	Initializes map[Outcome]int
	// Calls holds, for each nonce of a tools/call, the outcome of every time it was passed on, in the order of the answers.
	Calls map[string][]Outcome
	// Requests counts everything, under keys like "POST tools/call 200", "DELETE 204" and "POST ping broken".
	Requests map[string]int
	// Versions counts the requests by their MCP-Protocol-Version header, those without one left out, and server/discover too: it asks
	// which versions there are, in the newest one.
	Versions map[string]int
}

// Duplicates lists the nonces that were passed on more than once although an earlier time was not provably without effect: each is
// a call that the server may have executed twice.
func (c Counts) Duplicates() []string {
	var twice []string
	for nonce, outcomes := range c.Calls {
		executable := 0
		for _, outcome := range outcomes {
			if outcome == Answered || outcome == Broken {
				executable++
			}
		}
		if executable > 1 {
			twice = append(twice, nonce)
		}
	}
	slices.Sort(twice)
	return twice
}

// message is what the proxy needs to know of a request.
type message struct {
	httpMethod, rpcMethod, nonce, version string
}

// read looks into a request. A body that is no JSON-RPC message, or a batch, has neither method nor nonce; it is passed on all the
// same and counted under its HTTP method.
func read(r *http.Request, body []byte) message {
	var rpc struct {
		Method string `json:"method"`
		Params struct {
			Arguments struct {
				Nonce string `json:"nonce"`
			} `json:"arguments"`
		} `json:"params"`
	}
	_ = json.Unmarshal(body, &rpc)
	return message{
		httpMethod: r.Method,
		rpcMethod:  rpc.Method,
		nonce:      rpc.Params.Arguments.Nonce,
		version:    r.Header.Get("Mcp-Protocol-Version"),
	}
}

// witness keeps the counts.
type witness struct {
	mu   sync.Mutex
	seen Counts
}

func (w *witness) note(m message, resp *http.Response, outcome Outcome) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.seen.Calls == nil {
		w.seen = Counts{map[Outcome]int{}, map[string][]Outcome{}, map[string]int{}, map[string]int{}}
	}
	w.seen.Requests[label(m, resp, outcome)]++
	if m.version != "" && m.rpcMethod != "server/discover" {
		w.seen.Versions[m.version]++
	}
	if m.rpcMethod == "initialize" {
		w.seen.Initializes[outcome]++
	}
	if m.rpcMethod == "tools/call" && m.nonce != "" {
		w.seen.Calls[m.nonce] = append(w.seen.Calls[m.nonce], outcome)
	}
}

func (w *witness) counts() Counts {
	w.mu.Lock()
	defer w.mu.Unlock()
	calls := make(map[string][]Outcome, len(w.seen.Calls))
	for nonce, outcomes := range w.seen.Calls {
		calls[nonce] = slices.Clone(outcomes)
	}
	return Counts{maps.Clone(w.seen.Initializes), calls, maps.Clone(w.seen.Requests), maps.Clone(w.seen.Versions)}
}

func label(m message, resp *http.Response, outcome Outcome) string {
	result := string(outcome)
	if resp != nil {
		result = fmt.Sprint(resp.StatusCode)
	}
	if m.rpcMethod == "" {
		return m.httpMethod + " " + result
	}
	return m.httpMethod + " " + m.rpcMethod + " " + result
}
