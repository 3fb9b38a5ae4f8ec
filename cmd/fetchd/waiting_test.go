package main

import "time"

const waitFileTimeout = 20 * time.Second

// within tells whether ok becomes true before the time is over.
func within(limit time.Duration, ok func() bool) bool {
	end := time.NewTimer(limit)
	defer end.Stop()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		if ok() {
			return true
		}
		select {
		case <-end.C:
			return ok()
		case <-tick.C:
		}
	}
}
