package main

// transportMutants: redirects, the connections, what the caller hands in.
//
//nolint:gochecknoglobals // read-only
var transportMutants = []mutant{
	{
		name: "redirect: to another origin", guards: "I12", file: "transport_http.go",
		edits: instead(`|| next.User != nil || !sameOrigin(next, r.url) {`, `|| next.User != nil {`),
		tests: "TestRedirects",
	},
	{
		name: "redirect: to another port", guards: "I12", file: "transport_http.go",
		edits: instead(` && portOf(a) == portOf(b)`, ``),
		tests: "TestRedirects",
	},
	{
		name: "redirect: from https to http", guards: "I12", file: "transport_http.go",
		edits: instead(`return strings.EqualFold(a.Scheme, b.Scheme) && `, `return `),
		tests: "TestRedirects",
	},
	{
		name: "redirect: by statuses that change the method", guards: "I12", file: "transport_http.go",
		edits: instead(`if !keepsMethod || hop`, `if keepsMethod && hop`),
		tests: "TestRedirects TestEvidenceOfRedirects",
	},
	{
		name: "redirect: without end", guards: "I12", file: "transport_http.go", hangs: true,
		edits: instead(`|| hop >= maxRedirects `, ``),
		tests: "TestRedirects",
	},
	{
		name: "redirect: by the user's http.Client", guards: "I12", file: "transport_config.go",
		edits: instead(`client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }`, ``),
		tests: "TestRedirects",
	},
	{
		name: "redirect: the final URL is forgotten", guards: "I12", file: "era_session_open.go",
		edits: instead(`b.endpoint = r.url
	if b.id`, `if b.id`),
		tests: "TestRedirects TestReopenFollowsRedirectsAnew",
	},
	{
		name: "HTTP+SSE: an endpoint of another origin", guards: "I12", file: "era_sse_open.go",
		edits: instead(`case !sameOrigin(at, stream), at.User != nil:`, `case at.User != nil:`),
		tests: "TestSSEEndpoint",
	},
	{
		name: "http.Client.Timeout cuts streams", guards: "I4", file: "transport_config.go",
		edits: instead(`t.timeout, client.Timeout = client.Timeout, 0`, `t.timeout = client.Timeout`),
		tests: "TestTransportTimeoutDoesNotCutClose",
	},
	{
		name: "http.Client.Timeout is dropped", guards: "I4", file: "transport_config.go", hangs: true,
		edits: instead(`t.timeout, client.Timeout = client.Timeout, 0`, `client.Timeout = 0`),
		tests: "TestTransportTimeout",
	},
	{
		name: "the user's http.Client is changed", guards: "I7", file: "transport_config.go",
		edits: instead(`client := *c.httpClient`, `client := c.httpClient`),
		tests: "TestTransportClientIsNotModified",
	},
	{
		name: "the user's header is kept", guards: "I7", file: "config.go",
		edits: instead(`own[key] = append(own[key], values...)`, `own[key] = values`),
		tests: "TestOptionHeaderIsCloned",
	},
	{
		name: "the user's interceptors are kept", guards: "I7", file: "config.go",
		edits: instead(`append([]Interceptor(nil), c.Interceptors...)`, `c.Interceptors`),
		tests: "TestGuardInterceptorsAreCloned",
	},
	{
		name: "the session's connections stay open", guards: "I16 P11", file: "transport_http.go",
		edits: instead(`	if t.own != nil {
		t.own.closeIdle()
	}
}

// httpRequest`, `}

// httpRequest`),
		tests: "TestTransportOfTheSessionIsClosed",
	},
	{
		name: "the user's connections are closed", guards: "I16", file: "transport_config.go",
		edits: instead(`t.do = client.Do
`, `t.do = client.Do
	if std, ok := client.Transport.(*http.Transport); ok {
		t.own = newPool(c.limits)
		t.own.current.Store(std)
	}
`),
		tests: "TestTransportOfTheUserStaysOpen",
	},
	{
		name: "two idle connections", guards: "I16", file: "transport_pool.go",
		edits: instead(`MaxIdleConnsPerHost:    p.limits.ConcurrentCalls,
`, ``),
		tests: "TestTransportReusesConnections",
	},
	{
		name: "a call goes out on a stale connection", guards: "I16 P1", file: "transport_http.go",
		edits: instead(`last != 0 && time.Duration(now-last) >= t.own.idleTimeout() {`, `last < 0 {`),
		tests: "TestTransportIdleConnections",
	},
	{
		name: "credentials over plain http", guards: "I12 P16", file: "transport_auth.go",
		edits: instead(`if plain != nil && !maps`, `if false && !maps`),
		tests: "TestAuthorizerInsecure",
	},
	{
		name: "credentials for everybody's calls", guards: "P16", file: "authorizer.go",
		edits: instead(`case own == nil && (c.config.authorizer == nil || call.foreign()):`, `case own == nil && c.config.authorizer == nil:`),
		tests: "TestGuardOwnCredentialsKeepTheAuthorizerOut",
	},
	{
		name: "authorization without end", guards: "P7", file: "transport_auth.go", hangs: true,
		edits: instead(`return n.unauthorized <= maxUnauthorized`, `return true`),
		tests: "TestAuthorizerRounds",
	},
	{
		name: "a courtesy asks the user", guards: "P16", file: "transport_auth.go",
		edits: instead(`if nobodyWaits(ctx) || r.status`, `if r.status`),
		tests: "TestGuardCourtesiesAskNobody",
	},
	{
		name: "a pending user counts against the timeouts", guards: "P9", file: "transport_auth.go",
		edits: instead(`restart := holdLimits(ctx)`, `restart := func() {}`),
		tests: "TestAuthorizerTakesItsTime",
	},
}
