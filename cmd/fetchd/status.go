package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"fetchd/cmd/fetchd/internal/account"
	"fetchd/cmd/fetchd/internal/cli"
	"fetchd/cmd/fetchd/internal/exit"
	"fetchd/cmd/fetchd/internal/logging"
	"fetchd/cmd/fetchd/internal/status"
	"fetchd/fetch/schedule"
	"fetchd/rcfile"
	"fetchd/tlsverify/hints"

	"golang.org/x/sys/unix"
)

func statusCommand() cli.Subcommand {
	return cli.Subcommand{
		Name: "status", Args: "[--check | --json] [ACCOUNT…]",
		Summary: "Says how the accounts are doing: what a running daemon knows, or what the last " +
			"pass left behind. " +
			"The status is 0, 1 if an account is in trouble, 3 if nothing is known, or 5 (with --check " +
			"3) if no account is called ACCOUNT.",
		Options: []cli.Option{
			{Long: "json", Help: "print the result as JSON"},
			{Long: "check", Help: "print one line, with performance data, for monitoring programs"},
		},
	}
}

// The statuses of the subcommand, which monitoring programs know.
const (
	statusTrouble exit.Status = 1
	statusUnknown exit.Status = 3
)

func runStatus(ctx context.Context, p *program, c *cli.CommandLine) exit.Status {
	report, err := p.currentStatus(ctx, c)
	if err != nil {
		return p.failStatus(c, statusUnknown, err)
	}

	// A name that means no account is an error: a monitoring program must not be told that all is well
	// because of a slip.
	if unknown := report.Select(c.Servers); len(unknown) > 0 {
		return p.failStatus(c, exit.Syntax, hints.Errorf(fmt.Sprintf("%s status lists all accounts", p.name),
			"no account is called %q", strings.Join(unknown, ", ")))
	}
	if err := p.printStatus(c, &report); err != nil {
		return p.fail(exit.IO, err)
	}
	if _, troubled := report.Troubled(); troubled > 0 {
		return statusTrouble
	}
	return exit.Mail
}

// failStatus reports that nothing can be said, and returns s; monitoring programs are told in their own way.
func (p *program) failStatus(c *cli.CommandLine, s exit.Status, err error) exit.Status {
	if c.Has("check") {
		fmt.Fprintln(p.stdout, "FETCHD UNKNOWN -", logging.Escape(logging.OneLine(err.Error())))
		return statusUnknown
	}
	return p.fail(s, err)
}

func (p *program) printStatus(c *cli.CommandLine, report *status.Report) error {
	switch {
	case c.Has("json"):
		return report.JSON(p.stdout)
	case c.Has("check"):
		_, err := fmt.Fprintln(p.stdout, report.Line())
		return err
	}
	return report.Text(p.stdout, len(c.Servers) > 0)
}

// currentStatus asks the daemon, or else reads what the last pass left behind.
func (p *program) currentStatus(ctx context.Context, c *cli.CommandLine) (status.Report, error) {
	at, err := p.places()
	if err != nil {
		return status.Report{}, err
	}

	// The rc file only says where lock and journal are: a daemon can be asked while it is broken.
	cfg, rcErr := p.rcConfiguration(c, at)
	if rcErr != nil {
		cfg = new(rcfile.Config)
		override(c, cfg)
	}

	locks := []string{cfg.Globals.Pidfile.Or(at.pidfile)}
	if p.uid == 0 && !cfg.Globals.Pidfile.Set {
		locks = append(locks, filepath.Join(p.runDir, "fetchd", "fetchd.pid")) // of the unit in docs/systemd
	}
	// The daemon before the file: what it knows is of this moment.
	for _, lock := range locks {
		report, err := status.Ask(ctx, status.SocketOf(lock), c.Servers...)
		// A daemon that is there but does not answer is reported; the file's old report would only hide that
		// it hangs.
		if err == nil || !isNobody(err) {
			return report, err
		}
	}

	report, err := status.Load(statusPath(at, cfg))
	if err == nil {
		report.Shorten(status.Named(c.Servers))
		return report, nil
	}
	if errors.Is(err, fs.ErrNotExist) {
		next := fmt.Sprintf("%s -d 300 starts a daemon, %s makes one pass; --pidfile names the lock of a "+
			"daemon that has another", p.name, p.name)
		err = hints.Errorf(next,
			"no daemon answers at %s, and no pass was recorded", status.SocketOf(locks[0]))
	}
	return report, errors.Join(err, rcErr)
}

