package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"fetchd/cmd/fetchd/internal/account"
	"fetchd/cmd/fetchd/internal/exit"
	"fetchd/cmd/fetchd/internal/logging"
	"fetchd/cmd/fetchd/internal/process"
	"fetchd/fetch"
	"fetchd/fetch/schedule"
	"fetchd/rcfile"
)

// endTimeout is how long the end may take after a signal: the message in hand has fetch.Grace.
const endTimeout = fetch.Grace + time.Second

// catchDaemonSignals asks for the signals that only a daemon wants. It must come before the lock is taken: who finds
// the lock held sends SIGUSR1.
func (p *program) catchDaemonSignals() {
	signal.Notify(p.signals, unix.SIGUSR1)
	if !signal.Ignored(unix.SIGHUP) {
		signal.Notify(p.signals, unix.SIGHUP)
	}
}

// runDaemon retrieves from the accounts of cfg, again and again, until ctx ends or a signal ends it.
func (s *service) runDaemon(ctx context.Context, cfg *rcfile.Config, interval time.Duration) exit.Status {
	accounts, err := s.wire(cfg)
	if s.refuse(err) && len(accounts) == 0 {
		return exit.OfRefused(err)
	}
	if err := s.takeOver(ctx, cfg, accounts); err != nil {
		return s.end(exit.IO, err)
	}
	s.log.Info(fmt.Sprintf("starting %s %s daemon", s.p.name, version))
	if err := s.p.detached.ready(s.p); err != nil {
		return s.end(exit.IO, err)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	d := &daemon{service: s, interval: interval, path: s.c.Rcfile.Or(s.at.rcfile), fixed: fixed(cfg.Globals)}
	d.accounts.Store(int64(len(accounts)))
	d.stamp = d.fileStamp()
	if d.manager, err = process.NewNotifier(s.p.env); err != nil {
		return s.end(exit.IO, err)
	}
	defer d.manager.Close()
	d.scheduler = s.scheduler(cfg, interval, func(o schedule.Outcome) {
		d.report(ctx, o)
		d.slept()
	})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		d.scheduler.Run(ctx, accounts)
	}()
	d.manager.Ready()
	d.serve(ctx)
	d.manager.Stopping()
	cancel()
	s.awaitEnd(ended)
	return exit.Mail
}

// awaitEnd waits until the retrievals have ended, but not for one that hangs.
func (s *service) awaitEnd(ended <-chan struct{}) {
	timer := time.NewTimer(endTimeout)
	defer timer.Stop()
	select {
	case <-ended:
	case <-timer.C:
		s.log.Warn("some retrievals did not end in time")
	}
}

// report is service.report, but for an error that was reported before.
func (d *daemon) report(ctx context.Context, o schedule.Outcome) {
	a := o.Account
	a.Notify(ctx, o.Err)

	switch {
	case o.Recovered:
		d.log.Info("retrieval works again", "account", a.Name)
	case o.Repeats:
		d.log.Debug(fetch.EventQueryFailed, "account", a.Name, "err", o.Err, "kind", fetch.KindOf(o.Err))
		return
	}
	d.service.report(ctx, a, o.Result, o.Err)
}

// daemon is what the signals of a running daemon act on.
type daemon struct {
	*service
	scheduler *schedule.Scheduler
	manager   *process.Notifier
	interval  time.Duration
	path      string // of the rc file
	stamp     string
	fixed     string // what a reload can't change
	accounts  atomic.Int64
	finished  atomic.Int64
}

// serve acts on signals, and on a changed rc file, until it is told to end.
func (d *daemon) serve(ctx context.Context) {
	look := time.NewTicker(d.interval)
	defer look.Stop()
	life, stop := d.manager.Tick()
	defer stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-life:
			d.manager.Alive(d.scheduler)
		case <-look.C:
			d.reloadChanged(ctx)
		case sig := <-d.p.signals:
			switch sig {
			case unix.SIGUSR1:
				d.log.Info("awakened by " + signalName(sig))
				d.reloadChanged(ctx)
				d.resolver.Retry()
				d.scheduler.Wake()
			case unix.SIGHUP:
				d.manager.Reloading()
				d.reopenLog()
				d.reload(ctx)
				d.manager.Ready()
			default:
				d.log.Info("terminated with " + signalName(sig))
				signal.Reset(unix.SIGTERM, unix.SIGINT) // a second one ends the process at once
				return
			}
		}
	}
}

// signalName is fetchmail's way to name a signal: "signal 15".
func signalName(sig os.Signal) string {
	if s, ok := sig.(unix.Signal); ok {
		return fmt.Sprintf("signal %d", int(s))
	}
	return sig.String()
}

func (d *daemon) reopenLog() {
	if err := d.log.Reopen(); err != nil {
		d.log.Error("the log stays in the old file", "err", err)
	}
}

// reloadChanged reads the rc file again if it was changed.
func (d *daemon) reloadChanged(ctx context.Context) {
	if d.fileStamp() != d.stamp {
		d.reload(ctx)
	}
}

// reload reads the rc file again. A broken one, or one that leaves no account, changes nothing.
func (d *daemon) reload(ctx context.Context) {
	d.stamp = d.fileStamp()
	if d.path == "-" {
		d.log.Warn("the configuration came from standard input and can't be read again")
		return
	}
	cfg, err := d.p.configuration(d.c, d.at)
	if err == nil && len(account.Selected(cfg, d.c.Servers)) == 0 { // an editor may have it half written
		cfg = nil
		if _, err = os.Stat(d.path); err == nil {
			err = errors.New(d.path + " names no mailservers")
		}
	}
	var accounts []*fetch.Account
	if err == nil {
		accounts, err = d.wire(cfg)
	}
	if d.refuse(err) && len(accounts) == 0 {
		what := " can't be used"
		if _, broken := errors.AsType[*rcfile.Error](err); broken {
			what = " is broken"
		}
		d.log.Error(d.path + what + "; the old configuration stays in use")
		return
	}
	if fixed(cfg.Globals) != d.fixed {
		d.log.Warn("what was changed with set is heeded by a new daemon only; " + d.p.name + " -q ends this one")
	}
	for _, w := range cfg.Warnings {
		d.log.Warn(w.Error())
	}
	if err := d.takeOver(ctx, cfg, accounts); err != nil {
		d.log.Error(logging.EventError, "err", err)
	}
	d.accounts.Store(int64(len(accounts)))
	d.scheduler.Replace(accounts)
	d.log.Info("read " + d.path + " again: " + logging.Counted(int64(len(accounts)), "account"))
}

// fixed changes with the settings that a running daemon doesn't heed.
func fixed(g rcfile.Globals) string {
	return fmt.Sprintf("%d %q %q %q %t %d %d", g.Daemon.Value, g.Logfile.Value, g.Idfile.Value, g.Pidfile.Value,
		g.Syslog.Value, g.MaxPolls.Value, g.MaxPerHost.Value)
}

// fileStamp changes when the rc file does.
func (d *daemon) fileStamp() string {
	info, err := os.Stat(d.path)
	if err != nil {
		return ""
	}
	return fmt.Sprint(info.Size(), info.ModTime().UnixNano())
}

// slept says fetchmail's "sleeping at" each time all accounts have had a retrieval.
func (d *daemon) slept() {
	n := d.accounts.Load()
	if done := d.finished.Add(1); n > 0 && done%n == 0 {
		d.log.Log(context.Background(), logging.LevelTrace, fmt.Sprintf("sleeping at %s for %d seconds",
			time.Now().Format("Mon Jan _2 15:04:05 2006"), int(d.interval/time.Second)))
	}
}
