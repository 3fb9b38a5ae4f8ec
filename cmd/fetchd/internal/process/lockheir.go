package process

import (
	"time"

	"golang.org/x/sys/unix"
)

// A process that is killed while it starts an agent leaves its lock to the child, which keeps all its files
// open until it executes the agent; on a busy machine that takes a while. heirTime bounds the wait.
const (
	heirTime  = 10 * time.Second
	heirPause = 10 * time.Millisecond
)

// awaitHeir calls try until it reports that the lock is not that of a dead process, or until heirTime is
// over.
func awaitHeir(try func() (settled bool)) {
	if try() {
		return
	}

	end := time.NewTimer(heirTime)
	defer end.Stop()
	tick := time.NewTicker(heirPause)
	defer tick.Stop()
	for !try() {
		select {
		case <-end.C:
			return
		case <-tick.C:
		}
	}
}

// lives tells whether the process that the lock file names exists. While the PID is 0, a process that has
// just taken the lock is about to write its own.
func (e *LockedError) lives() bool { return e.PID > 0 && unix.Kill(e.PID, 0) != unix.ESRCH }
