package main

import (
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// The service manager has the status line as soon as the daemon is ready, and again after a reload.
func TestStatusLineAtOnce(t *testing.T) {
	t.Parallel()
	d := newDaemon(t, unreachable)
	d.cmd.Env = append(d.cmd.Env, "WATCHDOG_USEC=") // by itself it comes twice a minute
	d.start()
	d.await("WATCHDOG=1\nSTATUS=1 account")

	d.write("rc", unreachable+d.slowEntries(1, 1))
	d.signal(unix.SIGHUP)
	d.await("RELOADING=1")
	d.await("READY=1")
	d.await("WATCHDOG=1\nSTATUS=2 accounts")
}

// NOTIFY_SOCKET may be left of a session that has ended: that is no reason to retrieve no mail.
func TestServiceManagerThatIsGone(t *testing.T) {
	t.Parallel()
	d := newDaemon(t, unreachable)
	d.cmd.Env = append(d.cmd.Env, "NOTIFY_SOCKET="+filepath.Join(d.dir, "gone"))
	d.launch()
	d.says("the service manager is told nothing")
	d.says("starting fetchd")
	d.signal(unix.SIGTERM)
	d.endsWithin(promptly)
}
