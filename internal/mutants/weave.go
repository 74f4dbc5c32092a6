package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strings"
)

// To compile the tests anew for each mutant would take an hour. So all of them are woven into one binary: a function that
// loses its guard is there a second time, without it, and the first thing that it does is to ask which of the two is to run.
// The environment says so, and without a word from there every guard stands.

// activeMutant is the variable by which woven code knows the mutant that is to act, and the environment's word for it.
const activeMutant = "activeMutant"

// switchFile is what a package with woven code gets beside its own files.
func switchFile(pkg string) string {
	return "package " + pkg + "\n\nimport \"os\"\n\nvar " + activeMutant + " = os.Getenv(\"" + activeMutant + "\")\n"
}

// woven is the source of a file in the making.
type woven struct {
	pkg       string
	source    string
	functions map[string]function
	entries   map[string]string // by function: what is put at its beginning
	copies    strings.Builder   // what is put at the end
}

// function is where a function stands in its source, and what it takes to call it.
type function struct {
	start, name, body, end int // offsets: of func, of the name, of the brace, behind the other brace
	decl                   *ast.FuncDecl
}

func newWoven(source string) (*woven, error) {
	file, functions, err := functionsOf(source)
	if err != nil {
		return nil, err
	}
	return &woven{pkg: file.Name.Name, source: source, functions: functions, entries: map[string]string{}}, nil
}

// functionsOf returns the functions of a file, by receiver and name.
func functionsOf(source string) (*ast.File, map[string]function, error) {
	positions := token.NewFileSet()
	file, err := parser.ParseFile(positions, "", source, parser.SkipObjectResolution)
	if err != nil {
		return nil, nil, err
	}
	offset := func(p token.Pos) int { return positions.Position(p).Offset }
	functions := map[string]function{}
	for _, d := range file.Decls {
		decl, ok := d.(*ast.FuncDecl)
		if !ok || decl.Body == nil {
			continue
		}
		receiver := ""
		if decl.Recv != nil {
			receiver = source[offset(decl.Recv.Pos()):offset(decl.Recv.End())]
		}
		functions[receiver+decl.Name.Name] = function{
			start: offset(decl.Pos()), name: offset(decl.Name.Pos()), body: offset(decl.Body.Lbrace), end: offset(decl.End()), decl: decl,
		}
	}
	return file, functions, nil
}

// add weaves a mutant in, under an id. It reports false, and changes nothing, if the mutant does more than to change what
// functions do, or if one of these cannot be called by another.
func (w *woven) add(id string, mutated string) bool {
	_, functions, err := functionsOf(mutated)
	if err != nil || len(functions) != len(w.functions) || outside(mutated, functions) != outside(w.source, w.functions) {
		return false
	}
	calls := map[string]string{}
	var copies strings.Builder
	for key, was := range w.functions {
		is, ok := functions[key]
		if !ok || mutated[is.start:is.body] != w.source[was.start:was.body] {
			return false
		}
		if mutated[is.body:is.end] == w.source[was.body:was.end] {
			continue
		}
		name := was.decl.Name.Name + "Mutant" + id
		call, ok := callOf(was.decl, name)
		if !ok {
			return false
		}
		calls[key] = fmt.Sprintf(" if %s == %q { %s };", activeMutant, id, call)
		fmt.Fprintf(&copies, "\n%s%s%s\n", mutated[is.start:is.name], name, mutated[is.name+len(was.decl.Name.Name):is.end])
	}
	for key, call := range calls {
		w.entries[key] += call
	}
	w.copies.WriteString(copies.String())
	return true
}

// outside is the source without its functions.
func outside(source string, functions map[string]function) string {
	var rest strings.Builder
	at := 0
	for _, f := range byStart(functions) {
		rest.WriteString(source[at:f.start])
		at = f.end
	}
	return rest.String() + source[at:]
}

// callOf hands the arguments of a function on to another of the same signature.
func callOf(decl *ast.FuncDecl, name string) (call string, ok bool) {
	if decl.Type.TypeParams != nil {
		return "", false
	}
	callee := name
	if decl.Recv != nil {
		names := decl.Recv.List[0].Names
		if len(names) != 1 || names[0].Name == "_" {
			return "", false
		}
		callee = names[0].Name + "." + name
	}
	var arguments []string
	for _, field := range decl.Type.Params.List {
		if len(field.Names) == 0 {
			return "", false
		}
		for _, n := range field.Names {
			argument := n.Name
			if argument == "_" {
				return "", false
			}
			if _, variadic := field.Type.(*ast.Ellipsis); variadic {
				argument += "..."
			}
			arguments = append(arguments, argument)
		}
	}
	call = callee + "(" + strings.Join(arguments, ", ") + ")"
	if decl.Type.Results == nil {
		return call + "; return", true
	}
	return "return " + call, true
}

// text is the source with all that was added.
func (w *woven) text() string {
	var text strings.Builder
	at := 0
	for key, f := range byStart(w.functions) {
		text.WriteString(w.source[at : f.body+1])
		text.WriteString(w.entries[key])
		at = f.body + 1
	}
	return text.String() + w.source[at:] + w.copies.String()
}

// byStart ranges over functions in the order of their source.
func byStart(functions map[string]function) func(yield func(string, function) bool) {
	keys := make([]string, 0, len(functions))
	for key := range functions {
		keys = append(keys, key)
	}
	slices.SortFunc(keys, func(a, b string) int { return functions[a].start - functions[b].start })
	return func(yield func(string, function) bool) {
		for _, key := range keys {
			if !yield(key, functions[key]) {
				return
			}
		}
	}
}
