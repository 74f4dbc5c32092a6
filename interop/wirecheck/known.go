package wirecheck

import "strings"

// A Known is a fault of servers that was looked into: it is theirs, it is not mended here, and the client has to live with it.
type Known struct {
	Says string // a part of the fault's text, as [Fault.String] gives it
	Why  string // what is wrong, and why it stays
}

// NullID is how most servers refuse what they could not or would not read. JSON-RPC 2.0 asks for an id of null there; the schemas of
// the protocol have no null.
func NullID() Known {
	return Known{`at '/id': got null`, "JSON-RPC 2.0 wants null where the request's id is not known"}
}

// Unexplained leaves out the faults that are known, and tells which of the known ones did not occur: they may have been mended.
func Unexplained(faults []Fault, known ...Known) (rest []Fault, unused []Known) {
	used := make([]bool, len(known))
	for _, fault := range faults {
		explained := false
		for i, k := range known {
			if strings.Contains(fault.String(), k.Says) {
				explained, used[i] = true, true
			}
		}
		if !explained {
			rest = append(rest, fault)
		}
	}
	for i, k := range known {
		if !used[i] {
			unused = append(unused, k)
		}
	}
	return rest, unused
}
