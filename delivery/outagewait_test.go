package delivery

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"fetchd/fetch/login"
)

// A destination that refuses our login is tried less often than one that is down: it may lock the account.
func TestOutageWait(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		why  error
		want [3]time.Duration // after 1, 2 and 1,000 failures
	}{
		{"down", errors.New("down"), [3]time.Duration{30 * time.Second, time.Minute, 30 * time.Minute}},
		{"refused login", fmt.Errorf("no: %w", login.ErrRefused),
			[3]time.Duration{5 * time.Minute, 10 * time.Minute, 30 * time.Minute}},
		{"ended over the login", login.ErrNoVerdict,
			[3]time.Duration{30 * time.Second, 5 * time.Minute, 30 * time.Minute}},
	} {
		for i, n := range []int{1, 2, 1000} {
			if got := outageWait(n, tt.why); got != tt.want[i] {
				t.Errorf("%s: %s after %d failures, want %s", tt.name, got, n, tt.want[i])
			}
		}
	}
}
