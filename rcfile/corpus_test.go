package rcfile

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the expected files of the corpus anew")

// corpus lists the rc files of a directory of testdata.
func corpus(t testing.TB, dir string) []string {
	t.Helper()
	var files []string
	for _, pattern := range []string{"*.rc", "*.toml"} {
		list, err := filepath.Glob(filepath.Join("testdata", dir, pattern))
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, list...)
	}
	if len(files) < 60 {
		t.Fatalf("only %d rc files in testdata/%s", len(files), dir)
	}
	return files
}

func readFile(t testing.TB, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// expect compares got with the contents of a file of the corpus, where no file means empty.
func expect(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if got == "" {
			_ = os.Remove(file)
		} else if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s:\ngot:\n%s\nwant:\n%s", file, got, want)
	}
}

func TestGoodFiles(t *testing.T) {
	t.Parallel()
	nothing := dumped(t, mustParse(t, "poll x", "poll x"))
	for _, file := range corpus(t, "good") {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			c, err := Parse(file, readFile(t, file), Auto)
			if err != nil {
				t.Fatal(err)
			}
			dump := dumped(t, c)
			prune(dump, nothing)
			var b bytes.Buffer
			encoder := json.NewEncoder(&b)
			encoder.SetEscapeHTML(false)
			encoder.SetIndent("", "  ")
			if err := encoder.Encode(dump); err != nil {
				t.Fatal(err)
			}
			expect(t, strings.TrimSuffix(strings.TrimSuffix(file, ".rc"), ".toml")+".json", b.String())
			warnings := ""
			for _, w := range c.Warnings() {
				warnings += strings.TrimPrefix(w.Error(), file+":") + "\n"
			}
			expect(t, file+".warn", warnings)
			expect(t, file+".refused", refusals(c, file))
		})
	}
}

// refusals are those of all users, each behind the user's number.
func refusals(c *Config, file string) string {
	text, n := "", 0
	for i := range c.Polls {
		for j := range c.Polls[i].Users {
			n++
			for _, e := range c.Polls[i].Refusals(&c.Polls[i].Users[j]) {
				text += fmt.Sprintf("%d: %s\n", n, strings.TrimPrefix(e.Error(), file+":"))
			}
		}
	}
	return text
}

func mustParse(t testing.TB, name, text string) *Config {
	t.Helper()
	c, err := Parse(name, []byte(text), Auto)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// dumped is the JSON of a configuration, decoded again.
func dumped(t testing.TB, c *Config) map[string]any {
	t.Helper()
	var b bytes.Buffer
	if err := Dump(&b, c, DumpOptions{ShowSecrets: true}); err != nil {
		t.Fatal(err)
	}
	var m map[string]any
	if err := json.Unmarshal(b.Bytes(), &m); err != nil {
		t.Fatal(err)
	}
	return m
}

// prune leaves in dump what a file says beyond nothing, and the names of its polls.
func prune(dump, nothing map[string]any) {
	bare := nothing["polls"].([]any)[0].(map[string]any)
	remove(dump["globals"], nothing["globals"])
	for _, p := range dump["polls"].([]any) {
		for _, u := range p.(map[string]any)["users"].([]any) {
			remove(u, bare["users"].([]any)[0])
		}
		name := p.(map[string]any)["name"]
		remove(p, bare)
		p.(map[string]any)["name"] = name
	}
}

func remove(from, same any) {
	m := from.(map[string]any)
	for key, v := range same.(map[string]any) {
		if key != "users" && reflect.DeepEqual(m[key], v) {
			delete(m, key)
		}
	}
}

func TestBadFiles(t *testing.T) {
	t.Parallel()
	for _, file := range corpus(t, "bad") {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			c, err := Parse(file, readFile(t, file), Auto)
			if err == nil || c != nil {
				t.Fatalf("no error")
			}
			got := strings.ReplaceAll("\n"+err.Error(), "\n"+file+":", "\n")[1:] + "\n"
			expect(t, strings.TrimSuffix(strings.TrimSuffix(file, ".rc"), ".toml")+".err", got)
			checkPlaces(t, err, readFile(t, file))
		})
	}
}

// checkPlaces wants each error inside the text, with a next step.
func checkPlaces(t testing.TB, err error, text []byte) {
	t.Helper()
	lines := strings.Split(strings.TrimPrefix(string(text), "\ufeff"), "\n")
	for _, e := range split(t, err) {
		if e.Pos.Line < 1 || e.Pos.Line > len(lines) ||
			e.Pos.Col < 1 || e.Pos.Col > len(lines[e.Pos.Line-1])+1 {
			t.Errorf("place outside the file: %v", e)
		}
		if e.Next == "" {
			t.Errorf("no next step: %v", e)
		}
	}
}

// split takes a joined error apart.
func split(t testing.TB, err error) []*Error {
	t.Helper()
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		t.Fatalf("not a joined error: %v", err)
	}
	var all []*Error
	for _, err := range joined.Unwrap() {
		e, ok := errors.AsType[*Error](err)
		if !ok {
			t.Fatalf("not an *Error: %v", err)
		}
		all = append(all, e)
	}
	return all
}
