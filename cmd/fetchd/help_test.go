package main

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestHelpWidth(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	printHelp(&b, "fetchd", subcommands())
	for _, sub := range subcommands() {
		printSubcommandHelp(&b, "fetchd", &sub)
	}
	for _, line := range strings.Split(b.String(), "\n") {
		if n := utf8.RuneCountInString(line); n > helpWidth {
			t.Errorf("%d characters: %s", n, line)
		}
	}
	for _, o := range options() {
		if !strings.Contains(b.String(), "--"+o.long) {
			t.Errorf("--%s is not shown", o.long)
		}
	}
}
