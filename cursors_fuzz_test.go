package mcpclient_test

import (
	"context"
	stdjson "encoding/json"
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
)

// FuzzCursors: whatever pages a server gives, with whatever cursors between them, and wherever it loses the session, a walk over the
// list ends within Limits.Pages, follows the cursor that it was given last and on no other session, and yields what was on the pages,
// once for each item that a loss made the server list again.
func FuzzCursors(f *testing.F) {
	const next, lost = pageNext << 2, lostInstead << 5
	f.Add([]byte{2 | next, 0, 2 | next, 2, 1, 4}, false)
	f.Add([]byte{1 | next, 0, lost, 0, 1 | next, 0, 1, 1}, false)
	f.Add([]byte{3 | next, 0, 3 | pageSame<<2, 1}, false)
	f.Add([]byte{1 | pageOdd<<2, 0}, false)
	f.Add([]byte{}, true)
	f.Fuzz(func(t *testing.T, script []byte, endless bool) {
		synctest.Test(t, func(t *testing.T) {
			walkPages(t, &pageScript{steps: script, endless: endless})
		})
	})
}

const mostPages = 8

func walkPages(t *testing.T, script *pageScript) {
	t.Helper()
	script.server.instead = func(_ context.Context, m *wireMessage) *memoryReply {
		if m.Method != "tools/list" {
			return nil
		}
		return script.page(t, m)
	}
	client := script.server.client()
	client.Limits.Pages = mostPages
	session, err := client.Connect(t.Context(), "http://memory.example/mcp")
	require.NoError(t, err)
	got, err := names(session.Tools(t.Context()), toolName, func(int) bool {
		if script.othersMeetLoss {
			script.othersMeetLoss, script.server.id = false, ""
			_, err := session.CallTool(t.Context(), "echo", nil)
			require.NoError(t, err)
		}
		return true
	})
	require.Equal(t, script.want, got)
	if err != nil {
		requireTyped(t, err)
	} else {
		require.True(t, script.ended, "there was a further page")
	}
	require.LessOrEqual(t, script.asked, len(script.steps)/2+mostPages)
	require.NoError(t, session.Close())
}

// A pageScript is a server of one list. Two bytes make each of its answers: how many items, what cursor, and whether the session is
// lost instead, or behind it; and which items.
type pageScript struct {
	steps   []byte
	endless bool // after the last step there are ever new pages, else an empty last one
	server  memoryServer

	asked    int
	inRound  int             // pages given on the present session
	given    []string        // cursors, all of them
	followed map[string]bool // cursors that came back on the present session
	last     string          // the cursor given on the present session, "" for none
	session  string          // on which pages were given last
	listedOn map[string]string
	want     []string // what the walk has to yield
	ended    bool     // the last page has been given

	othersMeetLoss bool // the session is lost between this page and the next, and another call finds out
}

// What else an answer can be than a page.
const (
	pageThenLost = 2
	lostInstead  = 3
)

// The cursors that an answer may have.
const (
	pageLast = iota
	pageNext
	pageNextToo
	pageSame  // as the one before
	pageFirst // as the very first
	pageEmpty
	pageNull
	pageOdd // no string
)

func (s *pageScript) page(t *testing.T, m *wireMessage) *memoryReply {
	t.Helper()
	s.asked++
	how, first := byte(pageLast<<2), byte(0)
	if s.endless {
		how = pageNext << 2
	}
	if n := 2 * (s.asked - 1); n+1 < len(s.steps) {
		how, first = s.steps[n], s.steps[n+1]
	}
	id := m.Header.Get("Mcp-Session-Id")
	if how>>5 == lostInstead || id != s.server.id {
		s.server.id = "" // forgotten: this request is refused, and so is every later one
		return nil
	}
	if id != s.session {
		s.session, s.last, s.inRound, s.followed = id, "", 0, map[string]bool{}
	}
	var params struct{ Cursor string }
	if len(m.Params) > 0 {
		require.NoError(t, stdjson.Unmarshal(m.Params, &params))
	}
	require.Equal(t, s.last, params.Cursor, "the cursor of the page before, of this session")
	require.False(t, s.followed[params.Cursor], "%q leads round in a circle", params.Cursor)
	s.followed[params.Cursor] = true
	s.inRound++
	require.LessOrEqual(t, s.inRound, mostPages)

	kind := how >> 2 & 7
	cursor := s.cursor(kind)
	s.othersMeetLoss = how>>5 == pageThenLost
	list := []map[string]string{}
	for i := range how & 3 {
		name := fmt.Sprintf("item%d", first%16+i)
		list = append(list, map[string]string{"name": name})
		if kind != pageOdd { // else the page cannot be read
			s.list(name, id)
		}
	}
	text, err := stdjson.Marshal(map[string]any{"tools": list, "nextCursor": cursor})
	require.NoError(t, err)
	return answered(asJSON, m.withResult(string(text)))
}

// cursor makes the cursor of a page. nil: null.
func (s *pageScript) cursor(kind byte) any {
	s.last, s.ended = "", false
	switch kind {
	case pageNext, pageNextToo:
		s.given = append(s.given, fmt.Sprintf("cursor%d", len(s.given)))
		s.last = s.given[len(s.given)-1]
	case pageSame, pageFirst:
		if len(s.given) > 0 {
			s.last = s.given[(len(s.given)-1)*int(pageFirst-kind)]
		}
	case pageOdd:
		return 7
	case pageNull:
		s.ended = true
		return nil
	}
	s.ended = s.last == ""
	return s.last
}

// list takes note of an item: it is not to be yielded if that has happened on an older session.
func (s *pageScript) list(name, session string) {
	if on, known := s.listedOn[name]; known && on != session {
		return
	}
	if s.listedOn == nil {
		s.listedOn = map[string]string{}
	}
	s.listedOn[name] = session
	s.want = append(s.want, name)
}
