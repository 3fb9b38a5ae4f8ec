package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"fetchd/cmd/fetchd/internal/account"
	"fetchd/cmd/fetchd/internal/logging"
	"fetchd/fetch"
	"fetchd/rcfile"
)

func (d *daemon) reopenLog() {
	if err := d.log.Reopen(); err != nil {
		d.log.Error("the log stays in the old file", "err", err)
	}
}

// reloadChanged reads the rc file again if it, or a file that it includes, was changed.
func (d *daemon) reloadChanged(ctx context.Context) {
	if d.p.rcfiles.haveChanged() {
		d.reload(ctx)
	}
}

// reload reads the rc file again. A broken one, or one that leaves no account, changes nothing.
func (d *daemon) reload(ctx context.Context) {
	if d.path == "-" {
		d.log.Warn("the configuration came from standard input and can't be read again")
		return
	}

	cfg, err := d.p.configuration(d.c, d.at)
	// An editor may have written only half of it.
	if err == nil && len(account.Selected(cfg, d.c.Servers)) == 0 {
		cfg = nil
		if _, err = os.Stat(d.path); err == nil {
			err = errors.New(d.path + " names no mailservers")
		}
	}

	var accounts []*fetch.Account
	if err == nil {
		accounts, err = d.resolveAccounts(cfg)
	}
	if ctx.Err() != nil { // the daemon is ending, and the journal may be closed
		return
	}
	// An entry that is refused does not keep the others from being replaced; only if none is left, all stay.
	if d.reportRefused(err) && len(accounts) == 0 {
		what := " can't be used"
		if _, broken := errors.AsType[*rcfile.Error](err); broken {
			what = " is broken"
		}
		d.log.Error(d.path + what + "; the old configuration stays in use")
		return
	}
	// Compared with the start, not with the last reload: the warning stays true until the restart.
	if fixedSettings(cfg.Globals) != d.fixed {
		d.log.Warn("changed \"set\" options take effect after a restart; " + d.p.name +
			" -q ends this daemon")
	}

	for _, w := range cfg.WarningsAbout(account.Selected(cfg, d.c.Servers)) {
		d.log.Warn(logging.EventError, "err", w)
	}

	// Records are continued before the scheduler starts the accounts, to which all mail would be new
	// otherwise.
	if err := d.continueRecords(ctx, cfg, accounts); err != nil {
		d.log.Error(logging.EventError, "err", err)
	}

	d.accounts.Store(int64(len(accounts)))
	collectFor(len(accounts), d.p.env)
	d.scheduler.Replace(accounts)
	d.setRefused(refusedAccounts(err), *d.refused.Load())
	d.log.Info("read " + d.path + " again: " + logging.Counted(int64(len(accounts)), "account"))
	d.logTrouble()
}

// fixedSettings is a digest of the settings that a reload can't change.
func fixedSettings(g rcfile.Globals) string {
	return fmt.Sprintf("%d %q %q %q %t %d %d %q %t %q %q %q", g.Daemon.Value, g.Logfile.Value, g.Idfile.Value,
		g.Pidfile.Value,
		g.Syslog.Value, g.MaxPolls.Value, g.MaxPerHost.Value, g.Metrics.Value,
		g.StatusPage.Value, g.Alert.Value, g.Notify.Value, g.Postmaster.Value)
}
