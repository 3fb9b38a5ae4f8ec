package schedule

import "time"

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

func (r *runner) readStamp() string {
	if r.a.Stamp == nil {
		return ""
	}
	return r.a.Stamp()
}
