package main

import (
	"fmt"
	"net"
	"os/exec"
	"strings"
	"testing"
	"time"

	"fetchd/fetch/fetchtest"
	"fetchd/fetch/schedule"
)

func TestLimitFiles(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ files, set, polls, starts, kept int }{
		{1 << 30, 0, 32, 1<<28 - 72, 3 * (1<<28 - 72)},
		{1024, 0, 32, 184, 552},
		{1024, 200, 60, 128, 384},
		{1024, 5, 5, 238, 714},
		{256, 0, 12, 32, 96},
		{96, 0, 2, 12, 36},
		{10, 0, 1, 1, 1},
	} {
		o := schedule.Options{MaxPolls: tt.set}
		limitFiles(&o, tt.files)
		if o.MaxPolls != tt.polls || o.MaxStarts != tt.starts || o.MaxKept != tt.kept {
			t.Errorf("%d files, maxpolls %d: %d transfer, %d connect, %d are kept; want %d, %d, %d",
				tt.files, tt.set, o.MaxPolls, o.MaxStarts, o.MaxKept, tt.polls, tt.starts, tt.kept)
		}
	}
}

// A daemon that may have few files open watches what fits, polls the others, and delivers for all of them.
func TestFewOpenFiles(t *testing.T) {
	t.Parallel()
	const accounts, files, watched = 100, 96, 36
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := fetchtest.StartIdleServer(t, ln)
	d := newDaemon(t, "")
	var rc strings.Builder
	for i := range accounts {
		user := fmt.Sprint("user", i)
		fmt.Fprintf(&rc, "poll h%d via 127.0.0.1 proto imap port %d user %s "+
			"password sesame sslproto '' idle keep maildir mail\n", i, srv.Port, user)
		srv.Deliver(user)
	}
	d.write("rc", rc.String())
	d.cmd.Args = []string{
		"sh", "-c", fmt.Sprintf("ulimit -n %d; exec fetchd -f rc -N -d 5 --pidfile pid", files),
	}
	if d.cmd.Path, err = exec.LookPath("sh"); err != nil {
		t.Fatal(err)
	}
	d.start()

	arrived := func(n int) func() bool { return func() bool { return d.mails() == n } }
	if !within(time.Minute, arrived(accounts)) {
		t.Fatalf("%d messages of %d:\n%s", d.mails(), accounts, d.log.String())
	}
	d.says(fmt.Sprintf("%d are watched, the others polled", watched))
	for i := range accounts {
		srv.Deliver(fmt.Sprint("user", i))
	}
	if !within(time.Minute, arrived(2*accounts)) {
		t.Errorf("%d messages of %d:\n%s", d.mails(), 2*accounts, d.log.String())
	}
	if open, _ := srv.Counts(); open > watched+2 {
		t.Errorf("%d connections are open", open)
	}
	if strings.Contains(d.log.String(), "too many open files") {
		t.Errorf("there was none left:\n%s", d.log.String())
	}
}
