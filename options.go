package mcpclient

import (
	"bytes"
	stdjson "encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"
)

// CallOption changes one call.
type CallOption func(*callSettings)

// callSettings is what the options of one call come to.
type callSettings struct {
	progress   func(Progress)
	token      string // the progress token, if progress is set
	logs       func(LogMessage)
	minLevel   LogLevel
	idle       time.Duration
	idempotent bool
	oneTimeKey string // the idempotency key
	takesInput bool   // input can be given: declared for this call alone
	deferInput bool   // but not by the handlers
	asTask     bool
	taskTTL    time.Duration
	header     http.Header
	authorizer Authorizer
	meta       map[string]any
}

// Progress is one sign of progress of a call.
type Progress struct {
	Progress float64 // grows with each notification; its unit is the server's
	Total    float64 // 0: not known
	Message  string
}

// WithProgress asks the server for progress and hands it to f. f usually runs
// in the goroutine of the call, but servers may report on another call's reply:
// then it runs there, so f must be safe for concurrent use. When the call
// returns, f is not running and will not be called again. A server need not
// report anything.
func WithProgress(f func(Progress)) CallOption {
	return func(s *callSettings) { s.progress = f }
}

// WithLogs hands the log messages that the server sends on the reply of this
// call, at level or above, to f, in the goroutine of the call.
func WithLogs(level LogLevel, f func(LogMessage)) CallOption {
	return func(s *callSettings) { s.minLevel, s.logs = level, f }
}

// WithIdleTimeout fails the call with [ErrIdleTimeout] when the server gives no
// sign of life for d: no progress, no log message, no other message on the
// call's reply. Each of them starts the clock anew. To bound the whole call,
// use its context.
func WithIdleTimeout(d time.Duration) CallOption {
	return func(s *callSettings) { s.idle = d }
}

// WithHeader adds an HTTP header to the requests of this call. Mcp-*, Host,
// Content-Type and Accept belong to the library and are left out. A call with
// an Authorization header of its own may speak for another principal than the
// one that opened the session, so its refusal concerns this call alone: it
// never makes the session re-initialize.
func WithHeader(key, value string) CallOption {
	return func(s *callSettings) {
		if s.header == nil {
			s.header = make(http.Header)
		}
		s.header.Add(key, value)
	}
}

// WithAuthorizer has a authorize the requests of this call, in the place of
// [Client.Authorizer] and of every Authorization header: for a gateway that acts
// for many users over one session. A refusal of the call concerns this call alone: it never
// makes the session re-initialize. The call is not answered from the cache. nil keeps the Client's.
func WithAuthorizer(a Authorizer) CallOption {
	return func(s *callSettings) { s.authorizer = a }
}

// WithDeferredInput lets the application, and not the handlers of the Client,
// answer what the server wants to know before it can go on: the call declares
// that forms and pages can be answered, and fails with an [*InputRequiredError] that
// [Session.AnswerInput] goes on with, now or later. It has a meaning for servers
// without sessions alone; others ask while the call runs, and ask the handlers.
func WithDeferredInput() CallOption {
	return func(s *callSettings) { s.takesInput, s.deferInput = true, true }
}

// WithIdempotent says that the server may execute the call twice without harm:
// it is then repeated, by [Client.Retry], even where nobody knows whether it was executed.
func WithIdempotent() CallOption {
	return func(s *callSettings) { s.idempotent = true }
}

// WithIdempotencyKey sends key in the member "idempotencyKey" of _meta, the same
// with every attempt, for a server that executes calls with the same key once.
// So the call may be repeated: WithIdempotent is implied. "" makes a random key
// (a UUID), fresh for the call; give a key of your own to repeat a call later. The protocol has no such key: only use
// it with a server that is known to heed it. What follows a round of input is
// another request, and has the key with "/1", "/2" and so on behind it.
func WithIdempotencyKey(key string) CallOption {
	return func(s *callSettings) {
		s.idempotent, s.oneTimeKey = true, key
		if key == "" {
			s.oneTimeKey = uuid.NewString()
		}
	}
}

// WithMeta sets a member of the params' _meta object. value is encoded by
// encoding/json.
func WithMeta(key string, value any) CallOption {
	return func(s *callSettings) {
		if s.meta == nil {
			s.meta = make(map[string]any)
		}
		s.meta[key] = value
	}
}

