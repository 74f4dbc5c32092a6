package mcpclient

import (
	stdjson "encoding/json"
	"net"
	"net/url"
	"strings"
	"unicode"

	"github.com/go-json-experiment/json/jsontext"
)

// Elicitation is a form that the server wants the user to fill in (`elicitation/create`, mode "form"). The
// protocol asks clients to show which server asks, to let the user look at the answer before it goes out,
// and to offer refusing and dismissing it. Everything in it was written by the server. It is the handler's
// own; only Server is shared.
type Elicitation struct {
	Message string             // why the server asks
	Fields  []ElicitationField // what to fill in, in the order of the schema's text; none: a plain yes or no
	Schema  stdjson.RawMessage // where Fields come from (`requestedSchema`), as sent
	Meta    Meta
	Server  *ServerInfo // who asks; nil: not known. Shared: do not change it
}

// ElicitationField is one field of an [Elicitation]. Rules that do not belong to its Kind are unset.
type ElicitationField struct {
	Name        string // its key in the answer
	Title       string // to show to people; "": use Name
	Description string
	Kind        ElicitationKind
	Required    bool

	// Default is what the field starts with and what a form without it is completed with: a string (FieldString,
	// FieldEnum), json.Number of encoding/json (FieldNumber, FieldInteger), bool, or []string (FieldMultiEnum). nil: none, or
	// one that breaks the field's own rules.
	Default any

	MinLength, MaxLength *int64              // FieldString, in characters (code points); nil: no bound
	Format               string              // FieldString: "email", "uri", "date", "date-time"; others and "": any text
	Pattern              string              // FieldString: a regular expression that the text contains; "": none
	Minimum, Maximum     *float64            // FieldNumber, FieldInteger; nil: no bound
	Choices              []ElicitationChoice // FieldEnum, FieldMultiEnum
	MinItems, MaxItems   *int64              // FieldMultiEnum; nil: no bound

	fallback jsontext.Value // Default as sent
}

// DisplayName returns the name to show to people: Title, else Name.
func (f *ElicitationField) DisplayName() string { return firstNonEmpty(f.Title, f.Name) }

// ElicitationKind is what an [ElicitationField] holds.
type ElicitationKind string

// The kinds of fields.
const (
	FieldString    ElicitationKind = "string"
	FieldNumber    ElicitationKind = "number"
	FieldInteger   ElicitationKind = "integer"
	FieldBoolean   ElicitationKind = "boolean"
	FieldEnum      ElicitationKind = "enum"       // one of Choices, a string
	FieldMultiEnum ElicitationKind = "multi-enum" // some of Choices, a list of strings
)

// ElicitationChoice is one of the values that a field may have.
type ElicitationChoice struct {
	Value string // goes into the answer
	Title string // to show to people; Value where the server gave none
}

// URLElicitation asks the user to open a web page and to do there what must not pass through the client,
// such as entering a password (`elicitation/create`, mode "url"). The scheme is https, or http on this
// machine.
//
// The protocol's rules for handlers: show the full URL and which server asks, highlight the Domain, open the
// page only after the user has agreed, in a browser whose content neither the program nor a model can read, and
// never fetch it beforehand. Start the browser without a shell.
type URLElicitation struct {
	Message string // why the server asks
	URL     string // the page, in full
	ID      string // names the request in servers of older protocol versions; "" in newer ones
	Meta    Meta
	Server  *ServerInfo // who asks; nil: not known. Shared: do not change it

	completed <-chan struct{}
}

// Completed is closed when the server tells that the user has finished on the page. Servers need not tell,
// and those of newer protocol versions never do: it is nil, and never ready, where nothing will come.
func (u *URLElicitation) Completed() <-chan struct{} { return u.completed }

// Domain returns the host name in URL, to be highlighted: it decides whose page it is. "" if URL cannot be parsed.
func (u *URLElicitation) Domain() string {
	page, err := url.Parse(u.URL)
	if err != nil {
		return ""
	}
	return page.Hostname()
}

// Ambiguous reports whether URL may look like another one, so that the user should be warned: it holds Punycode
// ("xn--"), a user name, or anything but visible ASCII.
func (u *URLElicitation) Ambiguous() bool {
	page, err := url.Parse(u.URL)
	if err != nil || page.User != nil {
		return true
	}
	host := strings.ToLower(page.Host)
	plain := func(r rune) bool { return r > ' ' && r < unicode.MaxASCII }
	return strings.HasPrefix(host, "xn--") || strings.Contains(host, ".xn--") ||
		strings.ContainsFunc(u.URL+page.Host, func(r rune) bool { return !plain(r) })
}

// checkPage tells why a page must not be shown to the user as one to open, "" if it may be.
func checkPage(address string) string {
	page, err := url.Parse(address)
	switch {
	case err != nil:
		return "the url cannot be parsed"
	case page.Hostname() == "":
		return "the url names no host"
	case page.Scheme == "https", page.Scheme == "http" && isLoopback(page.Hostname()):
		return ""
	default:
		return "the scheme " + quote(page.Scheme) + " is not https"
	}
}

// isLoopback reports whether host is this machine by its name alone: nothing is looked up.
func isLoopback(host string) bool {
	return strings.EqualFold(host, "localhost") || net.ParseIP(host).IsLoopback()
}

// ElicitationAction is what the user did with an [Elicitation] or a [URLElicitation].
type ElicitationAction string

// The actions.
const (
	ElicitationAccept  ElicitationAction = "accept"  // filled in the form, or agreed to open the page
	ElicitationDecline ElicitationAction = "decline" // said no
	ElicitationCancel  ElicitationAction = "cancel"  // went away without an answer
)

// ElicitationReply is the user's answer. Make it with [Accept], [Decline] or [Cancel].
type ElicitationReply struct {
	Action ElicitationAction

	// Content is the form as it was filled in: whatever encoding/json makes a JSON object of, a map or a
	// struct; nil is an empty form. It is sent only with ElicitationAccept, and never for a page.
	Content any
}

// Accept is the answer of a user who filled in a form, or who agreed to open a page; then content is nil. Fields that
// content leaves out, or that are null in it, get their defaults. What then breaks a rule of a field is not sent: it is an
// error of the handler, a *[FieldError]. [Elicitation.Validate] tells beforehand.
func Accept(content any) *ElicitationReply {
	return &ElicitationReply{Action: ElicitationAccept, Content: content}
}

// Decline is the answer of a user who said no.
func Decline() *ElicitationReply { return &ElicitationReply{Action: ElicitationDecline} }

// Cancel is the answer of a user who left without choosing. It cancels nothing but the question.
func Cancel() *ElicitationReply { return &ElicitationReply{Action: ElicitationCancel} }

// FieldError means that the content of an answer does not fit the form.
type FieldError struct {
	Field  string // its name; a name that the form does not have, if that is the error
	Reason string // the rule it breaks, in words that may be shown to the user: "must be at most 120"
}

func (e *FieldError) Error() string { return "field " + quote(e.Field) + " " + e.Reason }
