package main

import (
	"context"
	"fmt"
	"os"
	"sync"
	"time"

	"fetchd/cmd/fetchd/internal/logging"
	"fetchd/fetch"
	"fetchd/fetch/schedule"
	"fetchd/tlsverify/hints"
)

const (
	// firstWait is how long the terminal that a daemon was started from waits for the first retrievals. A
	// wrong password shows within it, and whoever starts daemons one after another is not held up for long.
	firstWait = 3 * time.Second

	firstShown = 10 // failures that the terminal shows; the rest is counted
)

// firstPass collects how the first retrievals of a daemon end.
type firstPass struct {
	ended chan struct{} // closed when each account had its first

	mu      sync.Mutex // guards what follows
	missing map[string]bool
	failed  []schedule.Outcome
}

func newFirstPass(accounts []*fetch.Account) *firstPass {
	f := &firstPass{ended: make(chan struct{}), missing: map[string]bool{}}
	for _, a := range accounts {
		f.missing[a.Name] = true
	}
	return f
}

// add notes how a retrieval has ended, and returns whether it was the account's first.
func (f *firstPass) add(o schedule.Outcome) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.missing[o.Account.Name] {
		return false
	}
	delete(f.missing, o.Account.Name)
	if o.Err != nil {
		f.failed = append(f.failed, o)
	}
	if len(f.missing) == 0 {
		close(f.ended)
	}
	return true
}

// await waits for the first retrievals, but not for long, and returns those that failed.
func (f *firstPass) await(ctx context.Context) []schedule.Outcome {
	timer := time.NewTimer(firstWait)
	defer timer.Stop()
	select {
	case <-f.ended:
	case <-timer.C:
	case <-ctx.Done():
	}

	f.mu.Lock()
	defer f.mu.Unlock()
	return f.failed
}

// leaveTerminal shows what fails at once on the terminal that the daemon was started from, and lets it go. A
// daemon whose user has named a log lets it go without waiting.
func (d *daemon) leaveTerminal(ctx context.Context, first *firstPass) {
	if d.log.Unasked {
		d.showFirst(ctx, first.await(ctx))
	}
	if err := d.p.detached.ready(); err != nil {
		d.log.Warn("the terminal that started this daemon is gone", "err", err)
	}
}

func (d *daemon) showFirst(ctx context.Context, failed []schedule.Outcome) {
	terminal := *d.service
	terminal.log = d.log.OnTerminal(d.p.name, d.p.stderr)
	for _, o := range failed[:min(len(failed), firstShown)] {
		terminal.report(ctx, o.Account, o.Result, o.Err)
	}
	if more := len(failed) - firstShown; more > 0 {
		terminal.log.Error(fmt.Sprintf("… and %s more; %s status lists them",
			logging.Counted(int64(more), "account"), d.p.name))
	}

	switch {
	case d.log.Place == "":
		terminal.log.Warn("this daemon has no log", "err",
			hints.Errorf("name a file with --logfile, or \"set logfile\"",
				"what it says from now on is lost"))
	case !d.c.Silent:
		fmt.Fprintf(d.p.stdout, "%s: daemon %d logs to %s\n", d.p.name, os.Getpid(), d.log.Place)
	}
}
