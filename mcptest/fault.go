package mcptest

import (
	"net/http"
	"slices"
	"strings"
)

// Fault is one misbehaviour of the server, and the requests it is for. The
// functions of this package that return a Fault say what it does; On, OnHTTP,
// When and Times narrow it and return the narrowed copy. A Fault is a value:
// it may be kept and used again. It does nothing until it is given to
// [Server.Next], [Server.Always] or [Refusal].
//
// A fault that is not narrowed is for every POST that carries a JSON-RPC
// request, initialize included, so not for notifications, answers, GET and
// DELETE. Some faults have a narrower aim of their own and say so. Whatever
// On, OnHTTP and When name replaces that aim; what they name must hold
// together.
type Fault struct {
	name  string
	act   func(x *exchange, next func()) // what it does around the rest of the request's way
	usual func(Request) bool             // its aim while http, rpc and where are empty; nil: usualTarget
	http  string
	rpc   []string
	where []func(Request) bool
	times int // uses left; 0: once for Next, without end for Always
}

// On aims the fault at POSTs that carry one of these JSON-RPC methods.
func (f Fault) On(methods ...string) Fault {
	f.rpc = slices.Clone(methods)
	return f
}

// OnHTTP aims the fault at requests with this HTTP method.
func (f Fault) OnHTTP(method string) Fault {
	f.http = method
	return f
}

// When aims the fault at requests for which match is true. It is called from
// the goroutines that serve requests, one call at a time, with the request as
// [Server.Requests] will show it; it must not call the server.
func (f Fault) When(match func(Request) bool) Fault {
	f.where = append(slices.Clone(f.where), match)
	return f
}

// Times sets how many requests the fault is used for.
func (f Fault) Times(n int) Fault {
	f.times = n
	return f
}

// String returns what the fault does, in a few words.
func (f Fault) String() string { return f.name }

// Combine makes one fault of several: the first is the outermost, so
// Combine(Slow(time.Second), DropAfter()) waits, executes, and cuts the
// connection. It is aimed as the first of them.
func Combine(faults ...Fault) Fault {
	combined := faults[0]
	names := make([]string, len(faults))
	for i, f := range faults {
		names[i] = f.name
	}
	combined.name = strings.Join(names, ", ")
	acts := slices.Clone(faults)
	combined.act = func(x *exchange, next func()) {
		for _, f := range slices.Backward(acts) {
			inner := next
			next = func() { f.act(x, inner) }
		}
		next()
	}
	return combined
}

func (f Fault) matches(r Request) bool {
	if f.http == "" && f.rpc == nil && f.where == nil {
		if f.usual != nil {
			return f.usual(r)
		}
		return usualTarget(r)
	}
	if f.http != "" && r.HTTPMethod != f.http {
		return false
	}
	if f.rpc != nil && !slices.Contains(f.rpc, r.Method) {
		return false
	}
	return !slices.ContainsFunc(f.where, func(match func(Request) bool) bool { return !match(r) })
}

func usualTarget(r Request) bool {
	return r.HTTPMethod == http.MethodPost && r.Method != "" && len(r.ID) > 0
}

// script holds the faults that wait for their request. The server's mutex guards it.
type script struct {
	queue    []*Fault // each is taken by the first request that it matches
	standing []*Fault
}

// takeLocked returns the fault for r, if there is one: the first of the queue
// that matches, else the first standing one. At most one fault meets a
// request, so what a test queues does not depend on what always holds.
func (sc *script) takeLocked(r Request) (Fault, bool) {
	for _, list := range []*[]*Fault{&sc.queue, &sc.standing} {
		for i, f := range *list {
			if !f.matches(r) {
				continue
			}
			taken := *f
			if f.times > 0 {
				if f.times--; f.times == 0 {
					*list = slices.Delete(*list, i, i+1)
				}
			}
			return taken, true
		}
	}
	return Fault{}, false
}

// Next queues faults. Each is used by the next request that it matches, once
// or as often as its Times says; of two that match the same request the one
// queued first is used, and the other waits. A queued fault goes before a
// standing one.
func (s *Server) Next(faults ...Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range faults {
		f.times = max(1, f.times)
		s.script.queue = append(s.script.queue, &f)
	}
}

// Always uses the fault for every request that it matches, until the returned
// function is called or its Times are used up.
func (s *Server) Always(f Fault) (stop func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.script.standing = append(s.script.standing, &f)
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.script.standing = slices.DeleteFunc(s.script.standing, func(other *Fault) bool { return other == &f })
	}
}

// Unused lists the faults given to [Server.Next] that no request has used up.
// A test that ends with some has probably not tested what it meant to.
func (s *Server) Unused() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	names := make([]string, len(s.script.queue))
	for i, f := range s.script.queue {
		names[i] = f.name
	}
	return names
}
