package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// The house's limits.
const (
	maxColumns = 110 // of a line, with tabs of four columns, in tests too
	maxFile    = 450 // lines of a file, in tests too
	maxBody    = 60  // lines of a function that is not a test's
)

// sourceFile is one Go file of the tree.
type sourceFile struct {
	path  string // from the root, with slashes
	lines []string
	ast   *ast.File
	fset  *token.FileSet
}

func (f *sourceFile) folder() string { return path.Dir(f.path) }
func (f *sourceFile) isTest() bool   { return strings.HasSuffix(f.path, "_test.go") }

// readSource reads all Go files of the tree.
func readSource(t *testing.T) []*sourceFile {
	t.Helper()
	root := filepath.Join("..", "..")
	var files []*sourceFile
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(name, ".go") {
			return err
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}

		rel, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}

		f := &sourceFile{
			path: filepath.ToSlash(rel), lines: strings.Split(string(text), "\n"), fset: token.NewFileSet(),
		}
		f.ast, err = parser.ParseFile(f.fset, f.path, text, parser.ParseComments|parser.SkipObjectResolution)
		files = append(files, f)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// functions calls visit with each function that has a body, and the lines of that body.
func (f *sourceFile) functions(visit func(name string, body []string)) {
	for _, d := range f.ast.Decls {
		fn, ok := d.(*ast.FuncDecl)
		if !ok || fn.Body == nil {
			continue
		}
		from, to := f.fset.Position(fn.Body.Lbrace).Line, f.fset.Position(fn.Body.Rbrace).Line
		visit(fn.Name.Name, f.lines[from:max(from, to-1)])
	}
}

func columns(line string) int {
	n := 0
	for _, r := range line {
		if n++; r == '\t' {
			n += 3
		}
	}
	return n
}

func isBlank(line string) bool   { return strings.TrimSpace(line) == "" }
func isComment(line string) bool { return strings.HasPrefix(strings.TrimSpace(line), "//") }

// TestHintsAreParts keeps hints out of an error's text: package hints puts them there, and takes them out
// again.
func TestHintsAreParts(t *testing.T) {
	t.Parallel()
	for _, f := range readSource(t) {
		if f.isTest() || f.folder() == "tlsverify/hints" || f.folder() == "fetch/login/logintest" {
			continue
		}
		ast.Inspect(f.ast, func(n ast.Node) bool {
			if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING &&
				strings.Contains(lit.Value, "; hint") {
				t.Errorf("%s: %s: use hints.Errorf or hints.Add", f.fset.Position(lit.Pos()), lit.Value)
			}
			return true
		})
	}
}

// TestStylePatterns keeps the start of the program free of the compilation of regular expressions.
func TestStylePatterns(t *testing.T) {
	t.Parallel()
	for _, f := range readSource(t) {
		if f.isTest() || f.folder() == "cmd/bench" {
			continue
		}
		for _, d := range f.ast.Decls {
			vars, ok := d.(*ast.GenDecl)
			if !ok {
				continue
			}
			ast.Inspect(vars, func(n ast.Node) bool {
				if sel, ok := n.(*ast.SelectorExpr); ok && sel.Sel.Name == "MustCompile" {
					t.Errorf("%s: use pattern.New, which compiles it when it is needed",
						f.fset.Position(sel.Pos()))
				}
				return true
			})
		}
	}
}

// TestStyleFigures prints what the code is like: go test -run StyleFigures -v ./cmd/fetchd
func TestStyleFigures(t *testing.T) {
	t.Parallel()
	type figures struct{ files, lines, longest, body, blank, comment, wide int }
	packages := map[string]*figures{}
	var all figures
	for _, f := range readSource(t) {
		if f.isTest() {
			continue
		}
		p := packages[f.folder()]
		if p == nil {
			p = new(figures)
			packages[f.folder()] = p
		}
		for _, sum := range []*figures{p, &all} {
			sum.files++
			sum.lines += len(f.lines)
			for _, line := range f.lines {
				if columns(line) > maxColumns {
					sum.wide++
				}
			}
			f.functions(func(_ string, body []string) {
				sum.longest = max(sum.longest, len(body))
				for _, line := range body {
					sum.body++
					switch {
					case isBlank(line):
						sum.blank++
					case isComment(line):
						sum.comment++
					}
				}
			})
		}
	}

	var b strings.Builder
	fmt.Fprintf(&b, "%-40s %5s %6s %7s %6s %8s %5s\n", "package",
		"files", "lines", "longest", "blank", "comments", "wide")
	row := func(name string, p *figures) {
		fmt.Fprintf(&b, "%-40s %5d %6d %7d %5.1f%% %7.1f%% %5d\n", name, p.files, p.lines, p.longest,
			100*float64(p.blank)/float64(max(p.body, 1)),
			100*float64(p.comment)/float64(max(p.body, 1)), p.wide)
	}
	for _, name := range slices.Sorted(maps.Keys(packages)) {
		row(name, packages[name])
	}
	row("all", &all)
	t.Log("\n" + b.String())
}

// TestStyleLimits keeps files and functions short enough to be read at once, and lines from being wrapped by
// a screen. The body of a test may be long, since most of it often is one table.
func TestStyleLimits(t *testing.T) {
	t.Parallel()
	for _, f := range readSource(t) {
		if n := len(f.lines) - 1; n > maxFile { // the last one is what follows the last line's end: nothing
			t.Errorf("%s: %d lines, more than %d: split it by its subjects", f.path, n, maxFile)
		}
		for i, line := range f.lines {
			if n := columns(line); n > maxColumns {
				t.Errorf("%s:%d: %d columns, more than %d", f.path, i+1, n, maxColumns)
			}
		}
		if f.isTest() {
			continue
		}
		f.functions(func(name string, body []string) {
			if len(body) > maxBody {
				t.Errorf("%s: %s has %d lines, more than %d: split it by what its parts mean", f.path, name,
					len(body), maxBody)
			}
		})
	}
}
