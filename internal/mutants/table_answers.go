package main

// answerMutants: whose answer it is, what it means, and what of it is shown.
//
//nolint:gochecknoglobals // read-only
var answerMutants = []mutant{
	{
		name: "any answer is ours", guards: "I5 P13", file: "exchange.go",
		edits: instead(`return m.Method == "" && (m.ID.Is(id) || m.Err != nil && !m.ID.Usable())`, `return m.Method == ""`),
		tests: "TestEvidenceOfAnswerIDs TestAnswersSwapped",
	},
	{
		name: "an error of another request is ours", guards: "I5", file: "exchange.go",
		edits: instead(`m.Err != nil && !m.ID.Usable()`, `m.Err != nil`),
		tests: "TestEvidenceOfAnswerIDs",
	},
	{
		name: "an error without an id is nobody's", guards: "I5", file: "exchange.go",
		edits: instead(`(m.ID.Is(id) || m.Err != nil && !m.ID.Usable())`, `m.ID.Is(id)`),
		tests: "TestEvidenceOfAnswerIDs",
	},
	{
		name: "ids are compared as floating point numbers", guards: "I5", file: "internal/jsonrpc/id.go",
		edits: instead(`return ok && value == n`, `return ok && float64(value) == float64(n)`),
		tests: "TestIDIs",
	},
	{
		name: "an id in quotes is another", guards: "I5", file: "internal/jsonrpc/id.go",
		edits: instead(`if text := unquote(token); isPlainInteger(text) {
			return parseNumber(text)
		}`, ``),
		tests: "TestIDIs",
	},
	{
		name: "a reply without our answer is waited for", guards: "I5", file: "exchange.go", hangs: true,
		edits: instead(`return nil, c.broken(parent, ctx, b, call, fail(call.unanswered(), DeliveryUnknown))`, `<-ctx.Done()
	return nil, c.broken(parent, ctx, b, call, fail(call.unanswered(), DeliveryUnknown))`),
		tests: "TestEvidenceOfAnswerIDs",
	},
	{
		name: "HTTP+SSE: an answer is anybody's", guards: "I5 P13", file: "era_sse_deliver.go",
		edits: instead(`x := s.waiting[id]
`, `x := s.waiting[id]
	for _, other := range s.waiting {
		x = other
	}
`),
		tests: "TestSSEFindsEachAnswer TestSSEOrder",
	},
	{
		name: "HTTP+SSE: what cannot be read is waited for", guards: "P13", file: "era_sse_deliver.go", hangs: true,
		edits: instead(`if id, ok := answeredIn(data); ok {`, `if id, ok := answeredIn(data); ok && id < 0 {`),
		tests: "TestGuardSSEUnreadableAnswer",
	},
	{
		name: "HTTP+SSE: an answer of a dead stream may be sent again", guards: "P1", file: "era_sse_stream.go", hangs: true,
		edits: instead(`return fail(s.ended, DeliveryUnknown)`, `return fail(s.ended, DeliveryNotSent)`),
		tests: "TestSSELoss TestSSELossUnderEachPolicy",
	},
	{
		name: "judge: our own error before the loss", guards: "I6", file: "era_session.go",
		edits: instead(`r.Row, r.Verdict = classifyRefusal(r)`, `if r.Row, r.Verdict = classifyRefusal(r); a.rpc != nil && a.ours {
		r.Verdict = VerdictAlive
	}`),
		tests: "TestJudgingOrder",
	},
	{
		name: "judge: authorization before the loss", guards: "I6", file: "transport_auth.go",
		edits: instead(`if c.ofSession(r) || !rounds.allow(r) {`, `if !rounds.allow(r) {`),
		tests: "TestAuthorizerIsNotAskedForSessions",
	},
	{
		name: "judge: a gateway speaks for the server", guards: "I6", file: "answer.go",
		edits: instead(`a.ours && a.speaksForServer()`, `a.ours`),
		tests: "TestJudgingOrder TestEvidenceOfStatuses",
	},
	{
		name: "table: a request without the session may cost it", guards: "I9", file: "refusals.go",
		edits: instead(`if row.verdict != VerdictAlive && (r.sessionless() || r.opening()) {`, `if row.verdict != VerdictAlive && r.opening() {`),
		tests: "TestRefusalWithoutSessionNeverCostsOne",
	},
	{
		name: "table: the answer to initialize may cost the session", guards: "I9", file: "refusals.go",
		edits: instead(`(r.sessionless() || r.opening())`, `r.sessionless()`),
		tests: "TestRefusalWithoutSessionNeverCostsOne",
	},
	{
		name: "table: a 400 is a loss", guards: "I9", file: "refusals.go",
		edits: instead(`	return "", VerdictAlive
}

// refusalMeans`, `	if r.StatusCode == 400 && !r.sessionless() && !r.opening() {
		return "S5", VerdictLost
	}
	return "", VerdictAlive
}

// refusalMeans`),
		tests: "TestRefusalCorpus",
	},
	{
		name: "table: an unknown method is a loss", guards: "I9", file: "refusals.go",
		edits: instead(`{status: []int{404}, codes: []int64{-32601}, where: refusalFacts{(*Refusal).hasOurID}},`, ``),
		tests: "TestRefusalCorpus TestJudgingOrder",
	},
	{
		name: "error bodies are kept whole", guards: "I14 P12", file: "answer.go",
		edits: instead(`a.body[:min(len(a.body), maxKeptBody)]`, `a.body`),
		tests: "TestErrorBodiesAreBounded",
	},
	{
		name: "error bodies are read far on", guards: "I14 P12", file: "transport_body.go",
		edits: instead(`io.ReadAll(io.LimitReader(b, maxErrorBody))`, `io.ReadAll(io.LimitReader(b, 64*maxErrorBody))`),
		tests: "TestErrorBodiesAreBounded",
	},
	{
		name: "error bodies are printed whole", guards: "I14", file: "quote.go",
		edits: instead(`return strconv.Quote(s[:maxQuoted]) + "…"`, `return strconv.Quote(s)`),
		tests: "TestServerTextIsBounded",
	},
	{
		name: "error bodies are printed as they are", guards: "I14 P16", file: "quote.go",
		edits: instead(`return strconv.Quote(s)
	}
	return strconv.Quote(s[:maxQuoted]) + "…"`, `return "\"" + s + "\""
	}
	return strconv.Quote(s[:maxQuoted]) + "…"`),
		tests: "TestGuardServerTextForgesNoLine",
	},
	{
		name: "redaction: the body of a refusal", guards: "P16", file: "answer.go",
		edits: instead(`a.body = redact(bytes.Clone(text), secret)`, `a.body = bytes.Clone(text)`),
		tests: "TestNoErrorShowsTheSessionID",
	},
	{
		name: "redaction: the message of a JSON-RPC error", guards: "P16", file: "answer.go",
		edits: instead(`Message: redactText(e.Message, secret)`, `Message: e.Message`),
		tests: "TestNoErrorShowsTheSessionID",
	},
	{
		name: "redaction: escaped forms", guards: "P16", file: "redact.go",
		edits: instead(`for _, form := range formsOf(secret) {
		if bytes`, `for _, form := range []string{secret} {
		if bytes`),
		tests: "TestNoErrorShowsTheSessionID",
	},
	{
		name: "redaction: the URL of an error of net/http", guards: "P16", file: "transport_http.go",
		edits: instead(`return repeating.Err
`, `return repeating
`),
		tests: "TestGuardErrorsHideTheURL",
	},
	{
		name: "redaction: a token in the server's refusal", guards: "P16", file: "answer.go",
		edits: instead(`text = replaceSecret(bytes.Clone(text), token, redactedCredential)`, ``),
		tests: "TestGuardRefusalsHideTheToken",
	},
}
