package main

import (
	"golang.org/x/sys/unix"

	"fetchd/fetch/schedule"
)

// What a process has open: the journal, the log, the runtime's own; and a retrieval: its connection, a
// spooled message, pipes of an agent, the file that is delivered.
const (
	filesOfProcess   = 32
	filesOfRetrieval = 8
)

// openFiles is how many files this process may have open. The Go runtime has raised it to the hard limit at
// the start; programs that we start have what we were given.
func openFiles() int {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil || limit.Cur > 1<<30 {
		return 1 << 30
	}
	return int(limit.Cur)
}

// limitFiles fits the scheduler into so many open files: what retrievals need comes first. Connections that
// are watched or kept have three quarters of the rest, and those that come about one, so that neither servers
// that are silent nor those that are watched can keep mail from being delivered.
func limitFiles(o *schedule.Options, files int) {
	if o.MaxPolls <= 0 {
		o.MaxPolls = schedule.DefaultMaxPolls
	}
	// Half of the files at most, so that connections which are watched or kept are not squeezed out.
	o.MaxPolls = max(1, min(o.MaxPolls, (files/2-filesOfProcess)/filesOfRetrieval))
	rest := files - filesOfProcess - o.MaxPolls*filesOfRetrieval
	o.MaxStarts = max(1, rest/4)
	o.MaxKept = max(1, rest-o.MaxStarts)
}
