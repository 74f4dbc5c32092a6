package authtest

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/http"
	"strings"
	"time"
)

// Fault is what goes wrong with one request: it wraps the handler that would
// answer it, and may do with it as it likes. The functions of this package that
// return a Fault are the usual ones; any middleware is another. It does nothing
// until it is given to [Server.Next] or [Server.Always].
type Fault func(answer http.Handler) http.Handler

func noFault(answer http.Handler) http.Handler { return answer }

// Status answers in the server's place, with a body of plain text: nothing is executed.
func Status(status int, body string) Fault {
	return instead(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, body, status) })
}

// JSON answers in the server's place with a document, as text.
func JSON(status int, document string) Fault {
	return instead(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = w.Write([]byte(document)) // a client that has left needs no answer
	})
}

// Refuse answers in the server's place with an OAuth error: 400, or 401 for
// invalid_client (RFC 6749 section 5.2, RFC 7591 section 3.2.2).
func Refuse(code, description string) Fault {
	status := http.StatusBadRequest
	if code == "invalid_client" {
		status = http.StatusUnauthorized
	}
	document, err := json.Marshal(map[string]string{"error": code, "error_description": description})
	if err != nil {
		panic("authtest: " + err.Error()) // cannot be: two strings
	}
	return JSON(status, string(document))
}

// Redirect answers in the server's place with a redirect to another place.
func Redirect(status int, location string) Fault {
	return instead(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", location)
		w.WriteHeader(status)
	})
}

// Hang never answers: it waits until the client leaves or the server closes.
func Hang() Fault {
	return instead(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
}

// Drop cuts the connection before anything is executed.
func Drop() Fault {
	return instead(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
}

// DropAfter executes the request and cuts the connection in place of the answer:
// the client cannot know that its refresh token was replaced.
func DropAfter() Fault {
	return func(answer http.Handler) http.Handler {
		return http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			answer.ServeHTTP(newReply(), r)
			panic(http.ErrAbortHandler)
		})
	}
}

// Endless answers with JSON that never ends, until the client leaves.
func Endless() Fault {
	return instead(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		block := []byte(strings.Repeat(" ", 32<<10))
		_, err := w.Write([]byte("{"))
		for err == nil && r.Context().Err() == nil {
			_, err = w.Write(block)
		}
	})
}

// Slow waits before the request is executed.
func Slow(d time.Duration) Fault {
	return func(answer http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			timer := time.NewTimer(d)
			defer timer.Stop()
			select {
			case <-timer.C:
				answer.ServeHTTP(w, r)
			case <-r.Context().Done():
			}
		})
	}
}

// Hold executes the request once the channel is closed, so that a test can see
// who else comes meanwhile.
func Hold(until <-chan struct{}) Fault {
	return func(answer http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			select {
			case <-until:
				answer.ServeHTTP(w, r)
			case <-r.Context().Done():
			}
		})
	}
}

// Edit executes the request and changes the JSON object of its answer.
func Edit(change func(answer map[string]any)) Fault {
	return func(answer http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			whole := newReply()
			answer.ServeHTTP(whole, r)
			text := whole.body.Bytes()
			if object, err := jsonObject(text); err == nil {
				change(object)
				text, _ = json.Marshal(object) // what cannot be written is an empty answer
			}
			maps.Copy(w.Header(), whole.header)
			w.WriteHeader(whole.status)
			_, _ = w.Write(text) // a client that has left needs no answer
		})
	}
}

func instead(do http.HandlerFunc) Fault {
	return func(http.Handler) http.Handler { return do }
}

// reply keeps an answer back.
type reply struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func newReply() *reply { return &reply{header: make(http.Header), status: http.StatusOK} }

// Header implements [http.ResponseWriter].
func (r *reply) Header() http.Header { return r.header }

// WriteHeader implements [http.ResponseWriter].
func (r *reply) WriteHeader(status int) { r.status = status }

// Write implements [http.ResponseWriter].
func (r *reply) Write(p []byte) (int, error) { return r.body.Write(p) }
