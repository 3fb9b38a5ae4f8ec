package schedule

import "fetchd/tlsverify/hints"

// acquireKept takes one of the connections that may stay open between retrievals, for an account that wants
// that and has the room for it, and keeps it until releaseKept. Without one the account is polled.
func (r *runner) acquireKept() bool {
	if !r.seat.stays {
		return false
	}
	if r.kept || r.s.kept == nil {
		return true
	}

	select {
	case r.s.kept <- struct{}{}:
		r.kept = true
	default:
		r.s.sayKept.Do(r.s.warnOfKept)
	}
	return r.kept
}

// releaseKept gives back what acquireKept took.
func (r *runner) releaseKept() {
	if r.kept {
		r.kept = false
		<-r.s.kept
	}
}

func (s *Scheduler) warnOfKept() {
	s.opt.Log.Warn("too few files may be open to watch all accounts", "err",
		hints.Errorf("raise the limit of open files: ulimit -n, or LimitNOFILE of the service",
			"%d are watched, the others polled", cap(s.kept)))
}
