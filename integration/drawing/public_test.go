package drawing_test

import (
	"go/ast"
	"go/doc"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"testing"
)

// What other Go programs may import says of every exported name what it is, and is shown in use by an
// example whose output is checked.
func TestPublicPackagesAreDocumented(t *testing.T) {
	for _, r := range read(t).Rooms() {
		if strings.HasPrefix(r.Name, "internal/") || strings.HasPrefix(r.Name, "cmd/") {
			continue
		}
		t.Run(r.Name, func(t *testing.T) {
			names, err := filepath.Glob(filepath.Join(root, r.Name, "*.go"))
			if err != nil || len(names) == 0 {
				t.Fatalf("no files: %v", err)
			}
			set := token.NewFileSet()
			var tests []*ast.File
			for _, name := range names {
				f, err := parser.ParseFile(set, name, nil, parser.ParseComments)
				if err != nil {
					t.Fatal(err)
				}
				if strings.HasSuffix(name, "_test.go") {
					tests = append(tests, f)
					continue
				}
				for _, d := range f.Decls {
					for _, n := range undocumented(d) {
						t.Errorf("%s: %s has no doc comment", set.Position(n.Pos()), n.Name)
					}
				}
			}
			for _, e := range doc.Examples(tests...) {
				if e.Output != "" {
					return
				}
			}
			t.Error("it has no example with an output")
		})
	}
}

// undocumented are the exported names that a declaration makes without a comment of their own or of
// their group.
func undocumented(d ast.Decl) (names []*ast.Ident) {
	add := func(n *ast.Ident, comments ...*ast.CommentGroup) {
		for _, c := range comments {
			if c.Text() != "" {
				return
			}
		}
		if n.IsExported() {
			names = append(names, n)
		}
	}
	switch d := d.(type) {
	case *ast.FuncDecl:
		if d.Recv == nil || receiver(d.Recv.List[0].Type).IsExported() {
			add(d.Name, d.Doc)
		}
	case *ast.GenDecl:
		for _, s := range d.Specs {
			switch s := s.(type) {
			case *ast.TypeSpec:
				add(s.Name, d.Doc, s.Doc, s.Comment)
			case *ast.ValueSpec:
				for _, n := range s.Names {
					add(n, d.Doc, s.Doc, s.Comment)
				}
			}
		}
	}
	return names
}

// receiver is the name of a method's type.
func receiver(e ast.Expr) *ast.Ident {
	switch e := e.(type) {
	case *ast.StarExpr:
		return receiver(e.X)
	case *ast.IndexExpr:
		return receiver(e.X)
	case *ast.Ident:
		return e
	}
	return ast.NewIdent("_")
}