// isNobody tells whether err means that no daemon listens.
func isNobody(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ECONNREFUSED)
}

// statusPath is the file in which the status is when no daemon runs.
func statusPath(at *places, cfg *rcfile.Config) string { return journalPath(at, cfg) + ".status" }

// recordPass leaves behind how a single pass ended. ctx is its context: retrievals that its end has cut short
// say nothing of their accounts.
func (s *service) recordPass(ctx context.Context, cfg *rcfile.Config, outcomes []schedule.Outcome,
	refused error) {
	// --check retrieves nothing, and so knows nothing about success.
	if s.c.Check {
		return
	}

	path := statusPath(s.at, cfg)
	before, err := status.Load(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		s.log.Debug("the status of the last pass is lost", "err", err)
	}

	ended := outcomes[:0:0]
	for _, o := range outcomes {
		if ctx.Err() == nil || !errors.Is(o.Err, context.Canceled) {
			ended = append(ended, o)
		}
	}
	report := status.AfterPass(before, ended, refusedAccounts(refused), s.isAccountOf(cfg), time.Now())
	if teller, err := s.newTeller(cfg, before); err != nil {
		s.log.Error(logging.EventError, "err", err)
	} else {
		teller.tell(ctx, &report)
	}
	if _, err := report.Save(path); err != nil {
		s.log.Warn("the status of this pass can't be recorded", "err", err)
	}
}

// isAccountOf returns a function that tells whether cfg has an account of that name.
func (s *service) isAccountOf(cfg *rcfile.Config) func(name string) bool {
	names := map[string]bool{}
	for i := range cfg.Polls {
		for j := range cfg.Polls[i].Users {
			names[s.resolver.Name(&cfg.Polls[i], &cfg.Polls[i].Users[j])] = true
		}
	}
	return func(name string) bool { return names[name] }
}

// refusedAccounts are the accounts that can't be retrieved from, and why.
func refusedAccounts(err error) map[string]string {
	reasons := map[string]string{}
	for _, e := range flatten(err) {
		if refused, ok := errors.AsType[*account.RefusedError](e); ok {
			reasons[refused.Account] = refused.Err.Error()
		}
	}
	return reasons
}

// serveStatus answers those that ask how the accounts of the daemon are, until stop is called. It never keeps
// the daemon from its work.
func (d *daemon) serveStatus(g rcfile.Globals) (stop func()) {
	socket, err := status.Serve(status.SocketOf(g.Pidfile.Or(d.at.pidfile)), d.status)
	if err != nil {
		d.log.Warn(fmt.Sprintf("%s status can't ask this daemon", d.p.name), "err", err)
	}

	var web *status.WebServer
	if g.Metrics.Value != "" {
		source := status.Source{Report: d.status, Stalled: d.scheduler.Stalled, Interval: d.interval}
		if g.StatusPage.Value {
			source.Hours = d.scheduler.Hours
		}
		web, err = status.ServeWeb(g.Metrics.Value, source)
		// A port that is taken is no reason to retrieve no mail.
		if err != nil {
			d.fail(exit.IO, err)
		}
	}

	return func() {
		socket.Close()
		web.Close()
	}
}

// saveStatus leaves behind what is new.
func (d *daemon) saveStatus() {
	if err := d.file.save(d.status); err != nil {
		d.log.Warn("the status can't be recorded", "err", err)
	}
}

// saveWholeStatus leaves behind all that is known.
func (d *daemon) saveWholeStatus() {
	d.file.renew()
	d.saveStatus()
}

// keepStatus leaves the status behind after the first retrievals, and then whenever there is news.
func (d *daemon) keepStatus(ctx context.Context, first *firstPass) {
	first.await(ctx)
	d.file.keep(ctx, d.saveStatus)
}

// setRefused notes which accounts can't be retrieved from, and why. before are those that were known.
func (d *daemon) setRefused(reasons map[string]string, before status.Report) {
	report := status.Of(nil, reasons, time.Now())
	report.Continue(before)
	d.refused.Store(&report)
	d.file.renew()
	d.noteNews()
}

// status is how the accounts are, with the past of those for which whole is true; nil = of none.
func (d *daemon) status(whole func(account string) bool) status.Report {
	report := status.Of(d.scheduler.StatesWith(whole), nil, time.Now())
	report.PID, report.Started = os.Getpid(), d.started
	report.Add(*d.refused.Load())
	report.Shorten(whole)
	d.teller.alerts.Fill(&report)
	return report
}
