package mcpclient

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"iter"

	"github.com/go-json-experiment/json/jsontext"
)

// Collect ranges over seq and returns its items. On an error it returns the items that came before it
// together with the error.
//
//	tools, err := mcpclient.Collect(session.Tools(ctx))
func Collect[T any](seq iter.Seq2[T, error]) ([]T, error) {
	var items []T
	for item, err := range seq {
		if err != nil {
			return items, err
		}
		items = append(items, item)
	}
	return items, nil
}

// listing is one of the protocol's lists. P is the wire form of a page of it, T that of an item.
type listing[T, P any] struct {
	method string
	kind   string                                       // what logs call an item
	open   func(*P) (items itemList[T], cursor *string) // takes a page apart
	key    func(*T) string                              // what the server knows an item by; one without it is of no use
	admit  func(*T) error                               // why an item is of no use; nil: all are
}

// all is the one pagination loop (protocol section "Pagination"). It asks for a page only when the
// items before it have been taken, so leaving the loop sends nothing more.
func (l *listing[T, P]) all(ctx context.Context, s *Session, options []CallOption) iter.Seq2[*T, error] {
	return func(yield func(*T, error) bool) {
		w := walk{maxPages: s.maxPages(), maxItems: s.maxItems(), restarts: s.outlivesLosses(), seed: maphash.MakeSeed()}
		for {
			c := w.nextCall(l.method, options)
			page, err := l.page(ctx, s, c)
			if err != nil && w.restart(err) {
				continue
			}
			if err != nil {
				yield(nil, err)
				return
			}
			items, cursor := l.open(page)
			more := s.isCursor(cursor)
			for _, reason := range items.unreadable {
				w.items++
				s.skipped(l.kind, reason)
			}
			for _, item := range items.readable {
				if !l.offers(s, &w, item) {
					continue
				}
				if w.items > w.maxItems {
					break
				}
				if !yield(item, nil) {
					return
				}
			}
			err = w.advance(c, cursor, more)
			if err != nil {
				yield(nil, c.failed(fail(err, DeliveryAnswered)))
			}
			if err != nil || w.ended {
				return
			}
		}
	}
}

// offers takes note of an item and reports whether it is to be yielded.
func (l *listing[T, P]) offers(s *Session, w *walk, item *T) bool {
	err := l.useless(item)
	if err != nil {
		s.skipped(l.kind, err)
		w.items++
		return false
	}
	earlier, twice := w.meet(l.key(item))
	if earlier {
		return false
	}
	w.items++
	if twice {
		s.repeated(l.kind, l.key(item))
	}
	return true
}

// useless tells why an item is left out, nil if it is not.
func (l *listing[T, P]) useless(item *T) error {
	if l.key(item) == "" {
		return errNameless
	}
	if l.admit == nil {
		return nil
	}
	return l.admit(item)
}

// page performs one call of a walk. Unlike request it leaves the call to its caller, who needs to know which session answered.
func (l *listing[T, P]) page(ctx context.Context, s *Session, c *call) (*P, error) {
	raw, err := s.do(ctx, c)
	if err != nil {
		return nil, err
	}
	page, err := decodeResult[P](raw)
	if err != nil {
		return nil, c.failed(fail(err, DeliveryAnswered))
	}
	return page, nil
}

var (
	errNameless   = errors.New("it has nothing to be called by")
	errUnreadable = errors.New("unreadable, as many before it on the same page")
)

// maxReasons is how many items of a page have their own reason for being left out: a page may hold nothing but such items.
const maxReasons = 100

// maxRestarts bounds how often one walk starts over. Every restart is the answer to a further loss of the
// session, so this ends a walk only where the server loses one after the other.
const maxRestarts = 16

// maxCursor bounds a cursor, in bytes: it is sent back, so a giant one would make giants of our own requests.
const maxCursor = 64 << 10

