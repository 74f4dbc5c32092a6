package mcptest

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/holdfast-mcp/mcpclient/internal/jsonrpc"
)

// rounds are the answers that a stateless request brings to what the server
// asked in earlier rounds, and what its handler asks in this one.
type rounds struct {
	brought roundState // fixed before the execution

	mu   sync.Mutex
	asks int
	open map[string]InputRequest
}

// roundState is what a requestState holds: the server remembers nothing.
type roundState struct {
	Request   string                     `json:"request"`   // digest of the request that it belongs to
	Answers   map[string]json.RawMessage `json:"answers"`   // of all rounds so far
	Asked     []string                   `json:"asked"`     // keys of the requests that it came with, sorted
	Continues bool                       `json:"continues"` // a handler has run already
}

// issuedState names a state that a fault has made up: for whom, and the text.
type issuedState struct{ digest, text string }

var errInputRequired = errors.New("mcptest: the client has to be asked first; the handler runs again with its answer")

// askStateless returns the answers, or notes what is to be asked: the handler
// is then to return, and runs again when the client has answered.
func (c *call) askStateless(requests map[string]InputRequest) (map[string]json.RawMessage, error) {
	if err := c.stateless.needsAll(requests); err != nil {
		return nil, err
	}
	r := &c.stateless.rounds
	r.mu.Lock()
	defer r.mu.Unlock()
	answers := make(map[string]json.RawMessage)
	for key, request := range requests {
		if answer, given := r.brought.Answers[key]; given {
			answers[key] = answer
			continue
		}
		if r.open == nil {
			r.open = make(map[string]InputRequest)
		}
		r.open[key] = request
	}
	if len(answers) < len(requests) {
		return nil, errInputRequired
	}
	return answers, nil
}

// nextKey names the next request of a handler that gives it no name: the same
// in every round, since handlers run from their start again.
func (r *rounds) nextKey() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asks++
	return fmt.Sprintf("input-%d", r.asks)
}

// wanted returns what the handler has asked without getting an answer, nil for
// nothing, and the state for the next round.
func (r *rounds) wanted() (map[string]InputRequest, roundState) {
	r.mu.Lock()
	defer r.mu.Unlock()
	state := r.brought
	state.Asked, state.Continues = slices.Sorted(maps.Keys(r.open)), true
	return r.open, state
}

// continues reports whether the call goes on with an execution that has begun in an earlier round.
func (c *call) continues() bool { return c.stateless != nil && c.stateless.rounds.brought.Continues }

// needsAll is the error for a client that has not declared what the requests need.
func (r *statelessRequest) needsAll(requests map[string]InputRequest) error {
	required := make(map[string]any)
	for _, request := range requests {
		maps.Copy(required, r.lacks(request))
	}
	if len(required) > 0 {
		return missingCapability(required)
	}
	return nil
}

// lacks returns the capability that the client would need for the request and
// has not declared, nil if there is none.
func (r *statelessRequest) lacks(request InputRequest) map[string]any {
	var offers struct {
		Elicitation map[string]json.RawMessage `json:"elicitation"`
		Sampling    map[string]json.RawMessage `json:"sampling"`
		Roots       map[string]json.RawMessage `json:"roots"`
	}
	_ = json.Unmarshal(r.capabilities, &offers) // an odd capability counts as none
	var params map[string]json.RawMessage
	_ = json.Unmarshal(mustEncode(request.Params), &params)
	empty := struct{}{}
	switch request.Method {
	case "elicitation/create":
		mode := "form"
		if string(params["mode"]) == `"url"` {
			mode = "url"
		}
		_, declared := offers.Elicitation[mode]
		if declared || mode == "form" && offers.Elicitation != nil && len(offers.Elicitation) == 0 {
			return nil
		}
		return map[string]any{"elicitation": map[string]any{mode: empty}}
	case "sampling/createMessage":
		if _, tools := offers.Sampling["tools"]; params["tools"] != nil && !tools {
			return map[string]any{"sampling": map[string]any{"tools": empty}}
		}
		if offers.Sampling == nil {
			return map[string]any{"sampling": empty}
		}
	case "roots/list":
		if offers.Roots == nil {
			return map[string]any{"roots": empty}
		}
	}
	return nil
}

