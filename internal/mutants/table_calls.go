package main

// callMutants: what is sent again, and what a failure proves.
//
//nolint:gochecknoglobals // read-only
var callMutants = []mutant{
	{
		name: "evidence: written headers prove nothing", guards: "P1", file: "retry.go",
		edits: instead(`case progress.wroteHeaders.Load():
		return DeliveryUnknown
	`, ``),
		tests: "TestEvidenceOfBrokenConnections",
	},
	{
		name: "evidence: the silence of a foreign RoundTripper", guards: "P1", file: "retry.go",
		edits: instead(`case failedBeforeHTTP(err):
		return DeliveryNotSent
	default:
		return DeliveryUnknown`, `case failedBeforeHTTP(err):
		return DeliveryNotSent
	default:
		return DeliveryNotSent`),
		tests: "TestTransportForeignRoundTripper",
	},
	{
		name: "evidence: 303 is a refusal", guards: "P1", file: "retry.go",
		edits: instead(`case status == http.StatusSeeOther:
		return DeliveryUnknown
	`, ``),
		tests: "TestEvidenceOfStatuses TestEvidenceOfRedirects",
	},
	{
		name: "evidence: any 503 is a refusal", guards: "P1", file: "retry.go",
		edits: instead(`case status == http.StatusServiceUnavailable && header.Get("Retry-After") != "":`, `case status == http.StatusServiceUnavailable:`),
		tests: "TestEvidenceOfStatuses",
	},
	{
		name: "evidence: an answer without ours is a refusal", guards: "P1", file: "era_stream.go",
		edits: instead(`return fail(s.call.unanswered(), DeliveryUnknown)`, `return fail(s.call.unanswered(), DeliveryRefused)`),
		tests: "TestEvidenceOfUselessAnswers",
	},
	{
		name: "net/http may send any call twice", guards: "P1", file: "transport_http.go",
		edits: instead(`if r.repeatable && request.Header[idempotencyHeader] == nil {`, `if request.Header[idempotencyHeader] == nil {`),
		tests: "TestTransportRepeatable",
	},
	{
		name: "HTTP/2 may send any call twice", guards: "P1", file: "transport_http.go",
		edits: instead(`request.GetBody = nil
`, ``),
		tests: "TestGuardHTTP2SendsNoCallTwice",
	},
	{
		name: "policy: a refused call is repeated whatever it says", guards: "P1", file: "session_api.go",
		edits: instead(`(s.core.config.policy == ReinitializeAndRepeat || !b.era.traits().hasSessions)`, `true`),
		tests: "TestLossPolicyOnly",
	},
	{
		name: "policy: never means never", guards: "P4", file: "flight.go",
		edits: instead(`return c.config.policy == ReinitializeNever && c.last.era.traits().hasSessions`, `return false`),
		tests: "TestLossPolicyNever",
	},
	{
		name: "a stranger's refusal ends the session", guards: "I1", file: "call.go",
		edits: instead(`case c.foreign() && v.delivery != DeliveryNotSent:`, `case false:`),
		tests: "TestLossOfAnotherPrincipal TestLossOfAnotherPrincipalByInterceptor",
	},
	{
		name: "a stranger's suspicion is verified", guards: "I9", file: "exchange.go",
		edits: instead(`if call.probe || !call.foreign() && c.verify(ctx, b, v) {`, `if call.probe || c.verify(ctx, b, v) {`),
		tests: "TestLossOfAnotherPrincipal",
	},
	{
		name: "re-sends do not wait", guards: "P8", file: "call.go",
		edits: instead(`if n := c.losses - freeResends; n > 0 && !s`, `if n := c.losses - freeResends; n > 1000 && !s`),
		tests: "TestLossResendsWait",
	},
	{
		name: "the caller's context is not asked again", guards: "I13 P9", file: "call.go",
		edits: instead(`if ctx.Err() != nil {
		return nil, contextError(ctx)
	}
	if b := s`, `if b := s`),
		tests: "TestGuardCallerAlreadyGone",
	},
	{
		name: "a cancellation is a failure of the network", guards: "I13 P9", file: "exchange.go",
		edits: instead(`case parent.Err() != nil:
		v.err = contextError(parent)
	case c.lifetime`, `case c.lifetime`),
		tests: "TestCancelCause TestContextErrors",
	},
	{
		name: "a cancelled call is not told to the server", guards: "P9", file: "era_session.go",
		edits: instead(`e.core.outbox.put(&letter{binding: b, body: jsonrpc.AppendNotification(nil, "notifications/cancelled", params), timeout: cancelTimeout})`, `_, _ = params, jsonrpc.AppendNotification`),
		tests: "TestCancelTellsTheServer",
	},
	{
		name: "the idle clock is not touched", guards: "P9", file: "exchange.go",
		edits: instead(`call.clock.touch()
		switch`, `switch`),
		tests: "TestIdleTimeout",
	},
	{
		name: "a place is not given back", guards: "P11 P13", file: "exchange.go", hangs: true,
		edits: instead(`defer c.places.Release(1)`, ``),
		tests: "TestTransportConcurrentCalls",
	},
	{
		name: "as many calls on the wire as come", guards: "P12", file: "call.go",
		edits: instead(`case c.exempt:
			return b, nil
		}`, `case true:
			c.exempt = true
			return b, nil
		}`),
		tests: "TestTransportConcurrentCalls",
	},
	{
		name: "WithHeader keeps the caller's map", guards: "I7", file: "options.go",
		edits: instead(`c.header = userHeader(c.settings.header)`, `c.header = c.settings.header`),
		tests: "TestOptionHeaderIsCloned TestHeadersOfTheLibraryCannotBeOverridden",
	},
	{
		name: "ids begin anew with each session", guards: "I5", file: "flight.go",
		edits: instead(`b, err := c.handshake(c.lifetime, f.from.generation+1)`, `c.ids.Store(0)
		b, err := c.handshake(c.lifetime, f.from.generation+1)`),
		tests: "TestLossOnTheWire",
	},
}
