package process

import (
	"time"

	"golang.org/x/sys/unix"
)

// A process that is killed while it starts an agent leaves its lock to the child, which has all its files until it
// becomes the agent: on a busy machine that takes a while. heirTime bounds it.
const (
	heirTime  = 10 * time.Second
	heirPause = 10 * time.Millisecond
)

// awaitHeir calls look until it is told that what was seen is not the lock of a dead process, or heirTime is over.
func awaitHeir(look func() (settled bool)) {
	if look() {
		return
	}
	end := time.NewTimer(heirTime)
	defer end.Stop()
	tick := time.NewTicker(heirPause)
	defer tick.Stop()
	for !look() {
		select {
		case <-end.C:
			return
		case <-tick.C:
		}
	}
}

// lives tells whether the process that the lock file names is there. One that has just taken the lock is about to write
// its name.
func (e *LockedError) lives() bool { return e.PID > 0 && unix.Kill(e.PID, 0) != unix.ESRCH }
