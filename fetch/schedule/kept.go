package schedule

import "fetchd/tlsverify/hints"

// mayKeep takes one of the connections that may stay open between retrievals, for an account that wants that,
// and keeps it until letGo. Without one the account is polled.
func (r *runner) mayKeep() bool {
	if !r.a.Idle && !r.a.KeepAlive {
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

// letGo gives back what mayKeep took.
func (r *runner) letGo() {
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
