package main

// streamMutants: events, resumption, and what is listened to.
//
//nolint:gochecknoglobals // read-only
var streamMutants = []mutant{
	{
		name: "an event without its blank line happens", guards: "I11", file: "sse_reader.go",
		edits: instead(`			r.err = err
			break
		}
		if !ended {`, `			r.err = err
			if event, ok := r.endBlock(); ok && err == io.EOF {
				return event, nil
			}
			break
		}
		if !ended {`),
		tests: "TestSSEStreams",
	},
	{
		name: "an event of any size", guards: "I8 P12", file: "sse_reader.go",
		edits: instead(`if size > r.maxEvent {`, `if size < 0 {`),
		tests: "TestSSELimitCountsTheWholeEvent",
	},
	{
		name: "an id of any size", guards: "P12", file: "sse_reader.go",
		edits: instead(`if len(line.text)+len(piece) > sseMaxValue {`, `if len(line.text)+len(piece) < 0 {`),
		tests: "TestSSELongIDsAndNames",
	},
	{
		name: "comments without end", guards: "P12", file: "sse_reader.go",
		edits: instead(`r.quiet > r.maxEvent+sseMaxSilence {`, `r.quiet < 0 {`),
		tests: "TestP12BoundedMemoryOfAnswers/endless_comments", hangs: true,
	},
	{
		name: "notifications without end", guards: "P12", file: "exchange.go", hangs: true,
		edits: instead(`case others >= c.config.limits.Notifications:`, `case others < 0:`),
		tests: "TestP12BoundedMemoryOfFloods",
	},
	{
		name: "events that say nothing, without end", guards: "P12", file: "era_stream.go", hangs: true,
		edits: instead(`if s.useless++; s.useless > s.core.config.limits.Notifications {`, `if s.useless++; s.useless < 0 {`),
		tests: "TestP12BoundedMemoryOfFloods",
	},
	{
		name: "resume: in vain, without end", guards: "P12", file: "era_stream.go", hangs: true,
		edits: instead(`for s.fruitless < s.patience(last) {`, `for s.fruitless >= 0 {`),
		tests: "TestResumeGivesUp",
	},
	{
		name: "resume: progress starts no new count", guards: "P2", file: "era_stream.go",
		edits: instead(`s.fruitless = 0
`, ``),
		tests: "TestResumeForHours TestResumeCountsInARow",
	},
	{
		name: "resume: without an event id", guards: "P1", file: "era_stream.go",
		edits: instead(`if !s.resumable || s.place.lastID == "" || s.ctx.Err() != nil {`, `if !s.resumable || s.ctx.Err() != nil {`),
		tests: "TestResumeNeedsAnEventID",
	},
	{
		name: "resume: as fast as the server says", guards: "P8", file: "era_stream.go",
		edits: instead(`min(max(event.retry, minRetryWait), maxRetryWait)`, `event.retry`),
		tests: "TestResumeWaitsAsAsked",
	},
	{
		name: "resume: a refusal loses the session unverified", guards: "I9", file: "exchange.go",
		edits: instead(`c.verifyLater(b)
	}
	return alive(a.httpError(), DeliveryUnknown)`, `c.lose(b, b.era.judge(b, call, a).lost)
	}
	return alive(a.httpError(), DeliveryUnknown)`),
		tests: "TestVerifyAfterARefusedResume TestResumeRefused",
	},
	{
		name: "drain: as long as the server likes", guards: "P9", file: "transport_body.go", hangs: true,
		edits: instead(`b.transport.skipDrains.Store(drainsToSkip)
		b.cancel(errCutShort)`, `b.transport.skipDrains.Store(drainsToSkip)`),
		tests: "TestTransportStreamsHeldOpen",
	},
	{
		name: "drain: again and again", guards: "P9", file: "transport_body.go",
		edits: instead(`b.transport.skipDrains.Store(drainsToSkip)
`, ``),
		tests: "TestTransportStreamsHeldOpen",
	},
	{
		name: "drain: never", guards: "P11", file: "transport_body.go",
		edits: instead(`b.transport.skipDrains.Add(-1) >= 0 {`, `b.transport.skipDrains.Add(-1) < 1<<30 {`),
		tests: "TestTransportReusesConnections TestTransportStreamsEndedLate",
	},
	{
		name: "Listen: a queue without end", guards: "P12 P15", file: "listener.go",
		edits: instead(`case len(l.queue) >= l.most || l.bytes+bytes > maxQueuedBytes:`, `case l.bytes+bytes > maxQueuedBytes:`),
		tests: "TestListenQueueIsBounded",
	},
	{
		name: "Listen: a queue of any size", guards: "P12 P15", file: "listener.go",
		edits: instead(`case len(l.queue) >= l.most || l.bytes+bytes > maxQueuedBytes:`, `case len(l.queue) >= l.most:`),
		tests: "TestListenQueueIsBoundedInBytes",
	},
	{
		name: "Listen: a change is told twice", guards: "P15", file: "listener.go",
		edits: instead(`if e.Kind != EventLog { // each message is news`, `if e.Kind == EventDropped {`),
		tests: "TestListenQueueJoinsWhatSaysTheSame",
	},
	{
		name: "Listen: the caller's filter is kept", guards: "I7", file: "listen.go",
		edits: instead(`f = f.clone()`, ``),
		tests: "TestListenFilterIsTheCallersOwn",
	},
	{
		name: "Listen: a gap is not told", guards: "P5", file: "feed.go",
		edits: instead(`k.core.listens.each(func(l *listener) { l.missed(k.binding) })`, ``),
		tests: "TestStreamBeginsAnewWhereItCannotGoOn",
	},
	{
		name: "feed: its failure is the session's", guards: "P13", file: "feed.go",
		edits: instead(`k.core.config.logger.Debug("mcpclient: the standalone stream is to be opened again", "err", err)`, `k.core.lose(k.binding, &SessionError{Err: err})`),
		tests: "TestStreamFailuresNeverTouchCalls",
	},
	{
		name: "HTTP+SSE: notices for a busy call, without end", guards: "P12", file: "era_sse_deliver.go",
		edits: instead(`before == 0 || before+size <= noticeBytes {`, `before >= 0 {`),
		tests: "TestGuardSSENoticesAreBoundedInBytes",
	},
	{
		name: "log level: not restored", guards: "P5", file: "flight.go",
		edits: instead(`if err := v.restoreLogLevel(); err != nil {
		return err
	}`, ``),
		tests: "TestRestoreLogLevel TestSetLogLevelOutlivesTheSession",
	},
}
