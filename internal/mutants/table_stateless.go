package main

// statelessMutants: what the era without sessions guards in its own way.
//
//nolint:gochecknoglobals // read-only
var statelessMutants = []mutant{
	{
		name: "stateless: any look-alike is another server", guards: "I9", file: "era_stateless.go",
		edits: instead(`return a.rpc == nil || a.rpc.Code != codeMethodNotFound && a.rpc.Code != codeInvalidParams`, `return true`),
		tests: "TestLookAlikesOfARedeploy TestStatelessUnknownMethod",
	},
	{
		name: "stateless: a suspicion is a loss", guards: "I9 P3", file: "era_stateless.go",
		edits: instead(`row, v.session = "E3", VerdictVerify`, `row, v.session = "E3", VerdictLost`),
		tests: "TestLookAlikesOfARedeploy TestStatelessLooksLegacy",
	},
	{
		name: "stateless: headers are mended without end", guards: "P7", file: "era_stateless_rounds.go", hangs: true,
		edits: instead(`c.method == callToolMethod && c.mends == 0:`, `c.method == callToolMethod:`),
		tests: "TestStatelessHeaderMismatchStays",
	},
	{
		name: "stateless: rounds of input without end", guards: "P12", file: "era_stateless_rounds.go", hangs: true,
		edits: instead(`c.rounds > limit {`, `c.rounds < 0 {`),
		tests: "TestInputWithoutEnd",
	},
	{
		name: "stateless: the state of the last round is kept", guards: "P1", file: "era_stateless_rounds.go",
		edits: instead(`c.input = roundOf(answers, pending.State)`, `if c.input == nil {
		c.input = roundOf(answers, pending.State)
	}`),
		tests: "TestInputForgetsTheLastRound",
	},
	{
		name: "stateless: requests of the server are answered", guards: "P13", file: "route.go",
		edits: instead(`if b.era.traits().serverAsks {`, `{`),
		tests: "TestStatelessServerRequests",
	},
	{
		name: "cache: what was overtaken by a change is kept", guards: "P13", file: "cache.go",
		edits: instead(`if c.dropsLocked(key) != token.drops {`, `if c.dropsLocked(key) < token.drops {`),
		tests: "TestCacheOvertaken",
	},
	{
		name: "cache: outlives its server", guards: "P13", file: "session.go",
		edits: instead(`c.config.cache.dropEndpoint(b.endpoint.String())
`, ``),
		tests: "TestCacheIsDroppedOnALoss TestRedeployUnderALiveClient",
	},
	{
		name: "eras: a busy server is another era's", guards: "I9", file: "era_stateless_open.go",
		edits: instead(`if a.status < 300 || mayBeOlder(a.status) {`, `if a.status < 600 || mayBeOlder(a.status) {`),
		tests: "TestProbeOfABusyServer",
	},
}
