package mcpclient_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mcp/mcpclient"
)

// refusalCase is one file of testdata/refusals; its README explains the format.
type refusalCase struct {
	name        string // of the file, without .http
	httpMethod  string // POST, GET or DELETE
	rpcMethod   string // "" for GET and DELETE
	sessionSent bool   // the request carried the current session
	resumed     bool   // a GET on a stream that had worked
	era         string // session, sse or stateless
	id          int64  // of the JSON-RPC request, 0 for GET and DELETE
	row         string // the expected row, "" for none
	networkErr  error  // set: there is no response
	status      int
	header      http.Header
	body        []byte
	truncated   bool   // not all of it came
	raw         []byte // the whole response as it stands in the file
}

// loadRefusals reads the whole corpus, in the order of the file names.
func loadRefusals(tb testing.TB) []refusalCase {
	tb.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", "refusals", "*.http"))
	require.NoError(tb, err)
	cases := make([]refusalCase, 0, len(files))
	for _, file := range files {
		content, err := os.ReadFile(file)
		require.NoError(tb, err)
		c, err := parseRefusal(content)
		require.NoError(tb, err, file)
		c.name = strings.TrimSuffix(filepath.Base(file), ".http")
		cases = append(cases, c)
	}
	return cases
}

// answeredRefusals leaves row L14 out: where the network failed there is no answer that the table could judge.
func answeredRefusals(tb testing.TB) []refusalCase {
	tb.Helper()
	return slices.DeleteFunc(loadRefusals(tb), func(c refusalCase) bool { return c.networkErr != nil })
}

func parseRefusal(content []byte) (refusalCase, error) {
	facts, response, _ := bytes.Cut(content, []byte("\n\n"))
	c, err := parseFacts(string(facts))
	if err != nil || c.networkErr != nil {
		return c, err
	}
	c.raw = response
	resp, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(response)), &http.Request{Method: c.httpMethod})
	if err != nil {
		return c, fmt.Errorf("response: %w", err)
	}
	defer resp.Body.Close()
	c.status, c.header = resp.StatusCode, resp.Header
	c.body, err = io.ReadAll(resp.Body)
	if errors.Is(err, io.ErrUnexpectedEOF) { // the file ends before its Content-Length says so
		c.truncated, err = true, nil
	}
	return c, err
}

// parseFacts is strict: a fact that is missing or misspelt would make its file prove something else.
func parseFacts(text string) (refusalCase, error) {
	facts := map[string]string{}
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		key, value, ok := strings.Cut(line, ":")
		if _, twice := facts[key]; !ok || twice {
			return refusalCase{}, fmt.Errorf("bad fact %q", line)
		}
		facts[key] = strings.TrimSpace(value)
	}
	take := func(key string, allowed ...string) (string, error) {
		value := facts[key]
		delete(facts, key)
		if slices.Contains(allowed, value) {
			return value, nil
		}
		return value, fmt.Errorf("%s: %q is none of %q", key, value, allowed)
	}
	var c refusalCase
	var session, resumed string
	var errs [4]error
	c.httpMethod, errs[0] = take("http", http.MethodPost, http.MethodGet, http.MethodDelete)
	session, errs[1] = take("session", "sent", "none")
	resumed, errs[2] = take("resumed", "yes", "no")
	c.era, errs[3] = take("era", "session", "sse", "stateless")
	if err := errors.Join(errs[:]...); err != nil {
		return c, err
	}
	c.sessionSent, c.resumed = session == "sent", resumed == "yes"
	if c.httpMethod == http.MethodPost {
		var err error
		if c.id, err = strconv.ParseInt(facts["id"], 10, 64); err != nil || facts["rpc"] == "" {
			return c, fmt.Errorf("a POST needs rpc and id: %w", err)
		}
		c.rpcMethod = facts["rpc"]
		delete(facts, "id")
		delete(facts, "rpc")
	}
	if facts["verdict"] == "" {
		return c, errors.New("no verdict")
	}
	if c.row = facts["verdict"]; c.row == "none" {
		c.row = ""
	}
	if failure := facts["network"]; failure != "" {
		c.networkErr = errors.New(failure)
	}
	delete(facts, "verdict")
	delete(facts, "network")
	if len(facts) > 0 {
		return c, fmt.Errorf("unknown facts %v", facts)
	}
	return c, nil
}

// refusal is what the client makes of the case before it asks the table.
func (c refusalCase) refusal() mcpclient.Refusal {
	r := mcpclient.Refusal{
		HTTPMethod: c.httpMethod, Method: c.rpcMethod, SessionSent: c.sessionSent, Resumed: c.resumed, Truncated: c.truncated,
		StatusCode: c.status, Header: c.header, Body: c.body,
	}
	r.RPC, r.OurID = c.rpcError()
	return r
}

// rpcError finds the JSON-RPC error in the body, by its own means: the corpus would not notice an error
// that it shares with the code under test.
func (c refusalCase) rpcError() (rpc *mcpclient.RPCError, ours bool) {
	body := c.body
	if strings.HasPrefix(c.header.Get("Content-Type"), "text/event-stream") {
		_, data, _ := bytes.Cut(body, []byte("data: "))
		body, _, _ = bytes.Cut(data, []byte("\n"))
	}
	var message struct {
		ID    json.RawMessage
		Error struct {
			Code    *int64
			Message string
			Data    json.RawMessage
		}
	}
	if json.Unmarshal(body, &message) != nil {
		message.Error.Code = nil // other JSON than JSON-RPC, or none at all
	}
	e := message.Error
	if e.Code == nil {
		return nil, false
	}
	return &mcpclient.RPCError{Code: *e.Code, Message: e.Message, Data: e.Data}, string(message.ID) == strconv.FormatInt(c.id, 10)
}
