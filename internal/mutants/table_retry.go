package main

// retryMutants: what is repeated, how often, and when.
//
//nolint:gochecknoglobals // read-only
var retryMutants = []mutant{
	{
		name: "retry: attempts without end", guards: "P7", file: "retry_policy.go", hangs: true,
		edits: instead(`if c.repeats+1 >= policy.Attempts || !s`, `if !s`),
		tests: "TestRetryAttemptsAndWaits",
	},
	{
		name: "retry: nobody knows, and it is repeated", guards: "P1", file: "retry_policy.go", hangs: true,
		edits: instead(`return mayPass(v.err) && s.idempotent(c)`, `return mayPass(v.err)`),
		tests: "TestRetryNothingWhereNobodyKnows",
	},
	{
		name: "retry: an answer is asked for again", guards: "P1", file: "retry_policy.go",
		edits: instead(`return mayPass(v.err) && s.idempotent(c)
	default:
		return false`, `return mayPass(v.err) && s.idempotent(c)
	default:
		return s.idempotent(c)`),
		tests: "TestRetryWhatIsProvenDecides",
	},
	{
		name: "retry: every refusal", guards: "P7", file: "retry.go",
		edits: instead(`return refused.StatusCode == http.StatusTooManyRequests || refused.StatusCode == http.StatusServiceUnavailable`, `return refused.StatusCode > 0`),
		tests: "TestRetryWhatIsProvenDecides",
	},
	{
		name: "retry: an answer over a limit", guards: "P12", file: "retry.go",
		edits: instead(`return is[*ProtocolError](err) || is[*NetworkError](err) && !badCertificate(err)`, `return !badCertificate(err)`),
		tests: "TestRetryWhatIsProvenDecides",
	},
	{
		name: "retry: without a budget", guards: "P7", file: "retry_policy.go",
		edits: instead(`if !neverConnected(v) && !s.core.budget.take() {`, `if !neverConnected(v) && !s.core.budget.take() && c.repeats < 0 {`),
		tests: "TestRetryBudget",
	},
	{
		name: "retry: a budget that nothing fills", guards: "P7 P2", file: "retry_policy.go",
		edits: instead(`have >= b.most || b.tokens.CompareAndSwap(have, have+1)`, `have >= 0 || b.tokens.CompareAndSwap(have, have+1)`),
		tests: "TestRetryBudget",
	},
	{
		name: "retry: a budget that grows for ever", guards: "P7", file: "retry_policy.go",
		edits: instead(`have >= b.most || b.tokens`, `b.tokens`),
		tests: "TestGuardRetryBudgetIsFullAtItsStart",
	},
	{
		name: "retry: dials are paid for", guards: "P7 P4", file: "retry_policy.go",
		edits: instead(`if !neverConnected(v) && !s.core.budget.take() {`, `if !s.core.budget.take() {`),
		tests: "TestRetryOfDialsIsFree",
	},
	{
		name: "retry: the last attempt makes one forget the first", guards: "P1 P14", file: "call.go",
		edits: instead(`c.unsure = c.unsure || v.session`, `c.unsure = v.session`),
		tests: "TestRetryOfDialsIsFree",
	},
	{
		name: "retry: beyond the caller's deadline", guards: "P9", file: "retry_policy.go",
		edits: instead(`!ok || bounded && time.Until(deadline) <= wait {`, `!ok || bounded && time.Until(deadline) < 0 {`),
		tests: "TestRetryAfterIsFollowed",
	},
	{
		name: "retry: however long the server asks", guards: "P9", file: "retry_policy.go",
		edits: instead(`return asked + jitter, asked <= maxRetryAfter`, `return asked + jitter, true`),
		tests: "TestRetryAfterIsFollowed",
	},
	{
		name: "retry: not what the server asks", guards: "P7", file: "retry_policy.go",
		edits: instead(`return asked + jitter, asked <= maxRetryAfter`, `return jitter, asked <= maxRetryAfter`),
		tests: "TestRetryAfterIsFollowed",
	},
	{
		name: "retry: all at the same time", guards: "P8", file: "retry.go",
		edits: instead(`return rand.N(bound + 1)`, `return bound`),
		tests: "TestGuardRetriesSpread",
	},
	{
		name: "retry: for a caller who has given up", guards: "I13 P9", file: "retry_policy.go", hangs: true,
		edits: []edit{
			{`!s.mayRepeat(b, c, v) || s.core.interrupted(ctx) {`, `!s.mayRepeat(b, c, v) {`},
			{`if !s.core.pause(ctx, wait) {`, `if !s.core.pause(s.core.lifetime, wait) {`},
		},
		tests: "TestGuardRetryEndsAtOnce",
	},
	{
		name: "retry: Strict changes nothing", guards: "P1", file: "retry_policy.go",
		edits: instead(`if p.Strict && ok && refused`, `if p.Strict && v == nil && ok && refused`),
		tests: "TestRetryStrict",
	},
	{
		name: "retry: any server's word is taken", guards: "P1", file: "retry_policy.go",
		edits: instead(`p.Attempts = positive(p.Attempts, 3)
`, `p.Attempts = positive(p.Attempts, 3)
	p.TrustAnnotations = true
`),
		tests: "TestRetryTrustsAnnotationsOnRequest",
	},
	{
		name: "retry: in another session, whatever the policy", guards: "P1", file: "retry_policy.go",
		edits: instead(`return s.view != nil || s.core.current.Load() == b || s.repeats(b)`, `return true`),
		tests: "TestRetryStaysInItsSession",
	},
	{
		name: "idempotency key: another for each attempt", guards: "P1", file: "retry_policy.go",
		edits: instead(`c.repeats++
`, `c.repeats++
	c.settings.oneTimeKey += "'"
	_ = c.seal()
`),
		tests: "TestIdempotencyKeyIsOneForAllAttempts",
	},
	{
		name: "idempotency key: the same for the next round", guards: "P1", file: "options.go",
		edits: instead(`return c.settings.oneTimeKey + "/" + strconv.Itoa(c.rounds)`, `_ = strconv.Itoa
	return c.settings.oneTimeKey`),
		tests: "TestIdempotencyKeyOfARound",
	},
	{
		name: "HTTP/2: refused, whatever net/http sent before", guards: "P1", file: "retry.go",
		edits: instead(`case progress.sentOnce && refusedByHTTP2`, `case refusedByHTTP2`),
		tests: "TestGuardHTTP2RefusalOfAResend",
	},
	{
		name: "keep-alive: as long as the server says", guards: "I16 P1", file: "transport_pool.go",
		edits: instead(`return min(max(timeout-time.Second, timeout/2), maxIdleConnTimeout), true`, `return timeout, true`),
		tests: "TestPoolHeedsKeepAlive",
	},
	{
		name: "keep-alive: the most patient server counts", guards: "I16 P1", file: "transport_pool.go",
		edits: instead(`|| timeout > old.IdleConnTimeout && !first {`, `|| timeout > old.IdleConnTimeout && first {`),
		tests: "TestPoolHeedsKeepAlive",
	},
}
