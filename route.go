package mcpclient

import (
	"context"
	"sync"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/holdfast-mcp/mcpclient/internal/jsonrpc"
)

// route handles what arrives on the reply of a call and is not its answer. It
// runs in that call's goroutine and keeps nothing of m, whose bytes are reused.
// call is nil for what arrives on no reply of a call.
func (c *core) route(ctx context.Context, b *binding, call *call, m *jsonrpc.Message) {
	switch {
	case m.IsRequest():
		if b.era.traits().serverAsks { // else it breaks the protocol, and an answer would, too
			c.answerServer(ctx, b, call, m)
		}
	case m.Method == "notifications/cancelled":
		c.takenBack(b, m.Params)
	case m.Method == "notifications/elicitation/complete":
		c.pages.completed(m.Params)
	case m.Method == "notifications/progress":
		c.routeProgress(m.Params)
	case m.Method == logNotice && call.wantsLogs():
		call.log(m.Params)
	default:
		c.noticed(b, m)
	}
}

const codeMethodNotFound = -32601 // JSON-RPC 2.0 section 5.1

// routeProgress finds the call by its token: a server may report on any stream.
func (c *core) routeProgress(params jsontext.Value) {
	var p struct {
		Token    jsontext.Value `json:"progressToken"`
		Progress looseFloat     `json:"progress"`
		Total    looseFloat     `json:"total"`
		Message  string         `json:"message"`
	}
	if json.Unmarshal(params, &p, unmarshalOptions) != nil {
		return
	}
	var token string
	if json.Unmarshal(p.Token, &token) != nil {
		return // not one of ours
	}
	c.progress.report(token, Progress{Progress: p.Progress.orZero(), Total: p.Total.orZero(), Message: p.Message})
}

// wantsLogs: c is nil for what arrives on no reply of a call.
func (c *call) wantsLogs() bool { return c != nil && c.settings.logs != nil }

// log hands a log message to the call's own handler.
func (c *call) log(params jsontext.Value) {
	var message LogMessage
	if json.Unmarshal(params, &message, unmarshalOptions) != nil {
		return
	}
	if message.Level.atLeast(c.settings.minLevel) {
		c.settings.logs(message)
	}
}

// progressTable finds the calls that asked for progress.
type progressTable struct{ calls sync.Map } // token -> *progressReports

// progressReports are the reports on one call. They may come on the replies of
// other calls, and so in several goroutines at once.
type progressReports struct {
	call *call

	mu      sync.Mutex
	over    bool
	running sync.WaitGroup // callbacks; none is added once it is over
}

// add takes reports on c until the returned function is called. That one waits
// for callbacks which run on the reply of another call: what a caller does
// after its call must not meet them.
func (t *progressTable) add(c *call) (remove func()) {
	token, r := c.settings.token, &progressReports{call: c}
	t.calls.Store(token, r)
	return func() {
		t.calls.Delete(token)
		r.mu.Lock()
		r.over = true
		r.mu.Unlock()
		r.running.Wait()
	}
}

// report hands p to the call with this token, unless it has ended.
func (t *progressTable) report(token string, p Progress) {
	found, _ := t.calls.Load(token)
	r, ok := found.(*progressReports)
	if !ok || !r.begin() {
		return
	}
	defer r.running.Done()
	r.call.clock.touch()
	r.call.settings.progress(p)
}

func (r *progressReports) begin() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.over {
		r.running.Add(1)
	}
	return !r.over
}
