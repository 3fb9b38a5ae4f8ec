package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestStandardsNamesTests: each test that docs/standards.md and docs/servers.md name, as `folder: Test` or
// `folder: Test/part`, exists. A part is the name of a case, which stands in the folder's tests or in their
// testdata.
func TestStandardsNamesTests(t *testing.T) {
	t.Parallel()
	root := filepath.Join("..", "..")
	var text []byte
	for _, name := range []string{"standards.md", "servers.md"} {
		page, err := os.ReadFile(filepath.Join(root, "docs", name))
		if err != nil {
			t.Fatal(err)
		}
		text = append(text, page...)
	}

	named := regexp.MustCompile(
		"`([a-z0-9/]+): ((?:Test|Fuzz)[A-Za-z0-9_]+)(?:/([^`]+))?`").FindAllSubmatch(text, -1)
	if len(named) < 50 {
		t.Fatalf("only %d tests are named", len(named))
	}

	folders := map[string]*testFolder{}
	for _, n := range named {
		folder, name, part := string(n[1]), string(n[2]), string(n[3])
		if folders[folder] == nil {
			folders[folder] = readTests(t, filepath.Join(root, filepath.FromSlash(folder)))
		}
		if !folders[folder].functions[name] {
			t.Errorf("%s has no %s", folder, name)
		}
		if !folders[folder].hasCase(part) {
			t.Errorf("%s has no case %q of %s", folder, part, name)
		}
	}
}

// testFolder is what the tests of a folder hold.
type testFolder struct {
	functions map[string]bool
	text      string // of the tests and of their testdata
	dialogues map[string]string
}

// hasCase tells whether a test has a case of that name; FILE/CASE is one of a dialogue file.
func (f *testFolder) hasCase(name string) bool {
	if file, section, found := strings.Cut(name, "/"); found && f.dialogues[file] != "" {
		return strings.Contains(f.dialogues[file], "-- "+section+" --\n")
	}
	return strings.Contains(f.text, name)
}

func readTests(t *testing.T, dir string) *testFolder {
	t.Helper()
	f := &testFolder{functions: map[string]bool{}, dialogues: map[string]string{}}
	var files []string
	for _, pattern := range []string{"*_test.go", "testdata/*.txtar", "testdata/script/*.txtar"} {
		found, _ := filepath.Glob(filepath.Join(dir, pattern))
		files = append(files, found...)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		f.text += file + "\n" + string(text)
		if !strings.HasSuffix(file, ".go") {
			f.dialogues[strings.TrimSuffix(filepath.Base(file), ".txtar")] = string(text)
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, text, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range parsed.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil {
				f.functions[fn.Name.Name] = true
			}
		}
	}
	return f
}
