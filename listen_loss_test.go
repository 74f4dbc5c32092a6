package mcpclient_test

import (
	"context"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient"
	"github.com/holdfast-mcp/mcpclient/mcptest"
)

// Nobody calls in these tests: those who listen find out by themselves.

func TestListenOutlastsALoss(t *testing.T) {
	for name, lose := range map[string]func(*mcptest.Server){
		"forgotten": func(s *mcptest.Server) { s.ForgetSessions() },
		"restarted": func(s *mcptest.Server) { s.Restart() },
		"stream first": func(s *mcptest.Server) {
			s.Next(mcptest.Status(500, nil, "going down").OnHTTP(http.MethodGet).Times(3))
			s.Restart()
		},
		"lost again at once": func(s *mcptest.Server) { // before the stream of the new session is there
			s.ForgetSessions()
			s.Next(mcptest.Refuse(mcptest.TypeScript).OnHTTP(http.MethodGet), mcptest.Respond(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				s.ForgetSessions()
				w.WriteHeader(http.StatusNotFound)
			})).OnHTTP(http.MethodGet))
		},
	} {
		for _, policy := range []mcpclient.ReinitializePolicy{mcpclient.ReinitializeAndRepeat, mcpclient.ReinitializeOnly} {
			for _, resumable := range []bool{false, true} {
				t.Run(name, func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						opts := []mcptest.Option{mcptest.InMemory(), mcptest.StandaloneStream()}
						if resumable {
							opts = append(opts, mcptest.Resumable())
						}
						server := tellingServer(t, opts...)
						session := sessionOf(t, server, &mcpclient.Client{Reinitialize: policy})
						ears := []*ear{listenTo(t, session, everything()), listenTo(t, session, everything()), listenTo(t, session, everything())}
						for _, ear := range ears {
							ear.accepted()
						}
						lose(server)
						for _, ear := range ears {
							require.Equal(t, everything(), ear.accepted())
							ear.hears(suspicions()...)
						}
						synctest.Wait()
						require.Len(t, server.Sessions(), 1)
						require.Equal(t, server.Initializes()-1, server.Forgotten(), "one new session for all")
						info, _ := server.Session(session.ID())
						require.Equal(t, []string{watchedURI}, info.Subscriptions)
						require.Equal(t, 1, server.Listening())
						server.AddTool(newTool("later"), nil)
						server.ResourceUpdated(watchedURI)
						for _, ear := range ears {
							ear.hears(toolsChanged(), updated(watchedURI))
							synctest.Wait()
							ear.silent()
						}
					})
				})
			}
		}
	}
}

func TestListenEndsWithTheSessionUnderNever(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := tellingServer(t, mcptest.InMemory(), mcptest.StandaloneStream())
		session := sessionOf(t, server, &mcpclient.Client{Reinitialize: mcpclient.ReinitializeNever})
		ear := listenTo(t, session, everything())
		ear.accepted()
		server.ForgetSessions()
		_, lost := sessionErrorOf(t, ear.end())
		require.ErrorIs(t, session.Err(), lost)
		sessionErrorOf(t, listenTo(t, session, everything()).end())
		require.Equal(t, 1, server.Initializes())

		require.NoError(t, session.Reinitialize(t.Context()))
		again := listenTo(t, session, everything())
		require.Equal(t, everything(), again.accepted())
		synctest.Wait()
		again.silent()
	})
}

func TestListenOutlastsAnOutage(t *testing.T) {
	for name, fault := range map[string]mcptest.Fault{
		"no connection": mcptest.DropBefore(), "maintenance": mcptest.HTML(), "gone": mcptest.Status(404, nil, "no such route"),
		"busy": mcptest.Status(503, http.Header{"Retry-After": {"120"}}, ""), "silent": mcptest.Hang(),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := tellingServer(t, mcptest.InMemory(), mcptest.StandaloneStream())
				session := sessionOf(t, server, new(mcpclient.Client))
				ear := listenTo(t, session, everything())
				ear.accepted()
				end := server.Always(fault.When(func(mcptest.Request) bool { return true }))
				server.Restart()
				<-time.After(3 * time.Hour)
				ear.silent()
				require.Less(t, len(server.Requests()), 3*3600, "it does not hammer")

				end()
				ended := time.Now()
				ear.accepted()
				ear.hears(suspicions()...)
				require.Less(t, time.Since(ended), 2*time.Minute)
				require.Len(t, server.Sessions(), 1)
			})
		})
	}
}

func TestHandlersAloneDoNotReopen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := tellingServer(t, mcptest.InMemory(), mcptest.StandaloneStream())
		session := sessionOf(t, server, asking())
		require.NoError(t, echoOn(t.Context(), session))
		server.ForgetSessions()
		<-time.After(time.Hour)
		require.ErrorIs(t, session.Err(), mcpclient.ErrSessionInvalid, "the stream has told")
		sent := len(server.Requests())
		require.Less(t, sent, 20)
		<-time.After(time.Hour)
		require.Len(t, server.Requests(), sent, "nobody needs a session")
		require.NoError(t, echoOn(t.Context(), session))
		require.Equal(t, 1, server.Listening())
	})
}

// A session may be forgotten long before anybody listens.
func TestListenOnASessionThatIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := tellingServer(t, mcptest.InMemory(), mcptest.StandaloneStream())
		session := sessionOf(t, server, new(mcpclient.Client))
		<-time.After(time.Hour)
		server.ForgetSessions()
		ear := listenTo(t, session, mcpclient.Filter{Tools: true})
		require.Equal(t, mcpclient.Filter{Tools: true}, ear.accepted())
		synctest.Wait()
		require.Equal(t, 1, server.Listening())
	})
}

func TestListenMovesToARequestedSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := tellingServer(t, mcptest.InMemory(), mcptest.StandaloneStream())
		session := sessionOf(t, server, new(mcpclient.Client))
		ear := listenTo(t, session, everything())
		ear.accepted()
		require.NoError(t, session.Reinitialize(t.Context()))
		ear.accepted()
		ear.hears(suspicions()...)
		synctest.Wait()
		require.Equal(t, 1, server.Listening())
		require.Empty(t, sentParams(t, server, "resources/unsubscribe"), "the old session is over")
	})
}

func TestListenSubscriptions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := tellingServer(t, mcptest.InMemory(), mcptest.StandaloneStream())
		session := sessionOf(t, server, new(mcpclient.Client))
		about := func(uri string) func(mcptest.Request) bool {
			return func(r mcptest.Request) bool {
				return r.Method == "resources/subscribe" && r.Target == uri
			}
		}
		server.Next(
			mcptest.ErrorAnswer(0, &mcpclient.RPCError{Code: -32002, Message: "no such resource"}).When(about("test://none")),
			mcptest.Status(503, nil, "busy").When(about("test://late")).Times(2),
		)
		ear := listenTo(t, session, mcpclient.Filter{ResourceURIs: []string{"test://none", "test://late", watchedURI}})
		require.Equal(t, []string{"test://late", watchedURI}, ear.accepted().ResourceURIs)
		require.Len(t, sentParams(t, server, "resources/subscribe"), 5)
		ear.leave()
		require.ErrorIs(t, ear.end(), context.Canceled)
		synctest.Wait()
		require.ElementsMatch(t, []string{`{"uri":"test://late"}`, `{"uri":"` + watchedURI + `"}`}, sentParams(t, server, "resources/unsubscribe"))
		info, _ := server.Session(session.ID())
		require.Empty(t, info.Subscriptions)
	})
}

// A subscribe that is refused because the session is gone is as good a sign as any.
func TestListenFindsTheLossBySubscribing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := tellingServer(t, mcptest.InMemory(), mcptest.StandaloneStream())
		onGET(server, mcptest.Status(405, nil, ""))
		session := sessionOf(t, server, new(mcpclient.Client))
		server.ForgetSessions()
		ear := listenTo(t, session, everything())
		ear.accepted()
		require.Equal(t, uint64(2), session.Stats().Generation)
		info, _ := server.Session(session.ID())
		require.Equal(t, []string{watchedURI}, info.Subscriptions)
	})
}

// Some servers open the stream for whatever session id. Nobody would ever say on
// it that the session is lost, and its subscriptions with it: mcp-go does that.
func TestListenFindsALossThatItsStreamHides(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := tellingServer(t, mcptest.InMemory(), mcptest.StandaloneStream())
		session := sessionOf(t, server, new(mcpclient.Client))
		ear := listenTo(t, session, everything())
		for generation := range uint64(3) {
			require.Equal(t, everything(), ear.accepted())
			if generation > 0 {
				ear.hears(suspicions()...)
			}
			require.Equal(t, generation+1, session.Stats().Generation)
			info, _ := server.Session(session.ID())
			require.Equal(t, []string{watchedURI}, info.Subscriptions)

			server.DropListens() // and the session is found alive
			ear.hears(suspicions()...)
			synctest.Wait()
			server.Next(openStream().OnHTTP(http.MethodGet))
			server.Restart()
			ear.hears(suspicions()...)
		}
	})
}

// A stream that ends in good order, as those of polling servers, is no reason to doubt the session.
func TestStreamThatEndsInGoodOrderIsNotVerified(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := tellingServer(t, mcptest.InMemory(), mcptest.StandaloneStream())
		onGET(server, eventStream("retry: 1000\n\n"))
		session := sessionOf(t, server, new(mcpclient.Client))
		ear := listenTo(t, session, everything())
		ear.accepted()
		<-time.After(time.Minute)
		require.Greater(t, len(gets(server)), 3)
		require.Zero(t, verifications(server))

		// One that was refused meanwhile is.
		server.Next(mcptest.Status(503, nil, "restarting").OnHTTP(http.MethodGet))
		<-time.After(time.Minute)
		require.Equal(t, 1, verifications(server))
		require.Equal(t, uint64(1), session.Stats().Generation)
	})
}

// openStream opens a stream on which nothing is said.
func openStream() mcptest.Fault {
	return mcptest.Respond(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	}))
}

func TestCloseEndsWhatListens(t *testing.T) {
	for name, fault := range map[string]mcptest.Fault{"hanging": mcptest.Hang(), "broken": mcptest.DropBefore(), "busy": mcptest.Status(503, nil, "")} {
		t.Run(name, func(t *testing.T) {
			eachEra(t, func(t *testing.T, server *mcptest.Server) {
				session := sessionOf(t, server, asking())
				working := listenTo(t, session, everything())
				working.accepted()
				onGET(server, fault)
				server.Always(fault.On("resources/subscribe", "subscriptions/listen"))
				waiting := listenTo(t, session, mcpclient.Filter{Tools: true, ResourceURIs: []string{"test://a", "test://b"}})
				server.DropListens()
				require.NoError(t, session.Close())
				require.ErrorIs(t, working.end(), mcpclient.ErrClosed)
				require.ErrorIs(t, waiting.end(), mcpclient.ErrClosed)
			})
		})
	}
}
