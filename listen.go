package mcpclient

import (
	"context"
	stdjson "encoding/json"
	"fmt"
	"iter"
	"slices"
	"strconv"
)

// Filter says what [Session.Listen] is to tell of.
type Filter struct {
	Tools     bool // the list of tools has changed
	Prompts   bool // the list of prompts has changed
	Resources bool // the list of resources, or that of their templates, has changed

	// ResourceURIs are resources whose contents are watched. The server is asked
	// to (`resources/subscribe`, where the protocol has it) while anybody listens.
	ResourceURIs []string

	// Logs asks for log messages that come on the reply of no call WithLogs, of
	// this level and above. "": none. What the server sends at all is set by
	// Session.SetLogLevel. Servers without sessions log for single calls only.
	Logs LogLevel

	// Tasks are the ids of tasks whose status is watched, as far as the server
	// tells of it: it is no substitute for asking.
	Tasks []string
}

// EventKind is what an [Event] tells of.
type EventKind int

const (
	// EventListening: the server has been asked, and tells of Event.Accepted from
	// now on. It comes first, and again whenever that had to be set up anew.
	EventListening EventKind = iota + 1
	// EventToolsChanged: read the list of tools anew.
	EventToolsChanged
	// EventPromptsChanged: read the list of prompts anew.
	EventPromptsChanged
	// EventResourcesChanged: read the lists of resources and templates anew.
	EventResourcesChanged
	// EventResourceUpdated: read the resource at Event.URI anew.
	EventResourceUpdated
	// EventTaskChanged: the task Event.TaskID has another status.
	EventTaskChanged
	// EventLog is a log message of the server.
	EventLog
	// EventDropped: Event.Dropped events found no room, since the loop was too slow.
	EventDropped
)

// String returns the name of the kind, in words.
func (k EventKind) String() string {
	names := [...]string{
		EventListening: "listening", EventToolsChanged: "tools changed", EventPromptsChanged: "prompts changed",
		EventResourcesChanged: "resources changed", EventResourceUpdated: "resource updated",
		EventTaskChanged: "task changed", EventLog: "log message", EventDropped: "events dropped",
	}
	if k < EventListening || int(k) >= len(names) {
		return "event " + strconv.Itoa(int(k))
	}
	return names[k]
}

// Event is one thing that [Session.Listen] tells. What it points to may be
// shared with others who listen: do not modify it.
type Event struct {
	Kind EventKind

	// Synthetic: the server did not say so. The connection or the session was
	// lost, so that notices may have been missed: what was asked for has to be
	// read anew, to be sure.
	Synthetic bool

	URI      string             // EventResourceUpdated: as the server wrote it, perhaps of a part of what was asked for
	TaskID   string             // EventTaskChanged
	Task     stdjson.RawMessage // EventTaskChanged: the task as the server sent it; nil where Synthetic
	Log      *LogMessage        // EventLog
	Dropped  int                // EventDropped: how many
	Accepted *Filter            // EventListening
}

// Listen ranges over what the server tells of its own accord: that a list, a
// resource or a task has changed, and log messages that belong to no call. It
// runs in the caller's goroutine and ends when the loop is left, or with one error.
//
// The first event is EventListening, whose Accepted is the part of f that the
// server tells of. It is empty where a server has no stream for such notices:
// then only those arrive which it sends along with answers to calls. What of f
// the server does not declare it is not asked for.
//
// Listening outlasts outages of any length and lost sessions: it comes back
// by itself, with all its subscriptions, and then reports everything in f as
// changed, marked Synthetic. Since no call may be there to notice a loss, a
// Listen opens the new session itself.
//
// Events wait in a queue of Limits.ListenQueue, or 8 MiB, while the loop body
// runs. Those of the same kind about the same thing become one while they wait;
// what finds no room is counted in one EventDropped. A session may be listened to
// any number of times at once; those of a session over HTTP share one stream.
//
// The error is a *CallError, whose cause is the end of ctx, [ErrClosed],
// [ErrUnsupported] if the server offers nothing of f, a *SessionError under
// [ReinitializeNever], or the refusal of a server without sessions.
func (s *Session) Listen(ctx context.Context, f Filter) iter.Seq2[Event, error] {
	f = f.clone()
	return func(yield func(Event, error) bool) {
		c := &call{method: "listen"}
		l, err := s.listen(ctx, f)
		if err != nil {
			yield(Event{}, c.failed(err))
			return
		}
		defer l.leave()
		for {
			event, err := l.next(ctx)
			if err != nil {
				yield(Event{}, c.failed(err))
				return
			}
			if !yield(event, nil) {
				return
			}
		}
	}
}

// listen starts a listener. Its errors are failures.
func (s *Session) listen(ctx context.Context, f Filter) (*listener, error) {
	switch {
	case s.view != nil:
		return nil, fail(ErrUnsupported, DeliveryNotSent)
	case f.isEmpty():
		return nil, fail(&ArgumentError{What: "the filter", Reason: "asks for nothing"}, DeliveryNotSent)
	case ctx.Err() != nil:
		return nil, fail(contextError(ctx), DeliveryNotSent)
	}
	l := newListener(s.core, f)
	s.core.listens.add(l)
	if !s.core.spawn("subscription", l.follow) {
		l.leave()
		return nil, fail(ErrClosed, DeliveryNotSent)
	}
	return l, nil
}

func (f Filter) clone() Filter {
	f.ResourceURIs, f.Tasks = distinct(f.ResourceURIs), distinct(f.Tasks)
	return f
}

// distinct returns a sorted copy without repetitions, nil for none.
func distinct(names []string) []string {
	if len(names) == 0 {
		return nil
	}
	names = slices.Clone(names)
	slices.Sort(names)
	return slices.Compact(names)
}

func (f Filter) isEmpty() bool {
	return !f.Tools && !f.Prompts && !f.Resources && len(f.ResourceURIs) == 0 && f.Logs == "" && len(f.Tasks) == 0
}

// errNothingOffered ends a Listen that could never tell anything.
var errNothingOffered = fmt.Errorf("the server tells of nothing that was asked for: %w", ErrUnsupported)

// wants reports whether f asks for e.
func (f Filter) wants(e *Event) bool {
	switch e.Kind {
	case EventToolsChanged:
		return f.Tools
	case EventPromptsChanged:
		return f.Prompts
	case EventResourcesChanged:
		return f.Resources
	case EventResourceUpdated:
		// A server may name the part that changed (resources, "Subscriptions").
		return slices.ContainsFunc(f.ResourceURIs, func(watched string) bool { return lies(e.URI, watched) })
	case EventTaskChanged:
		_, found := slices.BinarySearch(f.Tasks, e.TaskID)
		return found
	case EventLog:
		return f.Logs != "" && e.Log.Level.atLeast(f.Logs)
	default:
		return false
	}
}

// suspects are the events that say of everything in f that it may have changed.
func (f Filter) suspects() []*Event {
	var all []*Event
	add := func(asked bool, e Event) {
		if asked {
			e.Synthetic = true
			all = append(all, &e)
		}
	}
	add(f.Tools, Event{Kind: EventToolsChanged})
	add(f.Prompts, Event{Kind: EventPromptsChanged})
	add(f.Resources, Event{Kind: EventResourcesChanged})
	for _, uri := range f.ResourceURIs {
		add(true, Event{Kind: EventResourceUpdated, URI: uri})
	}
	for _, id := range f.Tasks {
		add(true, Event{Kind: EventTaskChanged, TaskID: id})
	}
	return all
}
