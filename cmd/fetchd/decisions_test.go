package main

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestDecisions compares the dependencies that docs/decisions.md explains with those that go.mod requires
// directly.
func TestDecisions(t *testing.T) {
	t.Parallel()
	modules := matches(t, "../../go.mod",
		`(?m)^(?:require )?\s*([\w.-]+\.[\w.-]+/\S+) v\S+(?: // tests only)?$`)
	packages := matches(t, "../../docs/decisions.md", "(?m)^\\| `([^`]+)`")
	under := func(pkg, module string) bool { return pkg == module || strings.HasPrefix(pkg, module+"/") }
	for _, m := range modules {
		explained := false
		for _, p := range packages {
			explained = explained || under(p, m)
		}
		if !explained {
			t.Errorf("docs/decisions.md does not say what %s is for", m)
		}
	}

	for _, p := range packages {
		required := false
		for _, m := range modules {
			required = required || under(p, m)
		}
		if !required {
			t.Errorf("docs/decisions.md explains %s, which go.mod does not require directly", p)
		}
	}
}

// matches are the first groups of pattern in the file.
func matches(t *testing.T, file, pattern string) []string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, m := range regexp.MustCompile(pattern).FindAllStringSubmatch(string(text), -1) {
		found = append(found, m[1])
	}
	if len(found) < 5 {
		t.Fatalf("%s: only %q found", file, found)
	}
	return found
}
