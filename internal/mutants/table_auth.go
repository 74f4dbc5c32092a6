package main

// authMutants: the guards of package auth.
//
//nolint:gochecknoglobals // read-only
var authMutants = []mutant{
	{
		name: "auth: any state", guards: "P16", file: "auth/authorize_response.go",
		edits: instead(`if !hasState(query, p.State) {`, `if false && !hasState(query, p.State) {`),
		tests: "TestAuthorizationResponse",
	},
	{
		name: "auth: a second state", guards: "P16", file: "auth/authorize_response.go",
		edits: instead(`len(states) == 1 && subtle`, `len(states) > 0 && subtle`),
		tests: "TestAuthorizationResponse",
	},
	{
		name: "auth: a callback of anybody", guards: "P16", file: "auth/callback_receiver.go",
		edits: instead(`case !hasState(query, r.state):
		r.answer(w, http.StatusBadRequest, r.failed)
	`, ``),
		tests: "TestLoopbackKeepsWaitingOverRequestsOfOthers",
	},
	{
		name: "auth: a callback under another name", guards: "P16", file: "auth/callback_receiver.go",
		edits: instead(`case !slices.Contains(r.hosts, request.Host):`, `case !slices.Contains(r.hosts, request.Host) && request.Host == "":`),
		tests: "TestLoopbackKeepsWaitingOverRequestsOfOthers",
	},
	{
		name: "auth: a response of any issuer", guards: "P16", file: "auth/authorize_response.go",
		edits: instead(`if iss == p.Issuer || iss == "" && !p.SendsIssuer {`, `if iss != "\x00" {`),
		tests: "TestAuthorizationResponse",
	},
	{
		name: "auth: a promised issuer may be missing", guards: "P16", file: "auth/authorize_response.go",
		edits: instead(`iss == "" && !p.SendsIssuer {`, `iss == "" {`),
		tests: "TestAuthorizationResponse",
	},
	{
		name: "auth: metadata of any issuer", guards: "P16", file: "auth/discovery_server.go",
		edits: instead(`if !d.sameIssuer(named, issuer) && doc.err == nil {`, `if named == "" && doc.err == nil {`),
		tests: "TestServerIssuerMismatch",
	},
	{
		name: "auth: without PKCE", guards: "P16", file: "auth/discovery_server.go",
		edits: instead(`case !assumed && !slices.Contains(methods, "S256"):`, `case !assumed && methods == nil && types == nil && len(as.issuer) == 0:`),
		tests: "TestServerPKCE",
	},
	{
		name: "auth: the verifier is the challenge", guards: "P16", file: "auth/authorize_url.go",
		edits: instead(`oauth2.S256ChallengeFromVerifier(string(p.Verifier))`, `func() string { _ = oauth2.S256ChallengeFromVerifier; return string(p.Verifier) }()`),
		tests: "TestAuthorizationURL",
	},
	{
		name: "auth: metadata of another resource", guards: "P16", file: "auth/discovery_resource.go",
		edits: instead(`case !d.describes(resource, server, root):`, `case !d.describes(resource, server, root) && resource == "":`),
		tests: "TestResourceMismatch",
	},
	{
		name: "auth: secrets follow a redirect", guards: "I12 P16", file: "auth/fetch.go",
		edits: instead(`if err == nil && reply.status/100 == 3 {`, `if to, bad := redirected(at, "x"); err == nil && reply.status/100 == 3 && bad == nil {
		to, _ = at.Parse(reply.header.Get("Location"))
		return f.exchange(ctx, server, http.MethodPost, to, header, body)
	}
	if err == nil && reply.status/100 == 3 {`),
		tests: "TestPostFollowsNoRedirect",
	},
	{
		name: "auth: a redirect leaves https", guards: "I12 P16", file: "auth/fetch.go",
		edits: instead(`if from.Scheme == "https" && to.Scheme != "https" {`, `if from.Scheme == "" {`),
		tests: "TestRedirectLeavesNoHTTPS",
	},
	{
		name: "auth: requests to any address", guards: "P16", file: "auth/guard.go",
		edits: instead(`if g.allowed || zone == onInternet || zone <= g.serverZone(ctx) {`, `if g.allowed || zone <= outOfReach || zone <= g.serverZone(ctx) {`),
		tests: "TestGuardMeasuresByTheServer TestWhereRequestsMayGo",
	},
	{
		name: "auth: the address is not looked at when it is dialed", guards: "P16", file: "auth/fetch.go",
		edits: instead(`ControlContext: g.control, `, ``),
		tests: "TestRebindingIsCaughtAtTheDial",
	},
	{
		name: "auth: an address within another", guards: "P16", file: "auth/guard.go",
		edits: instead(`if inner, ok := embedded(addr); ok {`, `if inner, ok := embedded(addr); ok && !inner.IsValid() {`),
		tests: "TestZoneOf",
	},
	{
		name: "auth: URLs over plain http", guards: "P16", file: "auth/urls.go",
		edits: instead(`(at.Scheme == "https" || at.Scheme == "http" && plainHTTP) {`, `(at.Scheme == "https" || at.Scheme == "http") {`),
		tests: "TestCheckURL",
	},
	{
		name: "auth: the browser opens any scheme", guards: "P16", file: "auth/urls.go",
		edits: instead(`return checkForm(at, what, isLoopbackHost(at.Hostname()))`, `_ = at
	return nil`),
		tests: "TestCheckBrowserURL TestOpenBrowserRefuses",
	},
	{
		name: "auth: a document of any size", guards: "I8 P12", file: "auth/fetch.go",
		edits: instead(`case len(text) > maxDocument:`, `case len(text) < 0:`),
		tests: "TestLimits",
	},
	{
		name: "auth: a token goes to another origin", guards: "I12 P16", file: "auth/engine.go",
		edits: instead(`if origin(req.URL) != origin(server) {`, `if origin(req.URL) == "" {`),
		tests: "TestGuardTokenStaysWithItsOrigin",
	},
	{
		name: "auth: every refusal has its own flight", guards: "P3", file: "auth/site.go",
		edits: instead(`if f.own = f.flight == nil; f.own {`, `if f.own = true; f.own {`),
		tests: "TestFlowIsShared",
	},
	{
		name: "auth: a flight under the context of who started it", guards: "I2", file: "auth/site.go",
		edits: instead(`context.WithCancel(context.WithoutCancel(ctx))`, `context.WithCancel(ctx)`),
		tests: "TestFlowOutlivesItsFirstCaller",
	},
	{
		name: "auth: a late refusal replaces the new token", guards: "I1", file: "auth/recover.go",
		edits: instead(`return s.hasOther(r.sent), nil
}`, `return false, nil
}`),
		tests: "TestGuardLateRefusalTakesTheStoredToken",
	},
	{
		name: "auth: processes refresh side by side", guards: "P1", file: "auth/refresh.go",
		edits: instead(`case current != nil && current.AccessToken != old.AccessToken:
		return true, nil
	`, ``),
		tests: "TestProcessesRefreshOnce",
	},
	{
		name: "auth: a refresh is given up half-way", guards: "P1", file: "auth/refresh.go",
		edits: instead(`defer unlock()
	ctx = context.WithoutCancel(ctx)`, `defer unlock()`),
		tests: "TestGuardRefreshIsBroughtToItsEnd",
	},
	{
		name: "auth: a server that is down opens a browser", guards: "P13", file: "auth/refresh.go",
		edits: instead(`case refused.Code == "invalid_grant":`, `case refused.Code == "invalid_grant", refused.StatusCode >= 500:`),
		tests: "TestFlowKeepsTheTokenWhenTheServerIsDown",
	},
	{
		name: "auth: a token follows the server to another issuer", guards: "P16", file: "auth/recover.go",
		edits: instead(`if old == nil || old.Issuer == f.as.issuer && old.Resource == f.resource.resource {`, `if old == nil || old.Issuer != "" {`),
		tests: "TestFlowMigrates",
	},
	{
		name: "auth: who said no is asked at once again", guards: "P7", file: "auth/recover.go",
		edits: instead(`if s.engine.tokens.now().Before(s.silentTo) {`, `if s.silentTo.IsZero() && s.denial != nil {`),
		tests: "TestFlowDenied",
	},
	{
		name: "auth: consent without end", guards: "P7", file: "auth/step_up.go",
		edits: instead(`if ofSet >= stepUpsOfSet || ofResource >= stepUpsOfResource {`, `if ofSet < 0 || ofResource < 0 {`),
		tests: "TestStepUpMemory",
	},
	{
		name: "auth: secrets are printed", guards: "P16", file: "auth/secret.go",
		edits: instead(`func (secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(redacted)) }`, `func (s secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(s)) }`),
		tests: "TestPendingShowsNoSecret TestTokenAnswerDoesNotShow",
	},
	{
		name: "auth: an answer repeats secrets", guards: "P16", file: "auth/token_answer.go",
		edits: instead(`text = strings.ReplaceAll(text, value, redacted)
`, ``),
		tests: "TestTokenErrorHoldsNoSecret",
	},
	{
		name: "auth: x/oauth2 repeats the answer", guards: "P16", file: "auth/foreign_error.go",
		edits: instead(`return tokenErrorOf(refused)`, `_ = tokenErrorOf
		return refused`),
		tests: "TestTokenSourceErrorsKeepTheAnswerOut",
	},
	{
		name: "auth: a bound token may be a bearer's", guards: "P16", file: "auth/recover.go",
		edits: instead(`case bound:
		return &TokenError{Endpoint: r.Issuer, Description: "the token is not bound to the DPoP key, as DPoP.Required wants it"}
	}`, `}
	_ = bound`),
		tests: "TestGuardRequiredProofOfPossession",
	},
}
