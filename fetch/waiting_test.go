package fetch

import (
	"fmt"
	"testing"
)

// What is set aside is named, refused messages and those that can't be had, up to a limit.
func TestWaitingIsNamed(t *testing.T) {
	t.Parallel()
	if (*Refusals)(nil).Waiting() != nil || new(Refusals).Waiting() != nil {
		t.Error("nothing waits")
	}

	m := new(Refusals)
	m.setObstacles([]Waiting{{Mailbox: "B", Ref: Ref{1, "7"}}})
	m.refused = map[refusedKey]*refusal{
		{"A", Ref{1, "2"}}: {aside: true}, {"A", Ref{1, "1"}}: {aside: true}, {"A", Ref{1, "3"}}: {},
	}
	var got string
	for _, w := range m.Waiting() {
		got += fmt.Sprint(w.Mailbox, w.UID, " ")
	}
	if got != "A1 A2 B7 " || m.CountSetAside() != 3 {
		t.Errorf("%s, %d", got, m.CountSetAside())
	}

	for i := range 3 * waitingMost {
		m.refused[refusedKey{"C", Ref{1, fmt.Sprint(i)}}] = &refusal{aside: true}
	}
	if n := len(m.Waiting()); n != waitingMost {
		t.Errorf("%d are named", n)
	}
}
