package mcpclient_test

import (
	"go/ast"
	"strconv"
	"strings"
)

// literal gives the value of a string literal.
func literal(lit *ast.BasicLit) string {
	value, err := strconv.Unquote(lit.Value)
	if err != nil {
		return lit.Value
	}
	return value
}

// isStandard tells a package of the standard library: its first path element is no host name.
func isStandard(importPath string) bool {
	first, _, _ := strings.Cut(importPath, "/")
	return !strings.Contains(first, ".")
}

// exprName writes an identifier or a chain of selections, such as "resp.Body.Close"; what else stands in the chain, a
// call for instance, is left out.
func exprName(expr ast.Expr) string {
	switch expr := expr.(type) {
	case *ast.Ident:
		return expr.Name
	case *ast.SelectorExpr:
		return exprName(expr.X) + "." + expr.Sel.Name
	default:
		return ""
	}
}

// receiver names the type of a method, pointer and type parameters aside. It is empty for a function.
func receiver(function *ast.FuncDecl) string {
	if function.Recv == nil {
		return ""
	}
	expr := function.Recv.List[0].Type
	if star, ok := expr.(*ast.StarExpr); ok {
		expr = star.X
	}
	switch generic := expr.(type) {
	case *ast.IndexExpr:
		expr = generic.X
	case *ast.IndexListExpr:
		expr = generic.X
	}
	return exprName(expr)
}

// topLevelNames lists what a declaration adds to the package; methods add nothing.
func topLevelNames(decl ast.Decl) []*ast.Ident {
	switch decl := decl.(type) {
	case *ast.FuncDecl:
		if decl.Recv == nil {
			return []*ast.Ident{decl.Name}
		}
	case *ast.GenDecl:
		var names []*ast.Ident
		for _, spec := range decl.Specs {
			switch spec := spec.(type) {
			case *ast.TypeSpec:
				names = append(names, spec.Name)
			case *ast.ValueSpec:
				names = append(names, spec.Names...)
			}
		}
		return names
	}
	return nil
}

// undocumented lists the exported names of a declaration that no comment explains. Error needs none: its contract is the
// language's own.
func undocumented(decl ast.Decl) []*ast.Ident {
	switch decl := decl.(type) {
	case *ast.FuncDecl:
		reachable := decl.Recv == nil || ast.IsExported(receiver(decl)) && decl.Name.Name != "Error"
		if reachable && decl.Doc == nil {
			return exported([]*ast.Ident{decl.Name})
		}
	case *ast.GenDecl:
		var names []*ast.Ident
		for _, spec := range decl.Specs {
			names = append(names, undocumentedIn(spec, decl.Doc != nil)...)
		}
		return names
	}
	return nil
}

func undocumentedIn(spec ast.Spec, groupDocumented bool) []*ast.Ident {
	var names []*ast.Ident
	switch spec := spec.(type) {
	case *ast.ValueSpec:
		if !groupDocumented && spec.Doc == nil && spec.Comment == nil {
			names = exported(spec.Names)
		}
	case *ast.TypeSpec:
		if !groupDocumented && spec.Doc == nil {
			names = exported([]*ast.Ident{spec.Name})
		}
		methods, ok := spec.Type.(*ast.InterfaceType)
		if !ok || !spec.Name.IsExported() {
			break
		}
		for _, method := range methods.Methods.List {
			if method.Doc == nil && method.Comment == nil {
				names = append(names, exported(method.Names)...)
			}
		}
	}
	return names
}

func exported(names []*ast.Ident) []*ast.Ident {
	var found []*ast.Ident
	for _, name := range names {
		if name.IsExported() {
			found = append(found, name)
		}
	}
	return found
}
