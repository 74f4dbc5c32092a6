package mcpclient_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient"
	"github.com/holdfast-mcp/mcpclient/mcptest"
)

// ear is a running Listen.
type ear struct {
	t      *testing.T
	events chan mcpclient.Event
	ended  chan error
	leave  context.CancelFunc // breaks the loop at the next event or at once, by its context
}

// listenTo starts a Listen, which ends with the test.
func listenTo(t *testing.T, session *mcpclient.Session, f mcpclient.Filter) *ear {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	e := &ear{t: t, events: make(chan mcpclient.Event, 100), ended: make(chan error, 1), leave: cancel}
	over := make(chan struct{})
	go func() {
		defer close(over)
		for event, err := range session.Listen(ctx, f) {
			if err != nil {
				e.ended <- err
				return
			}
			select {
			case e.events <- event:
			case <-ctx.Done(): // nobody takes any more
			}
		}
	}()
	t.Cleanup(func() { cancel(); <-over })
	return e
}

// next waits for an event.
func (e *ear) next() mcpclient.Event {
	e.t.Helper()
	select {
	case event := <-e.events:
		return event
	case err := <-e.ended:
		require.NoError(e.t, err, "the Listen ended")
	case <-e.t.Context().Done():
		require.Fail(e.t, "no event")
	}
	return mcpclient.Event{}
}

// accepted waits for EventListening.
func (e *ear) accepted() mcpclient.Filter {
	e.t.Helper()
	event := e.next()
	require.Equal(e.t, mcpclient.EventListening, event.Kind)
	return *event.Accepted
}

// hears waits for these events, in this order.
func (e *ear) hears(want ...mcpclient.Event) {
	e.t.Helper()
	for _, event := range want {
		require.Equal(e.t, event, e.next())
	}
}

// end waits for the error that ends the Listen.
func (e *ear) end() error {
	e.t.Helper()
	for {
		select {
		case err := <-e.ended:
			asCallError(e.t, err)
			return err
		case <-e.events:
		}
	}
}

func (e *ear) silent() {
	e.t.Helper()
	select {
	case event := <-e.events:
		require.Fail(e.t, "unexpected event", "%+v", event)
	case err := <-e.ended:
		require.NoError(e.t, err)
	default:
	}
}

const watchedURI = "test://notes"

func synthetic(e mcpclient.Event) mcpclient.Event {
	e.Synthetic = true
	return e
}

func toolsChanged() mcpclient.Event   { return mcpclient.Event{Kind: mcpclient.EventToolsChanged} }
func promptsChanged() mcpclient.Event { return mcpclient.Event{Kind: mcpclient.EventPromptsChanged} }
func resourcesChanged() mcpclient.Event {
	return mcpclient.Event{Kind: mcpclient.EventResourcesChanged}
}
func updated(uri string) mcpclient.Event {
	return mcpclient.Event{Kind: mcpclient.EventResourceUpdated, URI: uri}
}

// tellingServer has all that one can listen for.
func tellingServer(t *testing.T, opts ...mcptest.Option) *mcptest.Server {
	server := mcptest.New(t, opts...)
	server.AddResource(mcpclient.Resource{URI: watchedURI, Name: "notes"}, mcpclient.ResourceContents{Text: "one"})
	server.AddPrompt(mcpclient.Prompt{Name: "greet"}, nil)
	return server
}

// everything but logs and tasks.
func everything() mcpclient.Filter {
	return mcpclient.Filter{Tools: true, Prompts: true, Resources: true, ResourceURIs: []string{watchedURI}}
}

// suspicions are the events for everything when notices may have been missed.
func suspicions() []mcpclient.Event {
	return []mcpclient.Event{
		synthetic(toolsChanged()), synthetic(promptsChanged()), synthetic(resourcesChanged()), synthetic(updated(watchedURI)),
	}
}

func newTool(name string) mcpclient.Tool { return mcpclient.Tool{Name: name} }

