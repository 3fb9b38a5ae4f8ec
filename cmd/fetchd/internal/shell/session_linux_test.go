package shell

import (
	"strings"
	"testing"
	"time"
)

// A command that asks something at the terminal must fail: in our session it would be stopped when it reads
// there, until its time is over.
func TestCommandsHaveNoTerminal(t *testing.T) {
	t.Parallel()
	out := &Output{Limit: 100}
	const command = "read -r pid comm state parent group session rest </proc/$$/stat; echo $pid $session"
	if err := Run(t.Context(), command, time.Minute, out, out); err != nil {
		t.Fatal(err)
	}
	words := strings.Fields(out.String())
	if len(words) != 2 || words[0] != words[1] {
		t.Errorf("the process and its session: %v", words)
	}
}
