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
	"fetchd/cmd/fetchd/internal/status"
	"fetchd/fetch"
	"fetchd/fetch/schedule"
	"fetchd/rcfile"
)

// runDaemon retrieves from the accounts of cfg again and again until ctx ends.
func (s *service) runDaemon(ctx context.Context, cfg *rcfile.Config, interval time.Duration) exit.Status {
	if err := s.checkWatched(cfg); err != nil {
		return s.fail(exit.Syntax, err)
	}
	accounts, err := s.resolveAtStart(ctx, cfg)
	if ctx.Err() != nil {
		return exit.Mail
	}
	if s.reportRefused(err) && len(accounts) == 0 {
		return exit.OfRefused(err)
	}
	refused := refusedAccounts(err)
	if err := s.continueRecords(ctx, cfg, accounts); err != nil {
		return s.fail(exit.IO, err)
	}
	cfg.Polls = nil // the accounts say it all; a file of thousands need not stay in memory

	before, _ := status.Load(statusPath(s.at, cfg)) // what is lost is told once more
	d, err := s.newDaemon(cfg, interval, len(accounts), before)
	if err != nil {
		return s.fail(exit.IO, err)
	}
	defer d.manager.Close()
	first := newFirstPass(accounts)
	d.setScheduler(ctx, cfg, before, first)

	// After the lock: the socket that is there already is then a dead daemon's.
	d.setRefused(refused, before)
	defer d.serveStatus(cfg.Globals)()

	s.log.Info(fmt.Sprintf("starting %s %s daemon", s.p.name, release()))
	stopping := sync.OnceFunc(d.manager.Stopping)
	defer context.AfterFunc(ctx, stopping)()
	// The last step before the first retrieval: whoever waits for READY finds that signals and status work.
	d.manager.Ready()

	// Nobody waits for these: what a reload reads, the terminal or whoever is told of trouble may hang, and
	// must delay neither the end nor the signs of life. All that may fail at the start comes before.
	go d.abortWithSummary()
	go d.leaveTerminal(ctx, first)
	go d.tellAll(ctx)
	go d.keepStatus(ctx, first)
	go d.serve(ctx)
	go d.showLife(ctx)
	go giveBackMemory(ctx)
	d.scheduler.Run(ctx, accounts)
	// Once more, as Run may end by itself; the manager hears it only once.
	stopping()
	// After Run, so that the file has the final figures.
	d.saveWholeStatus()
	return exit.Mail
}

// newDaemon makes the daemon of so many accounts, without a scheduler, and connects it to the service
// manager. before is what the last one left behind.
func (s *service) newDaemon(cfg *rcfile.Config, interval time.Duration, accounts int,
	before status.Report) (*daemon, error) {
	d := &daemon{service: s, interval: interval, path: s.c.Rcfile.Or(s.at.rcfile),
		fixed: fixedSettings(cfg.Globals), news: make(chan struct{}, 1), started: time.Now(),
		file: newStatusFile(statusPath(s.at, cfg))}
	d.accounts.Store(int64(accounts))
	collectFor(accounts, d.p.env)
	var err error
	if d.manager, err = process.NewNotifier(s.p.env); err != nil {
		// The variable may have come from the session that started us: mail is worth more than who is told.
		s.log.Warn("the service manager is told nothing", "err", err)
	}
	d.teller, err = s.newTeller(cfg, before)
	return d, err
}

// setScheduler makes the scheduler, which continues with what the report of the last daemon or pass says of
// the accounts' past.
func (d *daemon) setScheduler(ctx context.Context, cfg *rcfile.Config, before status.Report,
	first *firstPass) {
	o := d.options(cfg, d.interval)
	o.Past = before.Pasts()
	// Whoever has started the daemon looks at once, and the first tick comes after half a minute.
	o.Started = d.tellManager
	o.Done = func(o schedule.Outcome) {
		d.report(ctx, o)
		if o.Err != nil || o.Recovered {
			d.noteNews()
		}
		d.file.note(o, first.add(o))
		d.logSleeping()
	}
	d.scheduler = schedule.New(o)
}

