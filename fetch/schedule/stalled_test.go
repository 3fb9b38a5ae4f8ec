package schedule

import (
	"testing"
	"testing/synctest"
	"time"
)

// What hangs outside of retrievals is a stall; a retrieval that takes long, and a long wait, are none.
func TestStalled(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		takes   time.Duration // a retrieval
		hangs   bool          // Done
		watches bool
		want    string
	}{
		{"waits for its time", 0, false, false, ""},
		{"watches", 0, false, true, ""},
		{"retrieves for long", time.Hour, false, false, ""},
		{"its outcome is not taken", 0, true, false, "ann"},
		{"likewise before it is watched", 0, true, true, "ann"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				srv := &server{takes: tt.takes, watches: tt.watches, mail: make(chan struct{})}
				a := srv.account("ann")
				a.Idle = tt.watches
				resume := make(chan struct{})
				o := Options{Interval: 10 * time.Minute, Done: func(Outcome) {
					if tt.hangs {
						<-resume
					}
				}}
				run(t, 30*time.Minute, o, func(s *Scheduler) {
					for minute := range 25 {
						time.Sleep(time.Minute)
						synctest.Wait()
						if got := s.Stalled(); minute > 0 && got != tt.want {
							t.Errorf("after %d minutes: %q", minute+1, got)
						}
					}
					close(resume)
				}, a)
			})
		})
	}
}
