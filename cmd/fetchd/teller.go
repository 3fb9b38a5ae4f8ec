package main

import (
	"context"
	"errors"
	"time"

	"fetchd/cmd/fetchd/internal/logging"
	"fetchd/cmd/fetchd/internal/shell"
	"fetchd/cmd/fetchd/internal/status"
	"fetchd/fetch"
	"fetchd/rcfile"
	"fetchd/tlsverify/hints"
)

const (
	alertTimeout = time.Minute // of the command that tells an administrator
	alertOutput  = 4 << 10     // how many bytes of what it prints are kept

	// tellDelay gathers what fails together into one mail.
	tellDelay = 2 * time.Second
	// tellInterval is how often a daemon looks for what only time makes worth telling.
	tellInterval = time.Minute
)

// teller tells an administrator of accounts that need one, by the command and the mail that the rc file
// names.
type teller struct {
	log     *logging.Logger
	alerts  *status.Alerts
	command string         // "" = none
	mail    *fetch.Account // nil = none
}

// newTeller makes the teller that cfg asks for. before says what was told already.
func (s *service) newTeller(cfg *rcfile.Config, before status.Report) (*teller, error) {
	mail, err := s.resolver.Administrator(cfg)
	t := &teller{log: s.log, alerts: status.NewAlerts(before), command: cfg.Globals.Alert.Value, mail: mail}
	return t, err
}

// tell tells what is due of the accounts of report, and notes there that it was. It returns whether there was
// anything.
func (t *teller) tell(ctx context.Context, report *status.Report) bool {
	t.alerts.Fill(report)
	// What nobody hears is not told: somebody may be named tomorrow.
	if t.command == "" && t.mail == nil {
		return false
	}
	alerts := t.alerts.Take(report)
	if len(alerts) == 0 {
		return false
	}

	var failed []status.Alert
	for _, a := range alerts {
		if err := t.run(ctx, a); err != nil {
			failed = append(failed, a)
			t.log.Error("the alert command fails", "account", a.Account, "err", err)
		}
	}
	if t.mail == nil {
		t.alerts.Undo(failed)
	} else if err := t.mail.DeliverNotice(ctx, status.Notice(alerts, report)); err != nil {
		t.log.Error("the notice to the postmaster is not delivered", "err", err)
		// Whom the command has told knows it.
		if t.command == "" {
			failed = alerts
		}
		t.alerts.Undo(failed)
	}
	t.alerts.Fill(report)
	return true
}

// run runs the command for an alert; without one it does nothing.
func (t *teller) run(ctx context.Context, a status.Alert) error {
	if t.command == "" {
		return nil
	}
	out := &shell.Output{Limit: alertOutput}
	err := shell.Run(ctx, t.command, alertTimeout, out, out, a.Environment()...)
	if err == nil {
		return nil
	}
	return hints.Errorf("try it by hand", "alertcommand %s: %w%s", shell.Describe(t.command), err,
		shell.Printed(out.String()))
}

// tellAll tells an administrator what is due, whenever something may be, until ctx ends. It is not done where
// the news comes from: commands and mail servers may hang.
func (d *daemon) tellAll(ctx context.Context) {
	ticker := time.NewTicker(tellInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		case <-d.news:
			if !wait(ctx, tellDelay) {
				return
			}
		}

		report := d.status(nil)
		if d.teller.tell(ctx, &report) {
			// At once: a daemon that is killed leaves nothing else behind, and the next one must not tell it
			// all again.
			d.saveWholeStatus()
		}
	}
}

// noteNews has an administrator told soon of what is due.
func (d *daemon) noteNews() {
	select {
	case d.news <- struct{}{}:
	default:
	}
}

// wait waits for a time; false = ctx ended before.
func wait(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// checkWatched returns a mistake in what cfg says about those who watch over the accounts.
func (s *service) checkWatched(cfg *rcfile.Config) error {
	g := cfg.Globals
	var errs []error
	if g.Metrics.Value != "" {
		errs = append(errs, status.CheckAddress(g.Metrics.Value))
	} else if g.StatusPage.Value {
		errs = append(errs, hints.Errorf(`add set metrics "127.0.0.1:9250"`,
			"statuspage does nothing without metrics, which says where"))
	}
	if g.Alert.Value != "" {
		errs = append(errs, shell.Check("alertcommand", g.Alert.Value))
	}
	_, err := s.resolver.Administrator(cfg)
	return errors.Join(append(errs, err)...)
}
