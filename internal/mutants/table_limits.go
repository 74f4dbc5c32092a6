package main

// limitMutants: the size of what a server sends.
//
//nolint:gochecknoglobals // read-only
var limitMutants = []mutant{
	{
		name: "a reply of any size", guards: "I8 P12", file: "transport_body.go",
		edits: instead(`case arrived > limit:`, `case arrived < 0:`),
		tests: "TestMessageSizeIsExact",
	},
	{
		name: "an announced size is read first", guards: "I8 P12", file: "transport_body.go",
		edits: instead(`if b.length > limit {`, `if b.length < -1 {`),
		tests: "TestTransportAnnouncedSize",
	},
	{
		name: "an announced size is believed", guards: "I8 P12", file: "chunk_buffer.go",
		edits: instead(`if size := min(n, bufferChunk); size`, `if size := n; size`),
		tests: "TestGuardAnnouncedSizeIsNotBelieved",
	},
	{
		name: "the limit counts compressed bytes", guards: "I8 P12", file: "transport_body.go",
		edits: []edit{
			{`b.decoded, b.length = &lazyGzip{raw: b.raw}, -1`, `b.decoded, b.length = &lazyGzip{raw: b.raw}, -1
		b.transport = &transport{maxReply: 8 * b.transport.maxReply, skipDrains: b.transport.skipDrains}`},
		},
		tests: "TestTransportEncodings TestTransportMaxMessageSize TestP12BoundedMemoryOfAnswers",
	},
	{
		name: "any content encoding is taken", guards: "I8", file: "transport_body.go",
		edits: instead(`default:
		return false
	}
}

// Read`, `default:
		b.decoded = b.raw
		return true
	}
}

// Read`),
		tests: "TestTransportEncodings",
	},
	{
		name: "large buffers double", guards: "I8 P12", file: "chunk_buffer.go",
		edits: instead(`case len(b.tail) < bufferChunk:
		grown := make([]byte, len(b.tail), min(max(need, 2*cap(b.tail), bufferFirst), bufferChunk))`, `case true:
		grown := make([]byte, len(b.tail), max(need, 2*cap(b.tail), bufferFirst))`),
		tests: "TestLargestEventTakesItsSizeAndAHalf",
	},
	{
		name: "a response header of any size", guards: "P12", file: "transport_pool.go",
		edits: instead(`MaxResponseHeaderBytes: p.limits.ResponseHeader,
`, ``),
		tests: "TestHeaderLimits",
	},
	{
		name: "objects with any number of names", guards: "P12", file: "internal/jsonrpc/decode.go",
		edits: instead(`if tooManyNames(data) {`, `if false && tooManyNames(data) {`),
		tests: "TestTooManyNames", in: "internal/jsonrpc",
	},
	{
		name: "a session id of any size", guards: "P12", file: "era_session_open.go",
		edits: instead(`if len(id) > maxSessionID || !visible {`, `if !visible {`),
		tests: "TestSessionID",
	},
	{
		name: "a session id of any characters", guards: "P16", file: "era_session_open.go",
		edits: instead(`if len(id) > maxSessionID || !visible {`, `if len(id) > maxSessionID && !visible {`),
		tests: "TestSessionID",
	},
	{
		name: "Retry-After: followed however long", guards: "P6", file: "flight.go",
		edits: instead(`|| wait > maxRetryAfter {`, `{`),
		tests: "TestConnectDoesNotWaitInVain",
	},
	{
		name: "Retry-After: beyond the caller's deadline", guards: "P9", file: "flight.go",
		edits: instead(`return time.Until(deadline) > wait`, `return wait >= 0 || time.Until(deadline) > 0`),
		tests: "TestConnectDoesNotWaitInVain",
	},
	{
		name: "Retry-After: none means at once", guards: "P8", file: "flight.go", hangs: true,
		edits: instead(`wait := max(asked, fullJitter(firstReopenWait, try-1, maxReopenWait))`, `wait := asked`),
		tests: "TestConnectDoesNotHammerABusyServer",
	},
}
