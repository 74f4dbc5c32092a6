package mcpclient_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient"
)

// drained is all that waits in the queue.
func drained(t *testing.T, q mcpclient.ListenQueue) (events []mcpclient.Event) {
	t.Helper()
	q.Finish(mcpclient.ErrClosed)
	for {
		event, err := q.Next(t.Context())
		if err != nil {
			require.ErrorIs(t, err, mcpclient.ErrClosed)
			return events
		}
		events = append(events, event)
	}
}

func logged(n int) mcpclient.Event {
	return mcpclient.Event{Kind: mcpclient.EventLog, Log: &mcpclient.LogMessage{Level: "info", Data: fmt.Append(nil, n)}}
}

func dropped(n int) mcpclient.Event { return mcpclient.Event{Kind: mcpclient.EventDropped, Dropped: n} }

func taskChanged(id, text string) mcpclient.Event {
	return mcpclient.Event{Kind: mcpclient.EventTaskChanged, TaskID: id, Task: json.RawMessage(text)}
}

func TestListenQueueJoinsWhatSaysTheSame(t *testing.T) {
	q := mcpclient.NewListenQueue()
	for range 3 {
		q.Put(toolsChanged(), 0)
		q.Put(updated("a"), 1)
		q.Put(updated("b"), 1)
		q.Put(synthetic(promptsChanged()), 0)
		q.Put(logged(1), 1) // each is news
	}
	q.Put(promptsChanged(), 0)            // more certain than the suspicion
	q.Put(synthetic(updated("a")), 0)     // less
	q.Put(taskChanged("t", `"begun"`), 7) // the newest counts
	q.Put(taskChanged("t", `"done"`), 6)
	q.Put(taskChanged("u", `"begun"`), 7)
	require.Equal(t, []mcpclient.Event{
		toolsChanged(), updated("a"), updated("b"), promptsChanged(), logged(1), logged(1), logged(1),
		taskChanged("t", `"done"`), taskChanged("u", `"begun"`),
	}, drained(t, q))

	// What has been taken is told again.
	q = mcpclient.NewListenQueue()
	q.Put(toolsChanged(), 0)
	event, err := q.Next(t.Context())
	require.NoError(t, err)
	require.Equal(t, toolsChanged(), event)
	q.Put(toolsChanged(), 0)
	require.Equal(t, []mcpclient.Event{toolsChanged()}, drained(t, q))
}

func TestListenQueueIsBounded(t *testing.T) {
	q := mcpclient.NewListenQueue()
	for i := range 2000 {
		q.Put(logged(i), 10)
	}
	q.Put(toolsChanged(), 0)
	for i := range 3 {
		event, err := q.Next(t.Context())
		require.NoError(t, err)
		require.Equal(t, logged(i), event)
	}
	q.Put(promptsChanged(), 0) // there is room again, behind the notice of those that found none
	q.Put(updated("a"), 0)
	q.Put(updated("b"), 0)
	events := drained(t, q)
	require.Equal(t, logged(1023), events[1020])
	require.Equal(t, []mcpclient.Event{dropped(2000 - 1024 + 2), promptsChanged(), updated("a")}, events[1021:])
}

func TestListenQueueIsBoundedInBytes(t *testing.T) {
	const mebi = 1 << 20
	q := mcpclient.NewListenQueue()
	q.Put(taskChanged("t", `1`), 3*mebi)
	q.Put(logged(1), 4*mebi)
	q.Put(logged(2), 2*mebi)             // too much
	q.Put(taskChanged("t", `2`), mebi)   // takes the place of a larger one
	q.Put(logged(3), 3*mebi)             // so there is room
	q.Put(taskChanged("t", `3`), 5*mebi) // too much: the older one stays
	q.Put(toolsChanged(), 0)
	require.Equal(t, []mcpclient.Event{
		taskChanged("t", `2`), logged(1), dropped(2), logged(3), toolsChanged(),
	}, drained(t, q))
}

func TestListenQueueTellsWhatWaitsBeforeItsEnd(t *testing.T) {
	q := mcpclient.NewListenQueue()
	q.Put(toolsChanged(), 0)
	q.Finish(mcpclient.ErrUnsupported)
	event, err := q.Next(t.Context())
	require.NoError(t, err)
	require.Equal(t, toolsChanged(), event)
	for range 2 {
		_, err = q.Next(t.Context())
		require.ErrorIs(t, err, mcpclient.ErrUnsupported)
	}
}

func TestFilterWants(t *testing.T) {
	all := mcpclient.Filter{Tools: true, Resources: true, ResourceURIs: []string{"b:/x", "a:/"}, Logs: "notice", Tasks: []string{"t2", "t1"}}
	log := func(level mcpclient.LogLevel) mcpclient.Event {
		return mcpclient.Event{Kind: mcpclient.EventLog, Log: &mcpclient.LogMessage{Level: level}}
	}
	for _, e := range []mcpclient.Event{
		toolsChanged(), resourcesChanged(), updated("b:/x"), updated("b:/x/y"), updated("b:/x?y"), updated("a:/y"), updated("a:/"),
		log("notice"), log("emergency"), log("new level"), taskChanged("t1", ""), taskChanged("t2", ""),
	} {
		require.True(t, mcpclient.FilterWants(all, e), "%+v", e)
		require.False(t, mcpclient.FilterWants(mcpclient.Filter{Prompts: true}, e), "%+v", e)
	}
	for _, e := range []mcpclient.Event{promptsChanged(), updated("b:/xy"), updated("b:/"), updated(""), log("info"), taskChanged("t", ""), dropped(1), {}} {
		require.False(t, mcpclient.FilterWants(all, e), "%+v", e)
	}
}

func TestEventKindsHaveNames(t *testing.T) {
	names := map[string]bool{}
	for kind := mcpclient.EventListening; kind <= mcpclient.EventDropped; kind++ {
		names[kind.String()] = true
	}
	require.Len(t, names, 8)
	require.NotContains(t, names, "")
	require.Equal(t, "event 0", mcpclient.EventKind(0).String())
	require.Equal(t, "event 99", mcpclient.EventKind(99).String())
}
