package main

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestImportDirections checks what the rooms of docs/design.md may import of ours. Test helpers (…test) may
// be used by any test, and by the programs in cmd that are not shipped: the demonstration and the benchmark.
// A room may have closets, with rules of their own: the connection and the login are for deliveries too, and
// know nothing of retrievals.
func TestImportDirections(t *testing.T) {
	t.Parallel()
	allowed := map[string][]string{
		"rcfile":    {"delivery/ownfile", "tlsverify/hints"}, // of ours the former imports only the latter
		"tlsverify": {},
		"delivery": {"tlsverify", "fetch/wire", "fetch/sasl", "fetch/login", "fetch/login/imapline",
			"fetch/fault", "fetch/pattern"},
		"fetch": {"tlsverify", "delivery"},
		"cmd":   {"rcfile", "tlsverify", "delivery", "fetch", "docs"},
		"docs":  {},

		"fetch/wire": {"tlsverify", "tlsverify/hints", "fetch/pattern"},
		"fetch/sasl": {"tlsverify/hints"},
		"fetch/login": {"tlsverify", "tlsverify/hints", "fetch/wire", "fetch/sasl", "fetch/fault",
			"fetch/pattern"},
		"fetch/fault":   {"tlsverify/hints"},
		"fetch/pattern": {},
	}
	// It connects to judge a server, which no retrieval does.
	onlyFor := map[string]string{"tlsverify/check": "cmd"}
	const module = "fetchd/"
	root := filepath.Join("..", "..")
	for room, may := range allowed {
		err := filepath.WalkDir(filepath.Join(root, room), func(path string, _ fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, ".go") {
				return err
			}
			file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
			if err != nil {
				return err
			}
			testing := strings.HasSuffix(path, "_test.go") || strings.HasSuffix(filepath.Dir(path), "test") ||
				room == "cmd" && !strings.Contains(filepath.ToSlash(path), "/cmd/fetchd/")
			for _, spec := range file.Imports {
				name, err := strconv.Unquote(spec.Path.Value)
				if err != nil {
					return err
				}
				ours, ok := strings.CutPrefix(name, module)
				if !ok {
					continue
				}
				to := ours
				if !strings.Contains(room, "/") {
					to, _, _ = strings.Cut(ours, "/")
				}
				helper := strings.HasSuffix(ours, "test") && testing
				if to != room && !helper && !slices.Contains(may, to) && !slices.Contains(may, ours) {
					t.Errorf("%s imports %s, but %s may import only %v", path, name, room, may)
				}
				if user, ok := onlyFor[ours]; ok && room != user {
					t.Errorf("%s imports %s, which is only for %s", path, name, user)
				}
				if strings.HasSuffix(ours, "test") && !helper {
					t.Errorf("%s imports the test helper %s", path, name)
				}
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}
}

// TestNoTemplates: text/template finds methods by names that the linker can't know, so every exported
// method of every type would stay in the program: 3 MB of its file, and 2 MB of its memory.
func TestNoTemplates(t *testing.T) {
	t.Parallel()
	out, err := exec.Command("go", "list", "-deps", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	packages := strings.Fields(string(out))
	if slices.Contains(packages, "text/template") || !slices.Contains(packages, "fetchd/fetch") {
		t.Errorf("the program must not import text/template: %q", packages)
	}
}
