package wire_test

import (
	"strings"
	"testing"
	"time"

	"fetchd/fetch/wire"
)

// TestPluginHasNoTerminal: ssh that asks for a pass phrase must fail, and not be stopped until the time-out.
func TestPluginHasNoTerminal(t *testing.T) {
	t.Parallel()
	const command = "read -r pid comm state parent group session rest </proc/$$/stat; echo $pid $session"
	raw, err := wire.Dial(t.Context(), "h", 143, command, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	c := wire.New(raw, wire.Options{Timeout: 10 * time.Second})
	defer c.Close()
	line, err := c.ReadLine(0)
	if words := strings.Fields(string(line)); err != nil || len(words) != 2 || words[0] != words[1] {
		t.Errorf("the process and its session: %q, %v", line, err)
	}
}
