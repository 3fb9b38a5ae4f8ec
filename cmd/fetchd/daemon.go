package main

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"fetchd/cmd/fetchd/internal/exit"
	"fetchd/cmd/fetchd/internal/logging"
	"fetchd/cmd/fetchd/internal/process"
	"fetchd/fetch"
	"fetchd/fetch/schedule"
	"fetchd/rcfile"
)

// runDaemon retrieves from the accounts of cfg, again and again, until ctx ends.
func (s *service) runDaemon(ctx context.Context, cfg *rcfile.Config, interval time.Duration) exit.Status {
	accounts, err := s.wire(cfg)
	if ctx.Err() != nil {
		return exit.Mail
	}
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

	stopping := sync.OnceFunc(d.manager.Stopping)
	defer context.AfterFunc(ctx, stopping)()
	d.manager.Ready()
	go d.serve(ctx) // nobody waits for it: what a reload reads may hang, and must not delay the end
	d.scheduler.Run(ctx, accounts)
	stopping()
	return exit.Mail
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

// serve acts on signals, and on a changed rc file, until ctx ends.
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
		case sig := <-d.p.signals.wake:
			d.log.Info("awakened by " + signalName(sig))
			d.reloadChanged(ctx)
			d.resolver.Retry()
			d.scheduler.Wake()
		case <-d.p.signals.reload:
			d.manager.Reloading()
			d.reopenLog()
			d.reload(ctx)
			d.manager.Ready()
		}
	}
}

// slept says fetchmail's "sleeping at" each time all accounts have had a retrieval.
func (d *daemon) slept() {
	n := d.accounts.Load()
	if done := d.finished.Add(1); n > 0 && done%n == 0 {
		d.log.Log(context.Background(), logging.LevelTrace, fmt.Sprintf("sleeping at %s for %d seconds",
			time.Now().Format("Mon Jan _2 15:04:05 2006"), int(d.interval/time.Second)))
	}
}
