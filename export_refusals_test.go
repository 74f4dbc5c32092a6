package mcpclient

// Seams for refusals_test.go: the table is judged row by row there, which no answer over HTTP shows.

// ClassifyRefusal is what the client asks before Client.ClassifyRefusal.
func ClassifyRefusal(r Refusal) (row string, v Verdict) { return classifyRefusal(r) }

// RefusalMeans is the sentence of a row.
func RefusalMeans(row string) string { return refusalMeans(row) }

// RefusalSignals lists how many signals each row has, in the order of the table.
func RefusalSignals() (names []string, signals []int) {
	for _, row := range refusalTable {
		names, signals = append(names, row.name), append(signals, len(row.signals))
	}
	return names, signals
}

// RefusalSignal tells which signals of a row fit r.
func RefusalSignal(row string, r Refusal) (fitting []int) {
	text := refusalText(&r)
	for i := range refusalTable {
		if refusalTable[i].name != row {
			continue
		}
		for n, s := range refusalTable[i].signals {
			if s.matches(&r, text) {
				fitting = append(fitting, n)
			}
		}
	}
	return fitting
}
