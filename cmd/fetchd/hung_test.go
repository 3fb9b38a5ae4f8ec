package main

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"fetchd/fetch/fetchtest"
)

// Hundreds of servers that accept and say nothing don't delay the mail of others, and neither do agents that
// hang.
func TestDaemonAmongHungServers(t *testing.T) {
	t.Parallel()
	const ports, accounts, agents, healthy = 30, 10, 40, 20
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := fetchtest.StartIdleServer(t, ln)
	d := newDaemon(t, "")
	var rc strings.Builder
	poll := func(name string, port int, does string) {
		fmt.Fprintf(&rc, "poll %s via 127.0.0.1 proto imap port %d user %s password sesame sslproto '' %s\n",
			name, port, name, does)
	}

	for i := range ports {
		silent, err := net.Listen("tcp", "127.0.0.1:0") // the kernel accepts
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { silent.Close() })
		for k := range accounts {
			poll(fmt.Sprintf("silent%d-%d", i, k), silent.Addr().(*net.TCPAddr).Port, "keep maildir mail")
		}
	}
	for i := range agents {
		name := fmt.Sprint("agent", i)
		poll(name, srv.Port, "idle keep mda 'sleep 600'")
		srv.Deliver(name)
	}
	for i := range healthy {
		name := fmt.Sprint("fine", i)
		poll(name, srv.Port, "idle keep maildir mail")
		srv.Deliver(name)
	}
	d.write("rc", "set maxperhost 100\n"+rc.String())
	d.start()

	arrived := func(n int) func() bool { return func() bool { return d.mails() == n } }
	if !within(30*time.Second, arrived(healthy)) {
		t.Fatalf("%d messages of %d after 30 seconds:\n%.2000s", d.mails(), healthy, d.log.String())
	}
	for i := range healthy {
		srv.Deliver(fmt.Sprint("fine", i))
	}
	// On an idle machine it takes well under a second; the bound is for a busy one.
	if !within(60*time.Second, arrived(2*healthy)) {
		t.Errorf("%d messages of %d after 60 seconds:\n%.2000s", d.mails(), 2*healthy, d.log.String())
	}
}