// report is service.report, except that it logs an error that repeats only now and then.
func (d *daemon) report(ctx context.Context, o schedule.Outcome) {
	a := o.Account
	// Also for errors that repeat: Notify decides by itself when a mail is due.
	a.Notify(ctx, o.Err)

	switch {
	case o.Recovered:
		d.log.Info("retrieval works again", "account", a.Name)
	case o.Repeats:
		d.log.Log(ctx, logging.LevelTrace, fetch.EventQueryFailed, "account", a.Name, "err", o.Err, "kind",
			fetch.KindOf(o.Err))
		return
	}
	d.service.report(ctx, a, o.Result, o.Err)
}

// daemon is the state that signals, reloads and the service manager act on.
type daemon struct {
	*service
	scheduler *schedule.Scheduler
	manager   *process.Notifier
	interval  time.Duration
	path      string       // of the rc file
	fixed     string       // fixedSettings when the daemon started
	accounts  atomic.Int64 // how many there are now
	teller    *teller
	news      chan struct{} // capacity 1: there may be something to tell
	started   time.Time
	file      *statusFile
	refused   atomic.Pointer[status.Report] // of those that can't be retrieved from
	finished  atomic.Int64                  // retrievals that have ended

	journalGone bool // owned by serve
}

// serve acts on signals, and on a changed rc file, until ctx ends.
func (d *daemon) serve(ctx context.Context) {
	poll := time.NewTicker(d.interval)
	defer poll.Stop()

	for {
		select {
		case <-ctx.Done():
			return
		case <-poll.C:
			d.checkJournal()
			d.reloadChanged(ctx)

		case sig := <-d.p.signals.wake:
			d.log.Info("awakened by " + signalName(sig))
			d.reloadChanged(ctx)
			// Before Wake: otherwise accounts would begin with what they have set aside.
			d.resolver.Retry()
			d.logTrouble()
			d.scheduler.Wake()

		case <-d.p.signals.retry:
			d.log.Info("messages are to be tried again")
			d.retryAsked(ctx)

		case <-d.p.signals.reload:
			d.manager.Reloading()
			// First the log: what the reload has to say goes into the new file.
			d.reopenLog()
			d.reload(ctx)
			d.manager.Ready()
			d.tellManager()
		}
	}
}

// checkJournal warns once if the journal was removed or replaced.
func (d *daemon) checkJournal() {
	err := d.journal.CheckPlace()
	if err != nil && !d.journalGone {
		d.log.Warn("what is delivered is not recorded for good", "err", err)
	}
	d.journalGone = err != nil
}

// logTrouble names the accounts in trouble: whoever reads the log now may not have read it when they failed.
func (d *daemon) logTrouble() {
	report := d.status(nil)
	if _, troubled := report.Troubled(); troubled > 0 {
		d.log.Warn(report.Summary())
	}
}

// retryAsked polls the accounts that "retry" was called for. The requests may have been obeyed already, by a
// retrieval that began meanwhile; then there is nothing to do.
func (d *daemon) retryAsked(ctx context.Context) {
	asked := map[string]bool{} // by record: several accounts may share one
	d.scheduler.WakeOnly(func(a *fetch.Account) bool {
		asked[a.Key] = asked[a.Key] || a.ObeyRetry(ctx)
		return asked[a.Key]
	})
}

// showLife tells the service manager how the scheduler is doing, until ctx ends.
func (d *daemon) showLife(ctx context.Context) {
	alive, stop := d.manager.Tick()
	defer stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-alive:
			d.tellManager()
		}
	}
}

// tellManager gives the service manager a sign of life, with the status line.
func (d *daemon) tellManager() {
	if d.manager == nil {
		return
	}
	report := d.status(nil)
	d.manager.Alive(d.scheduler.Stalled(), report.Summary())
}

// logSleeping logs fetchmail's "sleeping at" whenever as many retrievals have ended as there are accounts.
func (d *daemon) logSleeping() {
	n := d.accounts.Load()
	if done := d.finished.Add(1); n > 0 && done%n == 0 {
		d.log.Log(context.Background(), logging.LevelTrace, fmt.Sprintf("sleeping at %s for %d seconds",
			time.Now().Format("Mon Jan _2 15:04:05 2006"), int(d.interval/time.Second)))
	}
}
