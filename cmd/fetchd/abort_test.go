package main

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"fetchd/cmd/fetchd/internal/exit"
)

// What few goroutines do comes first, each place once, and all of it is bounded.
func TestStacksAreSummedUp(t *testing.T) {
	t.Parallel()
	held, stop := make(chan bool), make(chan bool)
	defer close(stop)
	for range 1000 {
		go func() {
			held <- true
			<-stop
		}()
		<-held
	}

	stacks := make([]byte, stackSpace)
	all := string(stacks[:runtime.Stack(stacks, true)])
	sum := sumUp(all, summaryLimit)
	ours := strings.Index(sum, "1 × [running]")
	many := strings.Index(sum, "1000 × [chan receive]\nfetchd/cmd/fetchd.Test")
	if ours < 0 || many < ours || strings.Contains(sum, "0x") {
		t.Errorf("we stand at %d, the others at %d:\n%s", ours, many, sum)
	}
	if n := len(sumUp(all, 200)); n > 200 {
		t.Errorf("%d bytes", n)
	}
}

// A daemon that the watchdog aborts does not fill the system's log with the stacks of all accounts.
func TestAbortSaysLittle(t *testing.T) {
	t.Parallel()
	var rc strings.Builder
	for i := range 300 {
		fmt.Fprintf(&rc, "poll h%d via 127.0.0.1 proto imap port 1 user ann password sesame\n", i)
	}

	d := newDaemon(t, rc.String())
	d.start()
	d.signal(unix.SIGABRT)
	d.endsWithin(promptly)

	_, said, ok := strings.Cut(d.log.String(), "aborted by signal 6")
	if n := len(said); !ok || n > summaryLimit+1<<10 || !strings.Contains(said, "schedule.(*Scheduler).Run") {
		t.Errorf("%d bytes:\n%.3000s", n, said)
	}
	if st := d.state.ExitCode(); st != int(exit.Internal) {
		t.Errorf("it ends with status %d", st)
	}
}