// settingsOf applies options.
func settingsOf(options []CallOption) callSettings {
	var settings callSettings
	for _, option := range options {
		if option != nil {
			option(&settings)
		}
	}
	return settings
}

// prepare applies the options and encodes the params.
func (c *call) prepare() error {
	if c.invalid != nil {
		return c.invalid
	}
	c.settings = settingsOf(c.options)
	if len(c.settings.header) > 0 {
		c.header = userHeader(c.settings.header)
	}
	if c.settings.authorizer != nil && c.header.Get("Authorization") != "" {
		return errors.New("the call has both WithAuthorizer and an Authorization header: use one of them")
	}
	if c.settings.idle > 0 {
		c.clock = newIdleClock(c.settings.idle)
	}
	var err error
	c.plain, err = marshalParams(c.params)
	return err
}

// seal completes the params with _meta, after the interceptors had their say.
func (c *call) seal() error {
	meta := maps.Clone(c.settings.meta)
	if meta == nil && (c.settings.progress != nil || c.settings.oneTimeKey != "") {
		meta = make(map[string]any, 2)
	}
	if c.settings.progress != nil {
		if c.settings.token == "" {
			c.settings.token = uuid.NewString()
		}
		meta["progressToken"] = c.settings.token
	}
	if c.settings.oneTimeKey != "" {
		meta["idempotencyKey"] = c.keyOfRound()
	}
	if len(meta) == 0 {
		c.raw = c.plain
		return nil
	}
	encoded, err := stdjson.Marshal(meta)
	if err != nil {
		return err
	}
	c.raw, err = withMeta(c.plain, encoded)
	return err
}

// keyOfRound is the idempotency key of the request to be sent. A server that
// knows the key of the first round would answer the next with the first one's answer.
func (c *call) keyOfRound() string {
	if c.rounds == 0 {
		return c.settings.oneTimeKey
	}
	return c.settings.oneTimeKey + "/" + strconv.Itoa(c.rounds)
}

// withMeta puts a _meta member into params. The usual params have none, so the
// text is spliced: it is not parsed again, and stays byte for byte.
func withMeta(params, meta jsontext.Value) (jsontext.Value, error) {
	body := bytes.TrimSpace(params)
	if bytes.Contains(body, []byte(`"_meta"`)) || bytes.Contains(body, []byte(`\u`)) { // perhaps further in, or in other letters
		merged, err := mergeMeta(body, meta)
		if err != nil || merged != nil {
			return merged, err
		}
	}
	out := append([]byte(`{"_meta":`), meta...)
	if rest := bytes.TrimSpace(bytes.TrimPrefix(body, []byte("{"))); len(rest) > 0 && rest[0] != '}' {
		return append(append(out, ','), rest...), nil
	}
	return append(out, '}'), nil
}

// mergeMeta merges meta into the _meta that params have of their own, and changes no other byte; the options of the call
// win. nil: they have none.
func mergeMeta(params, meta jsontext.Value) (jsontext.Value, error) {
	start, end, err := memberSpan(params, "_meta")
	if err != nil || start == end {
		return nil, err
	}
	merged := make(map[string]jsontext.Value)
	for _, source := range []jsontext.Value{params[start:end], meta} {
		if err := decode(source, &merged); err != nil {
			return nil, fmt.Errorf("_meta of the params: %w", err)
		}
	}
	text, err := encode(merged)
	if err != nil {
		return nil, err
	}
	return slices.Concat(params[:start], text, params[end:]), nil
}

// foreign reports whether the call brought credentials of its own.
func (c *call) foreign() bool {
	return c.settings.authorizer != nil || c.header.Get("Authorization") != ""
}

// baseHeader is what goes with every request, whatever the session.
func (c *config) baseHeader() http.Header {
	h := c.header.Clone()
	h.Set("Content-Type", "application/json")
	h.Set("Accept", "application/json, text/event-stream")
	if h.Get("Accept-Encoding") == "" {
		h.Set("Accept-Encoding", "identity")
	}
	if h.Get("User-Agent") == "" {
		h.Set("User-Agent", c.name+"/"+c.version)
	}
	return h
}
