package main

// sessionMutants: whose loss it is, and the end of a session.
//
//nolint:gochecknoglobals // read-only
var sessionMutants = []mutant{
	{
		name: "lose: whatever the binding", guards: "I1 P3", file: "session.go",
		edits: instead(`if c.state != stateReady || c.last != b {`, `if c.state != stateReady {`),
		tests: "TestLossToldLateNeverTouchesTheNewSession",
	},
	{
		name: "turn: a place on a binding that was lost meanwhile", guards: "I1", file: "call.go",
		edits: instead(`case s.core.current.Load() == b:`, `case true:`),
		tests: "TestGuardPlaceAfterALoss",
	},
	{
		name: "broken: a cancellation of an old session is sent", guards: "I1", file: "exchange.go",
		edits: instead(`case !call.notification && c.current.Load() == b:`, `case !call.notification:`),
		tests: "TestCancelOfAnOldSession",
	},
	{
		name: "resumeFailed: an older session is verified", guards: "I1", file: "exchange.go",
		edits: instead(`if suspicious && c.current.Load() == b {`, `if suspicious {`),
		tests: "TestResumeRefusedLate",
	},
	{
		name: "HTTP+SSE: a stream that ended before its session began", guards: "I1", file: "era_sse.go",
		edits: instead(`if why := b.shared.lost(); why != nil {
		c.lose(b, why.lost)`, `if why := b.shared.lost(); why != nil {
		_ = why`),
		tests: "TestSSELossDuringTheHandshake TestSSELossDuringRestore",
	},
	{
		name: "spawn: whether or not the session is closed", guards: "P10 P11", file: "session.go",
		edits: instead(`if c.state == stateClosed {
		return false
	}
	c.owned`, `c.owned`),
		tests: "TestCloseTellsTheServerOnce",
	},
	{
		name: "lifetime: that of Connect's context", guards: "I2", file: "session.go",
		edits: instead(`context.WithCancelCause(context.WithoutCancel(ctx))`, `context.WithCancelCause(ctx)`),
		tests: "TestConnectHonoursItsContext TestCloseTellsTheServerOnce",
	},
	{
		name: "Close: under a context that has ended", guards: "I3", file: "session.go",
		edits: instead(`context.WithTimeout(context.WithoutCancel(c.lifetime), c.config.closeTimeout)`, `context.WithTimeout(c.lifetime, c.config.closeTimeout)`),
		tests: "TestCloseTellsTheServerOnce",
	},
	{
		name: "hangUp: under a context that has ended", guards: "I3", file: "flight.go",
		edits: instead(`context.WithTimeout(context.WithoutCancel(c.lifetime), c.config.closeTimeout/2)`, `context.WithTimeout(c.lifetime, c.config.closeTimeout/2)`),
		tests: "TestCloseDuringAReopen",
	},
	{
		name: "Close: waits for ever", guards: "P10", file: "session.go", hangs: true,
		edits: instead(`case <-budget.Done():`, `case <-(chan struct{})(nil):`),
		tests: "TestCloseNamesWhatStillRuns",
	},
	{
		name: "Close: waits for nobody", guards: "P10 P11", file: "session.go",
		edits: instead(`err = c.awaitOwned(budget)`, `_ = c.awaitOwned`),
		tests: "TestCloseNamesWhatStillRuns",
	},
	{
		name: "Close: calls in flight go on", guards: "P10", file: "exchange.go", hangs: true,
		edits: instead(`defer context.AfterFunc(c.lifetime, func() { cancel(ErrClosed) })()`, ``),
		tests: "TestGuardCloseEndsCallsItself",
	},
	{
		name: "lose: hooks run under the lock", guards: "I10 P15", file: "session.go", hangs: true,
		edits: instead(`why = c.loss
	c.mu.Unlock()`, `why = c.loss
	defer c.mu.Unlock()`),
		tests: "TestTraceHooksMayCallTheSession",
	},
	{
		name: "land: hooks run under the lock", guards: "I10 P15", file: "flight.go", hangs: true,
		edits: instead(`c.grounded(f)
	}
	c.mu.Unlock()`, `c.grounded(f)
	}
	defer c.mu.Unlock()`),
		tests: "TestTraceHooksMayCallTheSession",
	},
	{
		name: "cookies: one jar for all sessions", guards: "I15", file: "era_session_open.go",
		edits: []edit{
			{`b.jar = newBoundedJar()`, `b.jar = everybodys`},
			{`type initializeParams struct {`, `var everybodys = newBoundedJar()

type initializeParams struct {`},
		},
		tests: "TestLossEmptiesTheCookieJar",
	},
	{
		name: "cookies: of a call that speaks for another user", guards: "I15", file: "transport_http.go",
		edits: instead(`if r.jar != nil && (r.auth == nil || !r.auth.ofCall) {`, `if r.jar != nil {`),
		tests: "TestAuthorizerOfOneCallIsAlone",
	},
	{
		name: "cookies: of any number", guards: "P12", file: "cookies.go",
		edits: instead(`if len(b.kept) >= maxCookies {
			return false`, `if len(b.kept) < 0 {
			return false`),
		tests: "TestCookieRoom",
	},
	{
		name: "cookies: of any size", guards: "P12", file: "cookies.go",
		edits: instead(`+len(cookie.Path) > maxCookieSize {`, `+len(cookie.Path) < 0 {`),
		tests: "TestGuardCookieSize",
	},
	{
		name: "handlers: as many as the server asks for", guards: "P12", file: "requests.go", hangs: true,
		edits: instead(`twice || len(r.running) >= r.most || `, `twice || `),
		tests: "TestHandlersAreBounded",
	},
	{
		name: "outbox: a queue without end", guards: "P12", file: "outbox.go",
		edits: instead(`if len(o.queue) >= outboxQueue {`, `if len(o.queue) < 0 {`),
		tests: "TestCancelThousands",
	},
	{
		name: "outbox: senders without end", guards: "P12", file: "outbox.go",
		edits: instead(`start := o.senders < outboxSenders`, `start := true`),
		tests: "TestCancelThousands",
	},
}
