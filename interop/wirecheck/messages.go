package wirecheck

import "encoding/json"

// request checks a request and remembers it for its answer.
func (m *Monitor) request(from side, version, method string, object map[string]any, text []byte) {
	params, _ := object["params"].(map[string]any)
	_, task := params["task"]
	m.mu.Lock()
	m.asked[from][key(object["id"])] = question{method, version, task}
	m.mu.Unlock()
	v := m.vocabulary(from, version, method, text)
	if v == nil {
		return
	}
	m.fits(from, version, method, v.request, object, text)
	m.fitsMethod(from, version, method, v.requests[from], object, text)
}

func (m *Monitor) notification(from side, version, method string, object map[string]any, text []byte) {
	v := m.vocabulary(from, version, method, text)
	if v == nil {
		return
	}
	m.fits(from, version, method, v.notification, object, text)
	m.fitsMethod(from, version, method, v.notifications[from], object, text)
}

// fitsMethod checks a message against the definition of its method. Methods of extensions have none here.
func (m *Monitor) fitsMethod(from side, version, method string, known map[string]*definition, object map[string]any, text []byte) {
	switch d := known[method]; {
	case d != nil:
		m.fits(from, version, method, d, object, text)
	case !m.extensions[method]:
		m.fault(from, version, method, "a method that this side does not have in this version", text)
	}
}

// answer checks a response by the request that it answers.
func (m *Monitor) answer(from side, header string, object map[string]any, text []byte) {
	id, hasID := object["id"]
	m.mu.Lock()
	asked, known := m.asked[from.other()][key(id)]
	m.mu.Unlock()
	if !known {
		asked = question{version: m.version(header, nil)}
	}
	result, hasResult := object["result"].(map[string]any)
	if agreed, ok := result["protocolVersion"].(string); ok && asked.method == "initialize" {
		asked.version = agreed
		m.mu.Lock()
		m.negotiated = agreed
		m.mu.Unlock()
	}
	v := m.vocabulary(from, asked.version, asked.method, text)
	if v == nil {
		return
	}
	if failure, failed := object["error"].(map[string]any); failed {
		m.failure(from, asked, v, object, failure, text)
		return
	}
	m.fits(from, asked.version, asked.method, v.result, object, text)
	switch {
	case !known && hasID:
		m.fault(from, asked.version, "", "an answer to a request that was not made", text)
	case hasResult:
		m.result(from, asked, v, object, result, text)
	}
}

// failure checks an error. One without an id is about a request that could not be read; that it belongs to none is no fault.
func (m *Monitor) failure(from side, asked question, v *vocabulary, object, failure map[string]any, text []byte) {
	m.fits(from, asked.version, asked.method, v.failure, object, text)
	if code, ok := failure["code"].(json.Number); ok {
		if d := v.errors[code.String()]; d != nil {
			m.fits(from, asked.version, asked.method, d, object, text)
		}
	}
}

func (m *Monitor) result(from side, asked question, v *vocabulary, object, result map[string]any, text []byte) {
	d := v.answers[asked.method]
	switch {
	case result["resultType"] == "task":
		// The tasks extension answers so; the schema of the protocol itself does not know it.
	case asked.task && v.task != nil && result["task"] != nil:
		m.fits(from, asked.version, asked.method, v.task, result, text)
	case d == nil: // an extension's; for another method its request was the fault
	case d.whole:
		m.fits(from, asked.version, asked.method, d, object, text)
	default:
		m.fits(from, asked.version, asked.method, d, result, text)
	}
}

// vocabulary finds the schema of a version. A version without one is a fault of who uses it.
func (m *Monitor) vocabulary(from side, version, method string, text []byte) *vocabulary {
	v := m.schemas.versions[version]
	if v == nil {
		m.fault(from, version, method, "there is no schema of this version", text)
	}
	return v
}
