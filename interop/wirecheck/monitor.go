package wirecheck

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// assumed is the version of messages that name none, as the specification says of requests without the header.
const assumed = "2025-03-26"

// A Fault is one message that the schema does not allow, or that fits nothing said before.
type Fault struct {
	FromClient bool
	Version    string // whose schema it was held against
	Method     string // of the message, or of the request that it answers; "" if there is none
	Problem    string
	Message    string // the beginning of its text
}

// String puts the fault on one line.
func (f Fault) String() string {
	who := server
	if f.FromClient {
		who = client
	}
	return fmt.Sprintf("%s, %s %s: %s in %s", who, f.Version, f.Method, f.Problem, f.Message)
}

// A Monitor watches the conversation of one client with one server: all its sessions, one after the other, over all connections. It
// is safe for concurrent use. A nil *Monitor checks nothing.
type Monitor struct {
	schemas    *Schemas
	extensions map[string]bool

	mu         sync.Mutex
	negotiated string // by the last answer to initialize; the version of what carries no header
	asked      [2]map[string]question
	faults     []Fault
	checked    map[string]int
}

// A question is a request that has been sent: its answer is judged by it.
type question struct {
	method, version string
	task            bool // it asked to be run as a task
}

// Monitor begins to watch a conversation. Methods of extensions that both sides agreed on are named; every other one that is not in
// the schema is a fault.
func (s *Schemas) Monitor(extensions ...string) *Monitor {
	if s == nil {
		return nil
	}
	m := &Monitor{schemas: s, extensions: map[string]bool{}, checked: map[string]int{}}
	m.asked = [2]map[string]question{{}, {}}
	for _, method := range extensions {
		m.extensions[method] = true
	}
	return m
}

// Faults tells what was not valid so far, in the order of its appearance: of the client's messages and of the server's.
func (m *Monitor) Faults() (ofClient, ofServer []Fault) {
	if m == nil {
		return nil, nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, fault := range m.faults {
		if fault.FromClient {
			ofClient = append(ofClient, fault)
		} else {
			ofServer = append(ofServer, fault)
		}
	}
	return ofClient, ofServer
}

// Checked counts the messages that were held against a schema, under keys like "2025-11-25 client CallToolRequest".
func (m *Monitor) Checked() map[string]int {
	if m == nil {
		return nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return maps.Clone(m.checked)
}

// Summary puts the number of checked messages of each version on one line. Each message was held against its envelope, and most
// against their method's definition too.
func (m *Monitor) Summary() string {
	sums := map[string]int{}
	for key, n := range m.Checked() {
		if version, what, _ := strings.Cut(key, " "); strings.Contains(what, " JSONRPC") {
			sums[version] += n
		}
	}
	var parts []string
	for _, version := range slices.Sorted(maps.Keys(sums)) {
		parts = append(parts, fmt.Sprintf("%d of %s", sums[version], version))
	}
	return strings.Join(parts, ", ")
}

// text checks one JSON text that a side has said: a message, or an array of messages. header is the version that the HTTP request
// named, "" if none.
func (m *Monitor) text(from side, header string, text []byte) {
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		m.fault(from, m.version(header, nil), "", "no JSON: "+err.Error(), text)
		return
	}
	batch, ok := value.([]any)
	if !ok {
		m.message(from, header, value, text)
		return
	}
	if version := m.version(header, nil); version != assumed || len(batch) == 0 {
		m.fault(from, version, "", "an array of messages", text)
	}
	for _, member := range batch {
		m.message(from, header, member, text)
	}
}

// message checks one message. text is what is shown of it in a fault.
func (m *Monitor) message(from side, header string, value any, text []byte) {
	object, ok := value.(map[string]any)
	if !ok {
		m.fault(from, m.version(header, nil), "", "no object", text)
		return
	}
	method, _ := object["method"].(string)
	_, hasID := object["id"]
	switch {
	case method == "":
		m.answer(from, header, object, text)
	case hasID:
		m.request(from, m.version(header, object), method, object, text)
	default:
		m.notification(from, m.version(header, object), method, object, text)
	}
}

// version is the one whose schema holds for a message: what the HTTP request's header says, what initialize asks for, what was agreed.
func (m *Monitor) version(header string, object map[string]any) string {
	params, _ := object["params"].(map[string]any)
	if asked, ok := params["protocolVersion"].(string); ok && object["method"] == "initialize" {
		return asked
	}
	if header != "" {
		return header
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.negotiated != "" {
		return m.negotiated
	}
	return assumed
}

func (m *Monitor) fault(from side, version, method, problem string, text []byte) {
	const shown = 300
	m.mu.Lock()
	defer m.mu.Unlock()
	m.faults = append(m.faults, Fault{from == client, version, method, problem, string(text[:min(len(text), shown)])})
}

// fits checks a value against a definition, and counts it.
func (m *Monitor) fits(from side, version, method string, d *definition, value any, text []byte) {
	m.mu.Lock()
	m.checked[version+" "+from.String()+" "+d.name]++
	m.mu.Unlock()
	if err := d.schema.Validate(value); err != nil {
		m.fault(from, version, method, "no "+d.name+": "+oneLine(err), text)
	}
}

// oneLine shortens the validator's report, which is a tree on many lines: its first line names the schema and says nothing else.
func oneLine(err error) string {
	const shown = 1000
	_, leaves, _ := strings.Cut(err.Error(), "\n")
	line := strings.Join(strings.Fields(leaves), " ")
	return line[:min(len(line), shown)]
}

// key makes an id comparable: 7 and "7" are two ids.
func key(id any) string {
	text, err := json.Marshal(id)
	if err != nil {
		return "" // what was decoded from JSON can be encoded again
	}
	return string(text)
}
