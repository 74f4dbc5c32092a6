package main

// flightMutants: the shared handshake, its gate and the circuit, the verification.
//
//nolint:gochecknoglobals // read-only
var flightMutants = []mutant{
	{
		name: "flight: every caller has its own", guards: "P3", file: "flight.go",
		edits: []edit{
			{`case c.flight != nil && !c.forsakenLocked():
		return c.flight, nil
`, ``},
			{`if c.flight != nil {
		return c.flight, nil
	}
	f := `, `f := `},
		},
		tests: "TestLossOfManyCallersAtOnce",
	},
	{
		name: "flight: under the context of who started it", guards: "I2 P4", file: "flight.go",
		edits: []edit{
			{`f, err := c.dueFlightLocked()`, `f, err := c.dueFlightLocked(ctx)`},
			{`func (c *core) dueFlightLocked() (`, `func (c *core) dueFlightLocked(under context.Context) (`},
			{`return c.takeOffLocked()`, `return c.takeOffLocked(under)`},
			{`func (c *core) takeOffLocked() (`, `func (c *core) takeOffLocked(under context.Context) (`},
			{`c.fly(f) })`, `c.fly(under, f) })`},
			{`f, err := c.takeOffLocked()`, `f, err := c.takeOffLocked(ctx)`},
			{`func (c *core) fly(f *flight) {`, `func (c *core) fly(under context.Context, f *flight) {`},
			{`f.err = c.openAnew(f)`, `f.err = c.openAnew(under, f)`},
			{`func (c *core) openAnew(f *flight) error {`, `func (c *core) openAnew(under context.Context, f *flight) error {`},
			{`c.handshake(c.lifetime, `, `c.handshake(under, `},
		},
		tests: "TestLossFirstCallerGivesUp",
	},
	{
		name: "wait: not under the caller's own context", guards: "I13 P9", file: "flight.go", hangs: true,
		edits: instead(`case <-ctx.Done():
		return contextError(ctx)
	case <-c.lifetime.Done():
		return ErrClosed
	}
}

// reinit`, `case <-c.lifetime.Done():
		return ErrClosed
	}
}

// reinit`),
		tests: "TestLossFirstCallerGivesUp",
	},
	{
		name: "gate: calls open a session whenever they come", guards: "P6 P8", file: "flight.go",
		edits: instead(`case c.forsakenLocked(), time.Now().Before(c.loss.RetryAt):`, `case c.forsakenLocked():`),
		tests: "TestReopenGateUnderTheOtherPolicies",
	},
	{
		name: "gate: not what the server asks for", guards: "P6", file: "flight.go",
		edits: instead(`gate = max(gate, min(asked, maxRetryAfter))`, `_ = asked`),
		tests: "TestReopenHonoursRetryAfter",
	},
	{
		name: "gate: as long as the server asks for", guards: "P6", file: "flight.go",
		edits: instead(`gate = max(gate, min(asked, maxRetryAfter))`, `gate = max(gate, asked)`),
		tests: "TestReopenHonoursRetryAfter",
	},
	{
		name: "reopen: tried without end", guards: "P6", file: "flight.go", hangs: true,
		edits: instead(`if try+1 >= maxReopenTries || !transientHandshake(err) {`, `if !transientHandshake(err) {`),
		tests: "TestReopenTriesAgainWhatPasses",
	},
	{
		name: "reopen: a session that the flight leaves behind", guards: "P11", file: "flight.go",
		edits: instead(`case f.binding != nil:
		c.hangUp(f.binding) // opened, but not to be used
		fallthrough
	default:`, `default:`),
		tests: "TestReopenLeavesNoHalfOpenSession TestRestoreFailureFailsTheReopen",
	},
	{
		name: "circuit: never opens", guards: "P6", file: "circuit.go", hangs: true,
		edits: instead(`if c.tripped == 0 && len(c.row) < maxLossesInRow {`, `if c.tripped == 0 {`),
		tests: "TestCircuitOpensAtTheFifthLossInARow",
	},
	{
		name: "circuit: an answered call changes nothing", guards: "P6", file: "circuit.go",
		edits: instead(`l.generation < answered || now.Sub(l.at) > lossWindow`, `now.Sub(l.at) > lossWindow`),
		tests: "TestCircuitResetByAnAnsweredCall",
	},
	{
		name: "circuit: remembers for ever", guards: "P6", file: "circuit.go",
		edits: instead(`|| now.Sub(l.at) > lossWindow`, ``),
		tests: "TestCircuitCountsAMinute",
	},
	{
		name: "verify: everybody asks", guards: "P3", file: "verify.go",
		edits: instead(`if b.check != nil {
		return b.check
	}
	v := `, `v := `),
		tests: "TestVerifySessionIsGone TestVerifySessionLives",
	},
	{
		name: "verify: under the context of who asked first", guards: "I2", file: "verify.go",
		edits: []edit{
			{`		v = c.verifyLater(b)
`, `		v = c.verifyLater(b, ctx)
`},
			{`func (c *core) verifyLater(b *binding) *check {`, `func (c *core) verifyLater(b *binding, under ...context.Context) *check {`},
			{`c.runCheck(v) })`, `c.runCheck(v, under...) })`},
			{`func (c *core) runCheck(v *check) {`, `func (c *core) runCheck(v *check, under ...context.Context) {
	under = append(under, c.lifetime)`},
			{`c.attempt(c.lifetime, v.binding`, `c.attempt(under[0], v.binding`},
		},
		tests: "TestVerifyFirstCallerGivesUp",
	},
	{
		name: "settle: a suspicion is a loss", guards: "I9", file: "exchange.go",
		edits: instead(`if call.probe || !call.foreign() && c.verify(ctx, b, v) {`, `if call.probe || !call.foreign() {`),
		tests: "TestVerifySessionLives",
	},
	{
		name: "verify: an acquittal is for ever", guards: "I9", file: "verify.go",
		edits: instead(`		v = c.verifyAgain(b)
`, `		v = c.verifyLater(b)
`),
		tests: "TestRedeployAfterAnAcquittal",
	},
	{
		name: "restore: a view that outlives its hook", guards: "I1", file: "flight.go",
		edits: instead(`defer v.view.over.Store(true)`, ``),
		tests: "TestRestoreViewCannotEndTheSession",
	},
	{
		name: "restore: a view's refusal ends the session of all", guards: "I1", file: "call.go", hangs: true,
		edits: instead(`case s.view != nil:
		s.view.refused.Store(why)
		return why
	}`, `}`),
		tests: "TestRestoreOnASessionLostAgain",
	},
	{
		name: "restore: a view waits for a place", guards: "P11", file: "call.go", hangs: true,
		edits: instead(`c.exempt = s.view != nil || fromHandler(ctx)`, `c.exempt = fromHandler(ctx)`),
		tests: "TestRestoreNeedsNoPlace",
	},
	{
		name: "handlers: their calls wait for a place", guards: "P15", file: "call.go", hangs: true,
		edits: instead(`c.exempt = s.view != nil || fromHandler(ctx)`, `c.exempt = s.view != nil`),
		tests: "TestInputHandlerNeedsNoPlace",
	},
}
