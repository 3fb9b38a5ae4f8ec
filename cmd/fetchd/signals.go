package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"time"

	"golang.org/x/sys/unix"

	"fetchd/cmd/fetchd/internal/exit"
	"fetchd/fetch"
)

// endTimeout is how long the end may take after a signal: the message in hand has fetch.Grace.
const endTimeout = fetch.Grace + time.Second

// signals are what the process was sent. Each channel holds one: what comes while it waits there asks for the same, so
// that nothing is lost. Those that end the program have a channel, and a reader, of their own.
type signals struct {
	end    chan os.Signal
	reload chan os.Signal // of a daemon: SIGHUP
	wake   chan os.Signal // of a daemon: SIGUSR1
}

func newSignals() signals {
	return signals{end: make(chan os.Signal, 1), reload: make(chan os.Signal, 1), wake: make(chan os.Signal, 1)}
}

// catch asks for the signals that mail is to be left tidy for; all else that the program does may be ended as it stands.
// A daemon must ask before it takes the lock: whoever finds the lock held sends SIGUSR1.
func (s signals) catch(daemon bool) {
	signal.Notify(s.end, unix.SIGTERM, unix.SIGINT)
	hangup := s.end // a closed terminal sends it
	if daemon {
		hangup = s.reload
		signal.Notify(s.wake, unix.SIGUSR1)
	}
	if !signal.Ignored(unix.SIGHUP) {
		signal.Notify(hangup, unix.SIGHUP)
	}
}

// interruptibly runs f with a context that ends at a signal that ends the program; a second one ends the process at
// once. What f does then has endTimeout, and whoever ended us is not to take that for a failure.
func (s *service) interruptibly(ctx context.Context, f func(context.Context) exit.Status) exit.Status {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan exit.Status, 1)
	go func() { ended <- f(ctx) }()

	select {
	case st := <-ended:
		return st
	case sig := <-s.p.signals.end:
		signal.Reset(unix.SIGTERM, unix.SIGINT)
		signal.Stop(s.p.signals.end) // also SIGHUP, where that ends a pass
		cancel()
		s.log.Info("terminated with " + signalName(sig))
	}
	s.awaitEnd(ended)
	return exit.Mail
}

// awaitEnd waits until what was told to end has ended, but not for what hangs.
func (s *service) awaitEnd(ended <-chan exit.Status) {
	timer := time.NewTimer(endTimeout)
	defer timer.Stop()
	select {
	case <-ended:
	case <-timer.C:
		s.log.Warn("some retrievals did not end in time")
	}
}

// signalName is fetchmail's way to name a signal: "signal 15".
func signalName(sig os.Signal) string {
	if s, ok := sig.(unix.Signal); ok {
		return fmt.Sprintf("signal %d", int(s))
	}
	return sig.String()
}