// walk is the state of one pass over a list.
type walk struct {
	maxPages int
	maxItems int
	restarts bool // the policy lets the walk go on after a loss
	seed     maphash.Seed

	cursor     *string // of the next page, nil for the first one
	generation uint64  // of the session that gave the cursor
	pages      int     // read in this round
	cursors    map[uint64]struct{}

	round int            // how often the walk has started over
	lost  uint64         // the generation that the last restart left behind
	met   map[uint64]int // hash of the key -> the round that met it first
	items int            // met over all rounds, those left out included
	ended bool           // there is no further page
}

// nextCall is the request for the next page. A cursor means nothing to another session than the one that gave it (protocol
// section "Pagination"), so the call names that one's generation.
func (w *walk) nextCall(method string, options []CallOption) *call {
	c := &call{method: method, options: options}
	if w.cursor != nil {
		c.cursor, c.generation, c.params = true, w.generation, cursorParams{*w.cursor}
	}
	return c
}

type cursorParams struct {
	Cursor string `json:"cursor"`
}

// restart reports whether the walk goes on from the first page after err: the session is lost, and the
// cursor with it. It does so once for each generation that it has read from.
func (w *walk) restart(err error) bool {
	if w.cursor == nil || !w.restarts || w.round >= maxRestarts || w.generation <= w.lost || !errors.Is(err, ErrSessionInvalid) {
		return false
	}
	w.lost = w.generation
	w.round++
	w.cursor, w.pages, w.cursors = nil, 0, nil
	return true
}

// meet takes note of an item. earlier: a round before this one has met, and yielded, it. twice: this one has, so the server
// has two items of one name.
func (w *walk) meet(key string) (earlier, twice bool) {
	hash := maphash.String(w.seed, key) // keys may be long
	if round, known := w.met[hash]; known {
		return round != w.round, round == w.round
	}
	if w.met == nil {
		w.met = make(map[uint64]int)
	}
	w.met[hash] = w.round
	return false, false
}

// advance moves on to the page at cursor, which c has brought, if there is one more. It fails where the list would not end:
// at a cursor that this round has followed before, after maxPages pages and after maxItems items.
func (w *walk) advance(c *call, cursor *string, more bool) error {
	w.pages++
	switch {
	case w.items > w.maxItems:
		return &LimitError{What: "the number of items of one list (Limits.ListItems)", Limit: int64(w.maxItems)}
	case !more:
		w.ended = true
		return nil
	case len(*cursor) > maxCursor:
		return &LimitError{What: "the size of a cursor", Limit: maxCursor}
	case w.pages >= w.maxPages:
		return &LimitError{What: "the number of pages of one list (Limits.Pages)", Limit: int64(w.maxPages)}
	}
	hash := maphash.String(w.seed, *cursor) // cursors may be long
	if _, repeated := w.cursors[hash]; repeated {
		return &ProtocolError{Reason: fmt.Sprintf("page %d of the list repeats a cursor (%d bytes): the list would never end", w.pages, len(*cursor))}
	}
	if w.cursors == nil {
		w.cursors = make(map[uint64]struct{})
	}
	w.cursors[hash] = struct{}{}
	w.cursor, w.generation = cursor, c.generation
	return nil
}

// itemList decodes the items of a page one by one, so that a malformed one costs only itself.
type itemList[T any] struct {
	readable   []*T
	unreadable []error // why items were left out
}

func (l *itemList[T]) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	if dec.PeekKind() != '[' {
		return decodeFrom(dec, &[]*T{}) // null is an empty list, all else fails, and says why
	}
	if _, err := dec.ReadToken(); err != nil {
		return err
	}
	for i := 0; dec.PeekKind() != ']'; i++ {
		raw, err := dec.ReadValue()
		if err != nil {
			return err
		}
		item := new(T)
		if err := decode(raw, item); err != nil {
			if len(l.unreadable) < maxReasons {
				err = fmt.Errorf("item %d: %w", i, err)
			} else {
				err = errUnreadable
			}
			l.unreadable = append(l.unreadable, err)
			continue
		}
		l.readable = append(l.readable, item)
	}
	_, err := dec.ReadToken()
	return err
}