// eachEra runs test against a server of each design.
func eachEra(t *testing.T, test func(t *testing.T, server *mcptest.Server)) {
	t.Run("one stream a session", func(t *testing.T) { test(t, tellingServer(t, mcptest.StandaloneStream())) })
	t.Run("a stream for each", func(t *testing.T) { test(t, tellingServer(t, mcptest.Stateless())) })
}

func TestListenTellsOfChanges(t *testing.T) {
	eachEra(t, func(t *testing.T, server *mcptest.Server) {
		session := sessionOf(t, server, new(mcpclient.Client))
		ear := listenTo(t, session, everything())
		require.Equal(t, everything(), ear.accepted())

		server.AddTool(newTool("later"), nil)
		ear.hears(toolsChanged())
		server.AddPrompt(mcpclient.Prompt{Name: "later"}, nil)
		ear.hears(promptsChanged())
		server.AddResource(mcpclient.Resource{URI: "test://other", Name: "other"})
		ear.hears(resourcesChanged())
		server.ResourceUpdated(watchedURI)
		ear.hears(updated(watchedURI))
		server.ResourceUpdated("test://other") // nobody watches it
		server.RemoveTool("later")
		ear.hears(toolsChanged())
		ear.silent()
	})
}

func TestListenTellsOnlyWhatWasAskedFor(t *testing.T) {
	server := tellingServer(t, mcptest.StandaloneStream())
	session := sessionOf(t, server, new(mcpclient.Client))
	tools, logs := listenTo(t, session, mcpclient.Filter{Tools: true}), listenTo(t, session, mcpclient.Filter{Logs: mcpclient.LogWarning})
	require.Equal(t, mcpclient.Filter{Tools: true}, tools.accepted())
	require.Equal(t, mcpclient.Filter{Logs: mcpclient.LogWarning}, logs.accepted())

	server.Broadcast("notifications/message", map[string]any{"level": "info", "data": "small talk"})
	server.Broadcast("notifications/message", map[string]any{"level": "error", "data": "fire", "logger": "stove"})
	server.Broadcast("notifications/prompts/list_changed", nil)
	server.AddTool(newTool("later"), nil)
	event := logs.next()
	require.Equal(t, mcpclient.EventLog, event.Kind)
	require.Equal(t, &mcpclient.LogMessage{Level: "error", Logger: "stove", Data: []byte(`"fire"`)}, event.Log)
	tools.hears(toolsChanged())
	logs.silent()
	require.Equal(t, 1, server.Listening(), "they share one stream")
}

func TestListenClosesTheStreamWithTheLast(t *testing.T) {
	server := tellingServer(t, mcptest.StandaloneStream())
	session := sessionOf(t, server, new(mcpclient.Client))
	first, second := listenTo(t, session, everything()), listenTo(t, session, everything())
	first.accepted()
	second.accepted()
	require.Len(t, sentParams(t, server, "resources/subscribe"), 1, "one watches for both")

	first.leave()
	require.ErrorIs(t, first.end(), context.Canceled)
	server.ResourceUpdated(watchedURI)
	second.hears(updated(watchedURI))
	require.Empty(t, sentParams(t, server, "resources/unsubscribe"))

	second.leave()
	require.ErrorIs(t, second.end(), context.Canceled)
	require.NoError(t, server.Await(t.Context(), func() bool {
		return server.Listening() == 0 && len(sentParams(t, server, "resources/unsubscribe")) == 1
	}))

	third := listenTo(t, session, everything())
	third.accepted()
	server.ResourceUpdated(watchedURI)
	third.hears(updated(watchedURI))
	require.Len(t, sentParams(t, server, "resources/subscribe"), 2)
}

