package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Every row of docs/servers.md names tests that exist, with the names of their parts.
func TestServersNameTheirTests(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/servers.md")
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile("`([a-z0-9/]+): (Test\\w+)((?:/[^`]+)?)`")
	rows := 0
	for line := range strings.Lines(string(text)) {
		if !strings.HasPrefix(line, "| ") || strings.HasPrefix(line, "| server |") {
			continue
		}
		rows++
		found := named.FindAllStringSubmatch(line, -1)
		if len(found) == 0 {
			t.Errorf("no test in %.80q", line)
		}
		for _, m := range found {
			source := testSource(t, m[1])
			if !strings.Contains(source, "func "+m[2]+"(t *testing.T)") {
				t.Errorf("%s has no %s", m[1], m[2])
			}
			part := m[3][strings.LastIndexByte(m[3], '/')+1:]
			if part != "" && !strings.Contains(source, `"`+part+`"`) &&
				!strings.Contains(source, "-- "+part+" --") {
				t.Errorf("%s has no part %q of %s", m[1], part, m[2])
			}
		}
	}
	if rows < 30 {
		t.Errorf("%d rows", rows)
	}
}

// testSource is the text of a package's tests and dialogues.
func testSource(t *testing.T, folder string) string {
	t.Helper()
	var all strings.Builder
	for _, pattern := range []string{"*_test.go", "testdata/*.txtar"} {
		files, err := filepath.Glob(filepath.Join("../..", folder, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			all.Write(text)
		}
	}
	return all.String()
}
