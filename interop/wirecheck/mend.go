package wirecheck

import "slices"

// mend widens two definitions of the published schemas that contradict the rest of the specification: where its text has a number,
// they have an integer, so that 3.14 could be asked for (NumberSchema) but not answered. definitions is the schema's decoded text.
func mend(definitions any) {
	all, _ := definitions.(map[string]any)
	for _, name := range []string{"ElicitResult", "JSONValue"} {
		widen(all[name])
	}
}

// widen lets every list of types that has integers have numbers.
func widen(schema any) {
	switch schema := schema.(type) {
	case map[string]any:
		if types, ok := schema["type"].([]any); ok && slices.Contains(types, any("integer")) {
			schema["type"] = append(types, "number")
		}
		for _, member := range schema {
			widen(member)
		}
	case []any:
		for _, item := range schema {
			widen(item)
		}
	}
}