func TestListenBreaksOffCleanly(t *testing.T) {
	eachEra(t, func(t *testing.T, server *mcptest.Server) {
		session := sessionOf(t, server, new(mcpclient.Client))
		for event, err := range session.Listen(t.Context(), mcpclient.Filter{Tools: true}) {
			require.NoError(t, err)
			require.Equal(t, mcpclient.EventListening, event.Kind)
			break
		}
		require.NoError(t, server.Await(t.Context(), func() bool { return server.Listening() == 0 }))
		require.NoError(t, session.Ping(t.Context()))
	})
}

func TestListenEndsWith(t *testing.T) {
	eachEra(t, func(t *testing.T, server *mcptest.Server) {
		session := sessionOf(t, server, new(mcpclient.Client))

		ear := listenTo(t, session, mcpclient.Filter{})
		var bad *mcpclient.ArgumentError
		require.ErrorAs(t, ear.end(), &bad, "a filter that asks for nothing")

		late, cancel := context.WithTimeoutCause(t.Context(), time.Millisecond, errors.New("enough"))
		defer cancel()
		for event, err := range session.Listen(late, mcpclient.Filter{Tools: true}) {
			if err != nil {
				require.ErrorIs(t, err, context.DeadlineExceeded)
				require.ErrorContains(t, err, "enough")
				require.Zero(t, event)
			}
		}

		ear = listenTo(t, session, mcpclient.Filter{Tools: true})
		ear.accepted()
		require.NoError(t, session.Close())
		require.ErrorIs(t, ear.end(), mcpclient.ErrClosed)
		require.ErrorIs(t, listenTo(t, session, everything()).end(), mcpclient.ErrClosed)
	})
}

func TestListenWhereNothingIsOffered(t *testing.T) {
	for name, server := range map[string]*mcptest.Server{
		"no list changes":  mcptest.New(t),
		"no subscriptions": mcptest.New(t, mcptest.Stateless()),
	} {
		t.Run(name, func(t *testing.T) {
			server.Always(mcptest.ErrorAnswer(404, &mcpclient.RPCError{Code: -32601, Message: "Method not found"}).On("subscriptions/listen"))
			session := sessionOf(t, server, new(mcpclient.Client))
			err := listenTo(t, session, everything()).end()
			require.ErrorIs(t, err, mcpclient.ErrUnsupported)
			require.NoError(t, session.Ping(t.Context()))
		})
	}
}

func TestListenInRestoreIsRefused(t *testing.T) {
	heard := make(chan error, 1)
	stage := newLossStage(t, &mcpclient.Client{Restore: func(ctx context.Context, view *mcpclient.Session) error {
		for _, err := range view.Listen(ctx, everything()) {
			heard <- err
		}
		return nil
	}}, mcptest.StandaloneStream())
	stage.server.ForgetSessions()
	require.NoError(t, stage.echo(t.Context()))
	require.ErrorIs(t, <-heard, mcpclient.ErrUnsupported)
}

func TestListenFilterIsTheCallersOwn(t *testing.T) {
	server := tellingServer(t, mcptest.StandaloneStream())
	session := sessionOf(t, server, new(mcpclient.Client))
	uris := []string{watchedURI, "test://a", watchedURI}
	events := session.Listen(t.Context(), mcpclient.Filter{ResourceURIs: uris})
	uris[0], uris[2] = "test://never", "test://never"
	for event, err := range events {
		require.NoError(t, err)
		require.Equal(t, []string{"test://a", watchedURI}, event.Accepted.ResourceURIs)
		break
	}
}

func TestListenHearsOfPartsOfAResource(t *testing.T) {
	server := tellingServer(t, mcptest.StandaloneStream())
	session := sessionOf(t, server, new(mcpclient.Client))
	ear := listenTo(t, session, mcpclient.Filter{ResourceURIs: []string{watchedURI}})
	ear.accepted()
	for _, uri := range []string{"test://notebook", watchedURI + "/page/1", "test://note", watchedURI + "#top"} {
		server.Broadcast("notifications/resources/updated", map[string]string{"uri": uri})
	}
	ear.hears(updated(watchedURI+"/page/1"), updated(watchedURI+"#top"))
	ear.silent()
}