// sealed writes a state so that any change to it is noticed.
func (s *Server) sealed(state roundState) string {
	raw := mustEncode(state)
	return base64.RawURLEncoding.EncodeToString(raw) + "." + digest(string(raw))
}

func digest(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return hex.EncodeToString(sum[:8])
}

// roundParams are the members of a request that matter for its rounds.
type roundParams struct {
	Name      string                     `json:"name"`
	URI       string                     `json:"uri"`
	Arguments jsontext.Value             `json:"arguments"`
	Responses map[string]json.RawMessage `json:"inputResponses"`
	State     *string                    `json:"requestState"`
}

// digest identifies the request that rounds belong to: its method, what it is about, and its arguments.
func (p *roundParams) digest(method string) string {
	arguments := p.Arguments.Clone()
	_ = arguments.Canonicalize() // what cannot be put in order is compared as it is
	return digest(method, p.Name, p.URI, string(arguments))
}

// resumeRounds reads what a request brings from earlier rounds, and refuses
// what no client may bring.
func (s *Server) resumeRounds(r *statelessRequest, m *jsonrpc.Message) error {
	var params roundParams
	if err := decode(m.Params, &params); err != nil {
		return err
	}
	if !slices.Contains([]string{"tools/call", "prompts/get", "resources/read"}, m.Method) {
		if params.State != nil || params.Responses != nil && m.Method != methodTaskUpdate {
			return invalidParams("Invalid params: nothing was asked in answer to " + m.Method)
		}
		return nil
	}
	brought := &r.rounds.brought
	brought.Request = params.digest(m.Method)
	if params.State != nil {
		state, err := s.unsealed(*params.State, brought.Request)
		if err != nil {
			return err
		}
		if keys := slices.Sorted(maps.Keys(params.Responses)); !slices.Equal(keys, state.Asked) {
			return invalidParams(fmt.Sprintf("Invalid params: inputResponses are for %q, asked was %q", keys, state.Asked))
		}
		*brought = state
	}
	if brought.Answers == nil {
		brought.Answers = make(map[string]json.RawMessage)
	}
	for key, answer := range params.Responses {
		if !isObject(answer) {
			return invalidParams("Invalid params: the response " + key + " is not an object")
		}
		brought.Answers[key] = answer
	}
	return nil
}

// unsealed reads a state that came back.
func (s *Server) unsealed(text, request string) (roundState, error) {
	s.mu.Lock()
	state, known := s.issued[issuedState{request, text}]
	s.mu.Unlock()
	if known {
		state.Answers = maps.Clone(state.Answers)
		return state, nil
	}
	encoded, sum, _ := strings.Cut(text, ".")
	raw, err := base64.RawURLEncoding.DecodeString(encoded)
	if err != nil || sum != digest(string(raw)) || json.Unmarshal(raw, &state) != nil {
		return state, invalidParams("Invalid params: requestState is not what this server has sent")
	}
	if state.Request != request {
		return state, invalidParams("Invalid params: requestState belongs to another request")
	}
	return state, nil
}

// issue remembers a state that a fault has made up, and what it stands for:
// the rounds that the request had behind it.
func (s *Server) issue(m *jsonrpc.Message, text string, requests map[string]InputRequest) {
	var params roundParams
	if text == "" || decode(m.Params, &params) != nil {
		return
	}
	state := roundState{Request: params.digest(m.Method)}
	if params.State != nil {
		if before, err := s.unsealed(*params.State, state.Request); err == nil {
			state = before
		}
	}
	state.Asked = slices.Sorted(maps.Keys(requests))
	if state.Answers == nil {
		state.Answers = make(map[string]json.RawMessage)
	}
	maps.Copy(state.Answers, params.Responses)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.issued[issuedState{state.Request, text}] = state
}
