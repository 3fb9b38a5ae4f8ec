package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"time"

	"golang.org/x/sys/unix"

	"fetchd/cmd/fetchd/internal/exit"
	"fetchd/delivery"
	"fetchd/fetch"
	"fetchd/fetch/fault"
)

// endTimeout bounds the shutdown after a signal: the message in hand has fetch.Grace. An agent that takes
// longer is to be ended before us: what went on after us could deliver beside the next run.
const endTimeout = fetch.Grace + delivery.AgentEnd + time.Second

// signals are those that the process was sent. Each channel holds one signal: another one that comes while it
// waits asks for the same, so nothing is lost. The signals that end the program have a channel, and a reader,
// of their own.
type signals struct {
	end    chan os.Signal
	reload chan os.Signal // of a daemon: SIGHUP
	wake   chan os.Signal // of a daemon: SIGUSR1
	retry  chan os.Signal // of a daemon: SIGUSR2, which "retry" sends
	abort  chan os.Signal // of a daemon: SIGABRT and SIGQUIT
	pipe   chan os.Signal // SIGPIPE, which nobody reads
}

func newSignals() signals {
	one := func() chan os.Signal { return make(chan os.Signal, 1) }
	return signals{end: one(), reload: one(), wake: one(), retry: one(), abort: one(), pipe: one()}
}

// catch starts to catch the signals at which mail must be left in order; everything else that the program
// does may simply be killed. It must be called before the lock is taken: a process that finds the lock held
// sends SIGUSR1 or SIGUSR2.
func (s signals) catch(daemon bool) {
	// Mail is worth more than who reads the log. Ignoring the signal would have agents ignore it too.
	signal.Notify(s.pipe, unix.SIGPIPE)
	signal.Notify(s.end, unix.SIGTERM, unix.SIGINT)
	hangup := s.end // a closed terminal sends it
	if daemon {
		hangup = s.reload
		signal.Notify(s.wake, unix.SIGUSR1)
		signal.Notify(s.retry, unix.SIGUSR2)
		signal.Notify(s.abort, unix.SIGABRT, unix.SIGQUIT)
	}
	// Started with nohup, the program is to survive the end of the terminal.
	if !signal.Ignored(unix.SIGHUP) {
		signal.Notify(hangup, unix.SIGHUP)
	}
}

// interruptibly runs f with a context that is cancelled by a signal that ends the program; a second such
// signal ends the process at once. f then has endTimeout to finish, and the status is a success: we did what
// we were told.
func (s *service) interruptibly(ctx context.Context, f func(context.Context) exit.Status) exit.Status {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer signal.Stop(s.p.signals.end) // a second one, or one when all is done
	ended := make(chan exit.Status, 1)
	go func() {
		fault.ReserveStack()
		ended <- f(ctx)
	}()

	select {
	case st := <-ended:
		return st
	case sig := <-s.p.signals.end:
		// A second signal now has its usual effect and ends the process, also while something hangs.
		signal.Stop(s.p.signals.end)
		cancel()
		s.log.Info("terminated with " + signalName(sig))
	}

	s.awaitEnd(ended)
	return exit.Mail
}

// awaitEnd waits until the retrievals have ended, but not for those that hang.
func (s *service) awaitEnd(ended <-chan exit.Status) {
	timer := time.NewTimer(endTimeout)
	defer timer.Stop()
	select {
	case <-ended:
	// Deliveries are recorded one by one, so what a retrieval that hangs leaves behind is in order.
	case <-timer.C:
		s.log.Warn("some retrievals did not end in time")
	}
}

// signalName names a signal as fetchmail does: "signal 15".
func signalName(sig os.Signal) string {
	if s, ok := sig.(unix.Signal); ok {
		return fmt.Sprintf("signal %d", int(s))
	}
	return sig.String()
}
