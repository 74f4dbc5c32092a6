package main

// listMutants: pages, and lists over losses.
//
//nolint:gochecknoglobals // read-only
var listMutants = []mutant{
	{
		name: "a cursor goes to another session", guards: "I17", file: "call.go",
		edits: instead(`case c.cursor && c.generation != b.generation:`, `case false:`),
		tests: "TestListStartsOverAfterALossThatOthersMet",
	},
	{
		name: "a list begun anew keeps its cursor", guards: "I17", file: "iter.go",
		edits: instead(`w.cursor, w.pages, w.cursors = nil, 0, nil`, `w.pages, w.cursors = 0, nil`),
		tests: "TestListStartsOverAfterALoss",
	},
	{
		name: "items come twice after a loss", guards: "I17", file: "iter.go",
		edits: instead(`return round != w.round, round == w.round`, `return false, round == w.round`),
		tests: "TestListStartsOverAfterALoss",
	},
	{
		name: "a list begins anew for ever", guards: "I17 P12", file: "iter.go", hangs: true,
		edits: instead(`|| w.round >= maxRestarts `, ``),
		tests: "TestListGivesUpStartingOver",
	},
	{
		name: "a list begins anew twice for one session", guards: "I17", file: "iter.go",
		edits: instead(`|| w.generation <= w.lost `, ``),
		tests: "TestGuardOneRestartForEachSession",
	},
	{
		name: "a cursor may repeat", guards: "P12", file: "iter.go", hangs: true,
		edits: instead(`_, repeated := w.cursors[hash]; repeated {`, `_, repeated := w.cursors[hash]; repeated && w.pages < 0 {`),
		tests: "TestListWithRepeatedCursor",
	},
	{
		name: "pages without end", guards: "P12", file: "iter.go", hangs: true,
		edits: instead(`case w.pages >= w.maxPages:`, `case w.pages < 0:`),
		tests: "TestListWithoutEnd",
	},
	{
		name: "items without end", guards: "P12", file: "iter.go", hangs: true,
		edits: instead(`case w.items > w.maxItems:`, `case w.items < 0:`),
		tests: "TestListItemsAreBounded",
	},
	{
		name: "a cursor of any size", guards: "P12", file: "iter.go",
		edits: instead(`case len(*cursor) > maxCursor:`, `case len(*cursor) < 0:`),
		tests: "TestListWithGiantCursor",
	},
	{
		name: "one bad item costs the page", guards: "P13", file: "iter.go",
		edits: instead(`l.unreadable = append(l.unreadable, err)
			continue`, `return err`),
		tests: "TestListLeavesOutWhatCannotBeRead",
	},
}
