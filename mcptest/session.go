package mcptest

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/holdfast-mcp/mcpclient"
)

// SessionInfo is what the server knows about one session.
type SessionInfo struct {
	ID              string
	ProtocolVersion string          // as agreed on
	Client          json.RawMessage // clientInfo of initialize
	Capabilities    json.RawMessage // of the client
	Initialized     bool            // notifications/initialized has arrived
	LogLevel        mcpclient.LogLevel
	Subscriptions   []string // URIs, sorted
}

// streamsKept bounds how many streams of a session can be resumed.
const streamsKept = 1000

// session is one client's session. Its mutable part is guarded by the server's mutex.
type session struct {
	id      string // "" for the one that all clients share on a server without sessions
	number  int
	version string
	client  json.RawMessage
	offers  json.RawMessage

	ctx    context.Context // ends with DELETE, Restart and Close
	cancel context.CancelFunc

	initialized   bool
	logLevel      mcpclient.LogLevel
	subscriptions map[string]struct{}
	inFlight      map[string]*call   // by the JSON of the request's id
	streams       []*stream          // those that can be resumed, oldest first
	standalone    *stream            // nil unless the server offers one
	hangUp        context.CancelFunc // ends the GET that reads standalone; nil: there is none
	streamStays   bool               // standalone does not end when the server forgets the session
}

// sessions are those that the server knows. The server's mutex guards them.
type sessions struct {
	ctx         context.Context
	standalone  bool
	known       map[string]*session
	shared      *session // for a server without sessions
	initializes int
	opened      int
	forgotten   int
	streams     int
	asked       int64
	pending     map[int64]*ask
}

func newSessions(ctx context.Context, standalone bool) sessions {
	all := sessions{ctx: ctx, standalone: standalone, known: make(map[string]*session), pending: make(map[int64]*ask)}
	all.shared = all.newSession("")
	all.shared.initialized = true // by whom, nobody can tell
	return all
}

func (all *sessions) newSession(id string) *session {
	sess := &session{
		id:            id,
		number:        all.opened,
		subscriptions: make(map[string]struct{}),
		inFlight:      make(map[string]*call),
	}
	sess.ctx, sess.cancel = context.WithCancel(all.ctx)
	if all.standalone && id != "" {
		sess.standalone = all.newStreamLocked()
	}
	return sess
}

func (all *sessions) newStreamLocked() *stream {
	all.streams++
	return newStream(fmt.Sprintf("s%d", all.streams))
}

func (all *sessions) openLocked() *session {
	sess := all.nextLocked()
	all.known[sess.id] = sess
	return sess
}

// nextLocked makes a session that is not known yet.
func (all *sessions) nextLocked() *session {
	all.opened++
	return all.newSession(rand.Text())
}

// dropLocked drops a session but lets what is in flight on it go on. Its
// standalone stream ends: nothing will ever come on it.
func (all *sessions) dropLocked(sess *session) {
	delete(all.known, sess.id)
	if sess.standalone != nil && !sess.streamStays {
		sess.standalone.end()
	}
}

// sortedLocked returns the known sessions, the oldest first.
func (all *sessions) sortedLocked() []*session {
	return slices.SortedFunc(maps.Values(all.known), func(a, b *session) int { return cmp.Compare(a.number, b.number) })
}

// keepLocked remembers a stream for Last-Event-ID.
func (sess *session) keepLocked(st *stream) {
	sess.streams = newest(append(sess.streams, st), streamsKept)
}

func (sess *session) streamLocked(name string) (*stream, bool) {
	if sess.standalone != nil && sess.standalone.name == name {
		return sess.standalone, true
	}
	i := slices.IndexFunc(sess.streams, func(st *stream) bool { return st.name == name })
	if i < 0 {
		return nil, false
	}
	return sess.streams[i], true
}

func (sess *session) infoLocked() SessionInfo {
	return SessionInfo{
		ID:              sess.id,
		ProtocolVersion: sess.version,
		Client:          sess.client,
		Capabilities:    sess.offers,
		Initialized:     sess.initialized,
		LogLevel:        sess.logLevel,
		Subscriptions:   slices.Sorted(maps.Keys(sess.subscriptions)),
	}
}

// ForgetSessions makes the ids of the given sessions, or without any those of
// all sessions, unknown from now on: a request that carries one is refused as
// [RefusalWay] says. Calls that are being executed go on and are answered;
// not so with [HTTPSSE], where the stream of a session ends with it, unless
// [KeepStreams] says otherwise.
func (s *Server) ForgetSessions(ids ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forgetLocked(ids...)
}

func (s *Server) forgetLocked(ids ...string) {
	for _, sess := range s.sessions.sortedLocked() {
		if len(ids) == 0 || slices.Contains(ids, sess.id) {
			s.sessions.dropLocked(sess)
			s.sessions.forgotten++
		}
	}
	s.ledger.wakeLocked()
}

// Sessions returns the ids of the sessions that the server knows, the oldest first.
func (s *Server) Sessions() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var ids []string
	for _, sess := range s.sessions.sortedLocked() {
		ids = append(ids, sess.id)
	}
	return ids
}

// Session returns what the server knows about a session; false if it does not know it.
func (s *Server) Session(id string) (SessionInfo, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sess, ok := s.sessions.known[id]
	if !ok {
		return SessionInfo{}, false
	}
	return sess.infoLocked(), true
}

// Initializes counts the initialize requests that were executed.
func (s *Server) Initializes() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sessions.initializes
}

// Forgotten counts the sessions that were forgotten: by [Server.ForgetSessions],
// [ForgetEvery] and [Server.Restart], not those that a client ended with DELETE.
func (s *Server) Forgotten() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sessions.forgotten
}
