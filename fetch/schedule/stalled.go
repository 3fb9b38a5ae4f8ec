package schedule

import "time"

// stallTime is how long an account may be late, on a machine with much to do.
const stallTime = time.Minute

// Stalled names an account for which nothing is done although it is time to; "" = there is none. A retrieval
// that takes long is none: servers and agents have time-outs of their own.
func (s *Scheduler) Stalled() string {
	s.mu.Lock()
	runners := make([]*runner, 0, len(s.runners))
	for _, r := range s.runners {
		runners = append(runners, r)
	}

	// Released before the records are read: each has a lock of its own.
	s.mu.Unlock()

	late := time.Now().Add(-stallTime)
	for _, r := range runners {
		if r.record.isStalled(late) {
			return r.a.Name
		}
	}
	return ""
}

// isStalled tells whether the account has been due, or its outcome been told, since before late.
func (r *record) isStalled(late time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	due := r.state.Activity == Waiting && !r.state.Next.IsZero() && r.state.Next.Before(late)
	return due || !r.telling.IsZero() && r.telling.Before(late)
}

// setTelling notes since when Done has been running, or with the zero time that it isn't.
func (r *record) setTelling(since time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.telling = since
}
