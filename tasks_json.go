package mcpclient

import (
	stdjson "encoding/json"
	"math"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// The newer design gives the names of two members their unit. A task of either is read, and written by the newer one.

// MarshalJSON returns the wire form.
func (t Task) MarshalJSON() ([]byte, error) {
	type plain Task
	wire := struct {
		CreatedAt    *time.Time `json:"createdAt,omitzero"`
		UpdatedAt    *time.Time `json:"lastUpdatedAt,omitzero"`
		TTL          *int64     `json:"ttlMs"` // null: unlimited
		PollInterval int64      `json:"pollIntervalMs,omitzero"`
		Failure      *wireError `json:"error,omitzero"`
		Plain        *plain     `json:",embed"`
	}{PollInterval: t.PollInterval.Milliseconds(), Failure: (*wireError)(t.Failure), Plain: (*plain)(&t)}
	if !t.CreatedAt.IsZero() {
		wire.CreatedAt = &t.CreatedAt
	}
	if !t.UpdatedAt.IsZero() {
		wire.UpdatedAt = &t.UpdatedAt
	}
	if t.TTL != nil {
		wire.TTL = new(t.TTL.Milliseconds())
	}
	return encode(&wire)
}

// UnmarshalJSON decodes the wire form.
func (t *Task) UnmarshalJSON(data []byte) error { return decode(data, t) }

// UnmarshalJSONFrom decodes the wire form.
func (t *Task) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	type plain Task
	*t = Task{}
	wire := struct {
		Kind      jsontext.Value `json:"resultType"` // of the answer; no part of the task
		CreatedAt looseTime      `json:"createdAt"`
		UpdatedAt looseTime      `json:"lastUpdatedAt"`
		TTL       looseInt       `json:"ttl"`
		TTLMs     looseInt       `json:"ttlMs"`
		Poll      looseInt       `json:"pollInterval"`
		PollMs    looseInt       `json:"pollIntervalMs"`
		Failure   *wireError     `json:"error"`
		Plain     *plain         `json:",embed"`
	}{Plain: (*plain)(t)}
	err := decodeFrom(dec, &wire)
	t.CreatedAt, t.UpdatedAt = wire.CreatedAt.Time, wire.UpdatedAt.Time
	if ttl := firstNumber(wire.TTLMs, wire.TTL); ttl != nil {
		t.TTL = new(milliseconds(*ttl))
	}
	if poll := firstNumber(wire.PollMs, wire.Poll); poll != nil {
		t.PollInterval = milliseconds(*poll)
	}
	t.Failure = (*RPCError)(wire.Failure)
	return err
}

// wireError is an RPCError as an object of its own.
type wireError RPCError

type wireErrorMembers struct {
	Code    int64              `json:"code"`
	Message string             `json:"message"`
	Data    stdjson.RawMessage `json:"data,omitzero"`
}

func (e wireError) MarshalJSON() ([]byte, error) {
	return encode(&wireErrorMembers{e.Code, e.Message, e.Data})
}

func (e *wireError) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	var wire struct {
		Code    looseInt           `json:"code"`
		Message string             `json:"message"`
		Data    stdjson.RawMessage `json:"data"`
	}
	err := decodeFrom(dec, &wire)
	absentIfNull(&wire.Data)
	*e = wireError{Message: wire.Message, Data: wire.Data}
	if code := wire.Code.value; code != nil {
		e.Code = *code
	}
	return err
}

// looseTime takes a time of RFC 3339. Anything else counts as absent: it only decorates a task.
type looseTime struct{ time.Time }

func (t *looseTime) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	t.Time = time.Time{}
	if dec.PeekKind() != '"' {
		return dec.SkipValue()
	}
	text, err := dec.ReadToken()
	if err != nil {
		return err
	}
	if at, err := time.Parse(time.RFC3339, text.String()); err == nil {
		t.Time = at
	}
	return nil
}

func firstNumber(numbers ...looseInt) *int64 {
	for _, n := range numbers {
		if n.value != nil {
			return n.value
		}
	}
	return nil
}

// milliseconds is a duration that a server counts in milliseconds: never negative, and what a Duration cannot
// hold becomes its nearest value.
func milliseconds(n int64) time.Duration {
	return time.Duration(min(max(n, 0), math.MaxInt64/int64(time.Millisecond))) * time.Millisecond
}

// decodeTask reads the answer to a question about the task called id, and with "" a notice about any task:
// `notifications/tasks/status` and `notifications/tasks` carry the same members.
func decodeTask(raw jsontext.Value, id string) (*Task, error) {
	task, err := decodeResult[Task](raw)
	switch {
	case err != nil:
		return nil, err
	case task.ID == "":
		task.ID = id
	case id != "" && task.ID != id:
		return nil, &ProtocolError{Reason: "the answer is about another task: " + quote(task.ID)}
	}
	switch {
	case task.ID == "" || task.Status == "":
		return nil, &ProtocolError{Reason: "the task has no id, or no status"}
	case len(task.Requests) > maxInputRequests:
		return nil, &LimitError{What: "the number of inputs that a task asks for", Limit: maxInputRequests}
	}
	return task, nil
}

// decodeCreated reads the answer to a call that may become a task, in either design, or is answered at once.
// A result of a tool has content, and only that.
func decodeCreated(raw jsontext.Value) (*Task, error) {
	var wire struct {
		Content jsontext.Value `json:"content"`
		Task    jsontext.Value `json:"task"`
		Kind    jsontext.Value `json:"resultType"`
		Meta    Meta           `json:"_meta"`
	}
	if err := decode(raw, &wire); err != nil {
		return nil, &ProtocolError{Reason: "the result cannot be read: " + misfit(err)}
	}
	switch {
	case wire.Content == nil && wire.Task.Kind() == '{':
		task, err := decodeTask(wire.Task, "")
		if err == nil && task.Meta == nil {
			task.Meta = wire.Meta
		}
		return task, err
	case wire.Content == nil && string(wire.Kind) == `"task"`:
		return decodeTask(raw, "")
	}
	result, err := decodeResult[ToolResult](raw)
	if err != nil {
		return nil, err
	}
	return &Task{Status: TaskCompleted, Result: result}, nil
}
