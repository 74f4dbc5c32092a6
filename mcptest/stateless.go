package mcptest

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/holdfast-mcp/mcpclient"
	"github.com/holdfast-mcp/mcpclient/internal/jsonrpc"
)

const (
	versionStateless = "2026-07-28"

	methodDiscover = "server/discover"
	methodListen   = "subscriptions/listen"

	metaPrefix       = "io.modelcontextprotocol/"
	metaVersion      = metaPrefix + "protocolVersion"
	metaCapabilities = metaPrefix + "clientCapabilities"
	metaClient       = metaPrefix + "clientInfo"
	metaLogLevel     = metaPrefix + "logLevel"
	metaServer       = metaPrefix + "serverInfo"
	metaSubscription = metaPrefix + "subscriptionId"

	codeHeaderMismatch    = -32020
	codeMissingCapability = -32021
	codeUnknownVersion    = -32022
)

// statelessRequest is what a request of 2026-07-28 says beside its method:
// all that a session says in the versions before.
type statelessRequest struct {
	meta         mcpclient.Meta
	capabilities json.RawMessage
	rounds       rounds
}

// isStateless tells by its form whether the request belongs to 2026-07-28.
func (x *exchange) isStateless() bool {
	switch {
	case x.config.httpSSE:
		return false
	case !x.config.sessions:
		return true
	case !x.config.stateless || x.r.Method != http.MethodPost:
		return false
	case x.r.Header.Get(headerVersion) == versionStateless || x.r.Header.Get(headerMethod) != "":
		return true
	}
	return len(x.messages) > 0 && metaOf(&x.messages[0])[metaVersion] != nil
}

// metaOf returns the _meta of a message's params, nil where there is none.
func metaOf(m *jsonrpc.Message) mcpclient.Meta {
	var params struct {
		Meta mcpclient.Meta `json:"_meta"`
	}
	if err := decode(m.Params, &params); err != nil {
		return nil
	}
	return params.Meta
}

// versions are those that the server names when it is asked for another one.
func (c *config) supported() []string {
	if !c.sessions {
		return []string{versionStateless}
	}
	return append([]string{versionStateless}, c.versions...)
}

// postStateless is a POST in a version without sessions.
func (x *exchange) postStateless() {
	if !x.wellFormed() {
		return
	}
	m := &x.messages[0]
	switch {
	case x.inArray():
		x.refuse(http.StatusBadRequest, codeInvalidRequest, "Invalid Request: arrays of messages are not supported")
		return
	case m.IsResponse():
		x.refuse(http.StatusBadRequest, codeInvalidRequest, "Invalid Request: the server has asked nothing")
		return
	case m.IsNotification():
		x.server.notified(x.server.sessions.shared, m)
		x.ready()
		x.w.WriteHeader(http.StatusAccepted)
		return
	}
	x.stateless = &statelessRequest{meta: metaOf(m)}
	if err := x.consistent(m); err != nil {
		x.reject(err)
		return
	}
	if m.Method == methodListen {
		x.subscribe(m)
		return
	}
	sess := x.session26()
	defer sess.cancel()
	x.execute(sess, []*jsonrpc.Message{m})
}

// session26 is the session that a stateless request has for itself alone: what
// belongs to a session elsewhere ends with the request here.
func (x *exchange) session26() *session {
	s, r := x.server, x.stateless
	s.mu.Lock()
	defer s.mu.Unlock()
	sess := s.sessions.newSession("")
	sess.number = 0 // the cursors of all requests are the same
	sess.initialized = true
	sess.version, sess.offers, sess.client = versionStateless, r.capabilities, r.meta[metaClient]
	_ = json.Unmarshal(r.meta[metaLogLevel], &sess.logLevel) // it has been looked at
	return sess
}

// consistent holds the rules of 2026-07-28 for a request, in the order of the
// official servers (basic/transports, "Header Validation").
func (x *exchange) consistent(m *jsonrpc.Message) error {
	version := x.r.Header.Get(headerVersion)
	if version == "" {
		return mismatch("the header %s is missing; this server speaks %s", headerVersion, strings.Join(x.config.supported(), ", "))
	}
	r := x.stateless
	var stated string
	if err := json.Unmarshal(r.meta[metaVersion], &stated); err != nil || stated == "" {
		return invalidParams("Invalid params: _meta needs " + metaVersion)
	}
	if r.capabilities = r.meta[metaCapabilities]; !isObject(r.capabilities) {
		return invalidParams("Invalid params: _meta needs " + metaCapabilities)
	}
	if version != stated {
		return mismatch("the header %s is %q, _meta says %q", headerVersion, version, stated)
	}
	if version != versionStateless {
		return &mcpclient.RPCError{
			Code: codeUnknownVersion, Message: "Unsupported protocol version: " + version,
			Data: mustEncode(map[string]any{"supported": x.config.supported(), "requested": version}),
		}
	}
	if client, given := r.meta[metaClient]; given && !isObject(client) {
		return invalidParams("Invalid params: " + metaClient + " must be an object")
	}
	if err := r.checkLogLevel(); err != nil {
		return err
	}
	if err := x.mirrored(m); err != nil {
		return err
	}
	if !x.server.knows(m.Method) {
		return &mcpclient.RPCError{Code: codeNoMethod, Message: "Method not found"}
	}
	return x.server.resumeRounds(r, m)
}

func (r *statelessRequest) checkLogLevel() error {
	raw, given := r.meta[metaLogLevel]
	if !given {
		return nil
	}
	var level mcpclient.LogLevel
	if err := json.Unmarshal(raw, &level); err != nil || severity(level) < 0 {
		return invalidParams(fmt.Sprintf("Invalid log level: %s", raw))
	}
	return nil
}

func mismatch(format string, args ...any) error {
	return &mcpclient.RPCError{Code: codeHeaderMismatch, Message: "Header mismatch: " + fmt.Sprintf(format, args...)}
}

// reject answers a request that is not executed with the error's own status.
// All that is found wrong with it before its execution is a bad request.
func (x *exchange) reject(err error) {
	c := &call{message: &x.messages[0], stateless: x.stateless}
	status := c.status(err)
	if status == 0 {
		status = http.StatusBadRequest
	}
	x.writeBody(status, mediaJSON, c.encode(nil, err))
}

// status is the HTTP status of an error that ends the execution; 0 is 200.
func (c *call) status(err error) int {
	if c.stateless == nil {
		return 0
	}
	switch rpcCode(err) {
	case codeNoMethod:
		return http.StatusNotFound
	case codeHeaderMismatch, codeMissingCapability, codeUnknownVersion:
		return http.StatusBadRequest
	}
	return 0
}

// knows reports whether a stateless server has the method at all.
func (s *Server) knows(method string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if method == "completion/complete" {
		return s.features.completer != nil
	}
	if s.features.hasTasks() && slices.Contains([]string{methodTaskGet, methodTaskUpdate, methodTaskCancel}, method) {
		return true
	}
	_, added := s.features.methods[method]
	return added || slices.Contains([]string{
		methodDiscover, methodListen, "tools/list", "tools/call", "resources/list", "resources/templates/list", "resources/read",
		"prompts/list", "prompts/get",
	}, method)
}

// abandoned enters the execution of a stateless request into the ledger if its
// client does not wait for the answer any more.
func (c *call) abandoned(ctx context.Context) {
	s := c.server
	if c.stateless == nil || ctx.Err() == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed { // Close cuts the connections too
		return
	}
	s.ledger.abandoned = append(s.ledger.abandoned, c.message.ID.String())
	s.ledger.wakeLocked()
}
