package rcfile

import (
	"maps"
	"slices"
	"strings"
	"testing"
)

// TestManual compares the words of the manual with the table of keywords, both ways.
func TestManual(t *testing.T) {
	t.Parallel()
	manual := documented(string(readFile(t, "../docs/fetchmailrc.5")))
	known := map[string]bool{}
	for _, k := range Keywords() {
		for _, name := range append([]string{k.Name}, k.Aliases...) {
			known[name] = true
		}
		for _, v := range k.Values {
			for _, name := range append([]string{v.Name}, v.Aliases...) {
				known[name] = true
			}
		}
	}
	delete(known, "") // sslproto "" is told in words
	for _, word := range slices.Sorted(maps.Keys(known)) {
		if !manual[word] {
			t.Errorf("docs/fetchmailrc.5 doesn't explain %q", word)
		}
	}
	for _, word := range slices.Sorted(maps.Keys(manual)) {
		if !known[word] {
			t.Errorf("docs/fetchmailrc.5 explains %q, which is no word", word)
		}
	}
}

// documented returns the words that list items of an mdoc page explain: what follows Cm up to the next macro.
func documented(page string) map[string]bool {
	words := map[string]bool{}
	for line := range strings.Lines(page) {
		item, ok := strings.CutPrefix(line, ".It ")
		if !ok {
			continue
		}
		isWord := false
		for _, token := range strings.Fields(item) {
			switch token {
			case "Cm":
				isWord = true
			case "Ar", "Oo", "Oc", "Op", "Pa":
				isWord = false
			case ",":
			default:
				if isWord {
					words[token] = true
				}
			}
		}
	}
	return words
}

func TestExamplesAreEqual(t *testing.T) {
	t.Parallel()
	rc := mustParse(t, "fetchmailrc.example", string(readFile(t, "../fetchmailrc.example")))
	toml := mustParse(t, "fetchmailrc.example.toml", string(readFile(t, "../fetchmailrc.example.toml")))
	if !Equal(rc, toml) {
		t.Errorf("the examples differ:\n%s\n%s", printed(t, rc, Fetchmailrc), printed(t, toml, Fetchmailrc))
	}
	if len(rc.Polls) != 4 || len(rc.Warnings())+len(toml.Warnings()) > 0 {
		t.Errorf("%d polls, warnings %v, %v", len(rc.Polls), rc.Warnings(), toml.Warnings())
	}
}
