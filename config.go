package mcpclient

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// config is a Client with its defaults filled in and its maps cloned, so that
// nothing the caller does later reaches a running session. Immutable.
type config struct {
	name, version    string
	httpClient       *http.Client
	header           http.Header
	authorizer       Authorizer
	insecureHosts    []string
	protocolVersion  string
	probeTimeout     time.Duration
	handshakeTimeout time.Duration // at most httpClient.Timeout
	handshakeOption  string        // what set it
	policy           ReinitializePolicy
	restore          func(context.Context, *Session) error
	restoreTimeout   time.Duration
	classify         func(Refusal) Verdict
	retry            RetryPolicy
	maxMessageSize   int64
	limits           Limits
	closeTimeout     time.Duration
	cookies          bool
	input            *inputHandlers
	extensions       map[string]jsontext.Value
	eras             *eraMemory
	cache            *cache // nil: off
	invalid          error  // what was wrong with the Client's values: nothing is sent
	interceptors     []Interceptor
	trace            tracer
	logger           *slog.Logger
}

func (c *Client) config() *config {
	name, version := c.identity()
	extensions, err := encodeExtensions(c.Extensions, c.Authorizer)
	if err == nil && c.Authorizer != nil && userHeader(c.Header).Get("Authorization") != "" {
		err = errTwoCredentials
	}
	cfg := &config{
		name: name, version: version,
		httpClient:       c.HTTPClient,
		header:           userHeader(c.Header),
		authorizer:       c.Authorizer,
		insecureHosts:    slices.Clone(c.InsecureHosts),
		protocolVersion:  c.ProtocolVersion,
		probeTimeout:     positive(c.ProbeTimeout, 5*time.Second),
		handshakeTimeout: positive(c.HandshakeTimeout, 30*time.Second),
		handshakeOption:  "Client.HandshakeTimeout",
		policy:           c.Reinitialize,
		restore:          c.Restore,
		restoreTimeout:   positive(c.RestoreTimeout, 30*time.Second),
		classify:         c.ClassifyRefusal,
		retry:            c.Retry.withDefaults(),
		maxMessageSize:   positive(c.MaxMessageSize, 32<<20),
		limits: Limits{
			ConcurrentCalls: positive(c.Limits.ConcurrentCalls, 2048),
			Notifications:   positive(c.Limits.Notifications, 1_000_000),
			Pages:           positive(c.Limits.Pages, 1000),
			ListItems:       positive(c.Limits.ListItems, 100_000),
			SchemaSize:      positive(c.Limits.SchemaSize, 1<<20),
			ServerRequests:  positive(c.Limits.ServerRequests, 16),
			ListenQueue:     positive(c.Limits.ListenQueue, 1024),
			ResponseHeader:  positive(c.Limits.ResponseHeader, 64<<10),
			InputRounds:     positive(c.Limits.InputRounds, 10),
			CacheSize:       positive(c.Limits.CacheSize, 8<<20),
		},
		closeTimeout: positive(c.CloseTimeout, 2*time.Second),
		cookies:      !c.NoCookies && (c.HTTPClient == nil || c.HTTPClient.Jar == nil),
		interceptors: append([]Interceptor(nil), c.Interceptors...),
		logger:       c.Logger,
		invalid:      err,
		extensions:   extensions,
		input:        &inputHandlers{elicit: c.Elicit, elicitURL: c.ElicitURL, sample: c.Sample, roots: c.Roots},
		eras:         &c.eras,
	}
	if c.HTTPClient != nil && c.HTTPClient.Timeout > 0 && c.HTTPClient.Timeout < cfg.handshakeTimeout {
		cfg.handshakeTimeout, cfg.handshakeOption = c.HTTPClient.Timeout, clientTimeoutOption
	}
	if !c.NoCache && c.Authorizer == nil { // whom it speaks for shows only when it has spoken
		c.cacheOnce.Do(func() { c.cache = newCache(cfg.limits.CacheSize) })
		cfg.cache = c.cache
	}
	if c.Trace != nil {
		cfg.trace = tracer{*c.Trace}
	}
	if cfg.logger == nil {
		cfg.logger = slog.New(slog.DiscardHandler)
	}
	return cfg
}

// boundHandshake bounds one exchange of a handshake.
func (c *config) boundHandshake(ctx context.Context) (context.Context, context.CancelFunc) {
	return withLimit(ctx, c.handshakeTimeout, c.silence())
}

// silence is the error of a server that does not answer what a healthy one
// answers at once.
func (c *config) silence() error { return noAnswerWithin(c.handshakeTimeout, c.handshakeOption) }

// takeUserinfo moves user and password from the URL to the header, where they
// show up in no error and no log.
func (c *config) takeUserinfo(at *url.URL) error {
	if at.User == nil {
		return nil
	}
	if c.authorizer != nil {
		return errTwoCredentials
	}
	if c.header.Get("Authorization") == "" {
		password, _ := at.User.Password()
		basic := &http.Request{Header: c.header}
		basic.SetBasicAuth(at.User.Username(), password)
	}
	at.User = nil
	return nil
}

// errTwoCredentials: one of them would be lost without a word.
var errTwoCredentials = errors.New("there is a Client.Authorizer, and credentials in Client.Header or in the URL: use one of them")

// positive returns v, or the default where v is not set.
func positive[N int | int64 | time.Duration](v, byDefault N) N {
	if v > 0 {
		return v
	}
	return byDefault
}

// identity names the application: as told, else the main module, else the program.
func (c *Client) identity() (name, version string) {
	name, version = c.Name, c.Version
	if info, ok := debug.ReadBuildInfo(); ok && name == "" && info.Main.Path != "" {
		name = path.Base(info.Main.Path)
		if version == "" && info.Main.Version != "(devel)" {
			version = info.Main.Version
		}
	}
	if name == "" {
		name = filepath.Base(os.Args[0])
	}
	if version == "" {
		version = "0.0.0"
	}
	return name, version
}

// userHeader clones h without the headers that belong to the library.
func userHeader(h http.Header) http.Header {
	own := make(http.Header, len(h))
	for key, values := range h {
		key = http.CanonicalHeaderKey(key)
		switch {
		case strings.HasPrefix(key, "Mcp-"), key == "Host", key == "Content-Type", key == "Accept", key == "Content-Length":
		default:
			own[key] = append(own[key], values...)
		}
	}
	return own
}
