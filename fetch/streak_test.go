package fetch

import "testing"

// Messages that were asked for before the turn don't count for what comes behind it.
func TestStreakCountsFromItsTurn(t *testing.T) {
	t.Parallel()
	var s Streak
	for n := 1; n <= 20; n++ {
		asked := max(n, 12) // twelve at once, the others one by one
		turn, over := s.Refused(n, asked)
		if turn != (n == streakMost) || over != (n == 12+streakMost) {
			t.Fatalf("message %d: turn %v, over %v", n, turn, over)
		}
		if over {
			break
		}
	}
	if s.Reset(); s.Going() || s.AtEnd() {
		t.Error("a message that came ends nothing")
	}
	s.Refused(1, 1)
	if !s.Going() || s.AtEnd() {
		t.Error("one refusal at the end is the message's own")
	}
}
