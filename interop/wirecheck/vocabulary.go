package wirecheck

import (
	"fmt"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// A loader compiles the definitions of one schema. Its first error stays.
type loader struct {
	compiler *jsonschema.Compiler
	url      string
	path     string // of the definitions within the schema
	forms    map[string]form
	err      error
}

// vocabulary sorts the definitions by what they are for. Who may send what stands in unions like ClientRequest; which answer
// belongs to a request follows from the names, as in the specification: CallToolRequest, CallToolResult.
func (l *loader) vocabulary() *vocabulary {
	v := &vocabulary{
		request:      l.must("JSONRPCRequest"),
		notification: l.must("JSONRPCNotification"),
		result:       l.must("JSONRPCResultResponse", "JSONRPCResponse"),
		failure:      l.must("JSONRPCErrorResponse", "JSONRPCError"),
		answers:      map[string]*definition{},
		task:         l.first("CreateTaskResult"),
		errors:       map[string]*definition{},
	}
	v.requests = [2]map[string]*definition{l.union("ClientRequest"), l.union("ServerRequest")}
	v.notifications = [2]map[string]*definition{l.union("ClientNotification"), l.union("ServerNotification")}
	for _, side := range v.requests {
		for method, request := range side {
			v.answers[method] = l.answerTo(request.name)
		}
	}
	for name, form := range l.forms {
		for _, part := range form.Properties.Error.AllOf {
			if code := part.Properties.Code.Const; code != "" {
				v.errors[code.String()] = l.first(name)
			}
		}
	}
	return v
}

// answerTo finds the definition of the answer: of the whole response where the schema has one, else of the result, else any result.
func (l *loader) answerTo(request string) *definition {
	base := strings.TrimSuffix(request, "Request")
	if whole := l.first(base + "ResultResponse"); whole != nil {
		whole.whole = true
		return whole
	}
	return l.must(base+"Result", "EmptyResult")
}

// union reads the methods of a definition that is one message or a choice of several. A union that a version does not have is empty.
func (l *loader) union(name string) map[string]*definition {
	members := map[string]*definition{}
	if method := l.forms[name].Properties.Method.Const; method != "" {
		members[method] = l.first(name)
	}
	for _, member := range l.forms[name].AnyOf {
		name := member.Ref[strings.LastIndex(member.Ref, "/")+1:]
		method := l.forms[name].Properties.Method.Const
		if method == "" && l.err == nil {
			l.err = fmt.Errorf("%s names no method", name)
		}
		members[method] = l.first(name)
	}
	return members
}

// must is first, but one of the names has to be there.
func (l *loader) must(names ...string) *definition {
	found := l.first(names...)
	if found == nil && l.err == nil {
		l.err = fmt.Errorf("it has no definition %s", strings.Join(names, " or "))
	}
	return found
}

// first compiles the first of the names that the schema defines.
func (l *loader) first(names ...string) *definition {
	for _, name := range names {
		if _, ok := l.forms[name]; !ok {
			continue
		}
		schema, err := l.compiler.Compile(l.url + "#/" + l.path + "/" + name)
		if err != nil && l.err == nil {
			l.err = err
		}
		return &definition{name: name, schema: schema}
	}
	return nil
}
