package schedule

import (
	"time"

	"fetchd/fetch/fault"
)

// lookInterval is how often an account that backs off looks whether what it needs was mended.
const lookInterval = time.Minute

// checkMended makes the runner look now, if it backs off.
func (r *runner) checkMended() {
	select {
	case r.looks <- struct{}{}:
	default:
	}
}

// mended tells whether the files that the account's login needs have changed since before the retrieval that
// failed.
func (r *runner) mended() bool { return r.failures > 0 && r.readStamp() != r.stamp }

// looksMended is mended for a goroutine that waits, whose stack is to stay small.
func (r *runner) looksMended() (yes bool) {
	if r.failures == 0 {
		return false
	}
	err := fault.OnOtherStack(func() { yes = r.mended() })
	return err == nil && yes
}

func (r *runner) readStamp() string {
	if r.a.Stamp == nil {
		return ""
	}
	return r.a.Stamp()
}
