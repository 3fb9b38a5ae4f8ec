package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"fetchd/cmd/fetchd/internal/cli"
	"fetchd/cmd/fetchd/internal/exit"
	"fetchd/cmd/fetchd/internal/process"
	"fetchd/tlsverify/hints"

	"golang.org/x/sys/unix"
)

// quitTimeout is how long --quit waits for the daemon to end; the daemon gives the message in hand ten
// seconds.
const quitTimeout = 20 * time.Second

// quitRunning ends the process that holds the lock and waits until it is gone.
func (p *program) quitRunning(ctx context.Context, path string) exit.Status {
	holder, err := process.LockHolder(path)
	if err != nil {
		return p.fail(exit.IO, err)
	}
	if holder == nil {
		return p.fail(exit.Excluded, hints.Errorf("--pidfile names another lock",
			"no other %s is running: nothing holds the lock %s", p.name, path))
	}
	if holder.PID == 0 {
		return p.fail(exit.Excluded, holder)
	}
	if err := signalProcess(holder.PID, unix.SIGTERM); err != nil {
		return p.fail(exit.Excluded, err)
	}

	ctx, cancel := context.WithTimeout(ctx, quitTimeout)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()

	for {
		// The lock and not the process is watched: the PID may belong to another one by now, and a service
		// manager may have started a successor.
		if now, err := process.LockHolder(path); err == nil && (now == nil || now.PID != holder.PID) {
			fmt.Fprintf(p.stderr, "%s: %s %s at %d killed.\n", p.name,
				foregroundOrBackground(holder), p.name, holder.PID)
			return exit.Mail
		}
		select {
		case <-ctx.Done():
			return p.fail(exit.Excluded, hints.Errorf(fmt.Sprintf("kill -9 %d ends it at once", holder.PID),
				"%s at %d does not end", p.name, holder.PID))
		case <-tick.C:
		}
	}
}

// meetRunning handles the case that another process holds the lock: it wakes a daemon up, unless the command
// line asks for something that the daemon would not do.
func (p *program) meetRunning(c *cli.CommandLine, holder *process.LockedError) exit.Status {
	switch {
	case holder.PID == 0:
		return p.fail(exit.Excluded, holder)
	case holder.Fetchmail:
		return p.fail(exit.Excluded, hints.Errorf(p.name+" -q ends it",
			"fetchmail is running (process %d), and both would retrieve the same mail", holder.PID))
	// A daemon can't be told which servers to ask, nor to count only.
	case len(c.Servers) > 0 || c.Check:
		return p.fail(exit.Excluded, hints.Errorf(nextToRunning(p.name, holder),
			"can't check mail while another %s to same host is running (process %d)", p.name, holder.PID))
	case !holder.Daemon:
		return p.fail(exit.Excluded, hints.Errorf(nextToRunning(p.name, holder),
			"another foreground %s is running at %d", p.name, holder.PID))
	case len(refusedOptions(c)) > 0:
		return p.fail(exit.Excluded, hints.Errorf(p.name+" -q ends it",
			"can't accept options while a background %s is running (process %d): --%s",
			p.name, holder.PID, strings.Join(refusedOptions(c), ", --")))
	}

	if err := signalProcess(holder.PID, unix.SIGUSR1); err != nil {
		return p.fail(exit.Excluded, err)
	}
	if !c.Silent {
		fmt.Fprintf(p.stderr, "%s: background %s at %d awakened.\n", p.name, p.name, holder.PID)
	}

	return exit.Mail
}

// nextToRunning is what to do where another process has the lock.
func nextToRunning(name string, holder *process.LockedError) string {
	if holder.Daemon {
		return fmt.Sprintf("%s alone has it poll all now; %[1]s -q ends it", name)
	}
	return fmt.Sprintf("wait until it has ended; %s -q ends it", name)
}

// refusedOptions are the given options that a running daemon would ignore.
func refusedOptions(c *cli.CommandLine) []string {
	harmless := []string{"verbose", "silent", "fetchmailrc", "rcformat", "pidfile", "log-format", "nomail-ok",
		"strict-exit"}
	var refused []string
	for _, name := range c.Given {
		if !slices.Contains(harmless, name) && !slices.Contains(refused, name) {
			refused = append(refused, name)
		}
	}
	return refused
}

func foregroundOrBackground(holder *process.LockedError) string {
	if holder.Daemon {
		return "background"
	}
	return "foreground"
}

func signalProcess(pid int, s unix.Signal) error {
	// kill(2) takes 0 and negative numbers for groups of processes, and 1 is init.
	if pid <= 1 {
		return fmt.Errorf("the lock file names no process")
	}
	process, err := os.FindProcess(pid)
	if err == nil {
		err = process.Signal(s)
	}
	if err != nil {
		return fmt.Errorf("signal process %d: %w", pid, err)
	}
	return nil
}
