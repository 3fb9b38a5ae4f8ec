package cli

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestHelpWidth(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	PrintHelp(&b, "fetchd", testSubcommands())
	for _, sub := range testSubcommands() {
		PrintSubcommandHelp(&b, "fetchd", &sub)
	}
	if !strings.Contains(b.String(), "-f FILE, the rc file") {
		t.Error("the help of a subcommand does not say how the rc file is named")
	}
	for _, line := range strings.Split(b.String(), "\n") {
		if n := utf8.RuneCountInString(line); n > helpWidth {
			t.Errorf("%d characters: %s", n, line)
		}
	}
	for _, o := range Options() {
		if !strings.Contains(b.String(), "--"+o.Long) {
			t.Errorf("--%s is not shown", o.Long)
		}
	}
}
