package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"fetchd/cmd/fetchd/internal/cli"
)

// TestManual compares the table of options with docs/fetchd.1, in both directions: names, short names and
// arguments.
func TestManual(t *testing.T) {
	t.Parallel()
	manual := manualOptions(t)
	program := map[string]bool{}
	for _, o := range cli.Options() {
		program[heading(&o)] = true
	}
	for _, sub := range subcommands() {
		for _, o := range sub.Options {
			program[heading(&o)] = true
		}
	}
	for h := range program {
		if !manual[h] {
			t.Errorf("the manual page lacks .It %s", h)
		}
	}
	for h := range manual {
		if !program[h] {
			t.Errorf("the program has no option .It %s", h)
		}
	}
}

// heading is how the manual page writes the option.
func heading(o *cli.Option) string {
	var parts []string
	if o.Short != "" {
		parts = append(parts, "Fl "+o.Short)
	}
	for _, name := range o.Names() {
		parts = append(parts, "Fl -"+name)
	}
	h := strings.Join(parts, " , ")
	if o.Arg != "" {
		h += " Ar " + strings.ToLower(o.Arg)
	}
	return h
}

func manualOptions(t *testing.T) map[string]bool {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "fetchd.1"))
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	for line := range strings.Lines(string(text)) {
		if h, ok := strings.CutPrefix(strings.TrimSpace(line), ".It "); ok && strings.HasPrefix(h, "Fl ") {
			found[strings.ReplaceAll(h, `\&`, "")] = true
		}
	}
	return found
}

// TestManualSubcommands checks that each subcommand has its place in the manual, and no other.
func TestManualSubcommands(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "fetchd.1"))
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(text), "\n.Sh SUBCOMMANDS\n")
	section, _, _ = strings.Cut(section, "\n.Sh ")
	names := map[string]bool{}
	for _, sub := range subcommands() {
		names[sub.Name] = true
		if !strings.Contains(section, "\n.It Cm "+sub.Name+"\n") {
			t.Errorf("the manual page lacks the subcommand %s", sub.Name)
		}
	}
	for line := range strings.Lines(section) {
		if name, ok := strings.CutPrefix(strings.TrimSpace(line), ".It Cm "); ok && !names[name] {
			t.Errorf("the program has no subcommand %s", name)
		}
	}
}
