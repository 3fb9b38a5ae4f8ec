package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"fetchd/cmd/fetchd/internal/account"
	"fetchd/cmd/fetchd/internal/account/secret"
	"fetchd/cmd/fetchd/internal/cli"
	"fetchd/cmd/fetchd/internal/exit"
	"fetchd/cmd/fetchd/internal/logging"
	"fetchd/fetch"
	"fetchd/rcfile"
)

func checkConfigCommand() cli.Subcommand {
	return cli.Subcommand{
		Name: "check-config", Args: "[-f FILE] [server…]",
		Summary: "Checks the rc file, and the files, commands and settings that it names, and says what " +
			"would be polled. Connects to no server, but where an entry names no destination " +
			"it looks whether this machine's mail server answers.",
	}
}

// configCheck prints what it finds and keeps the first status that is not a success.
type configCheck struct {
	p      *program
	status exit.Status
	log    *logging.Logger
}

// reportError prints what keeps an account, or everything, from working: a line for each mistake.
func (k *configCheck) reportError(s exit.Status, err error) {
	for _, e := range flatten(err) {
		fmt.Fprintf(k.p.stdout, "ERROR    %s\n", logging.Escape(e.Error()))
	}
	if k.status == exit.Mail {
		k.status = s
	}
}

func runCheckConfig(_ context.Context, p *program, c *cli.CommandLine) exit.Status {
	at, err := p.places()
	if err != nil {
		return p.fail(exit.Internal, err)
	}

	k := &configCheck{p: p, log: logging.NewWarnings(p.stdout)}
	cfg, err := p.configuration(c, at)
	if err != nil {
		k.reportError(statusOfConfig(err), err)
		return k.status
	}

	p.warn(c, cfg, k.log)
	for _, warning := range account.GlobalDoubts(&cfg.Globals) {
		k.log.Warn(warning)
	}

	polls := account.Selected(cfg, c.Servers)
	if len(polls) == 0 {
		k.reportError(exit.Syntax, p.nothingSelected(cfg, c.Rcfile.Or(at.rcfile)))
	}

	// Everything is checked, whatever was found before: one run is to show all that is wrong.
	k.checkPolls(c, at, cfg, polls)
	if len(c.Servers) == 0 {
		k.printSkipped(cfg)
	}
	missing, err := checkLogfile(cfg)
	if missing != nil {
		k.log.Warn(missing.Error())
	}
	if err := errors.Join(checkPlaces(at, cfg), err); err != nil {
		k.reportError(exit.IO, err)
	}

	return k.status
}

// checkPolls makes each account as a real run would, and also checks what a run would find out only later.
func (k *configCheck) checkPolls(c *cli.CommandLine, at *places, cfg *rcfile.Config, polls []*rcfile.Poll) {
	// A real service and its resolver: a check of its own would one day disagree with what a run does.
	s := k.p.newService(c, at, k.log, false)
	r := s.resolver
	r.Survey(cfg)
	finder := k.p.newFinder(at, k.log)

	var accounts []*fetch.Account
	for _, poll := range polls {
		for i := range poll.Users {
			u := &poll.Users[i]
			a, warnings, err := r.Account(poll, u)
			k.warn(warnings)
			if err != nil {
				k.reportRefusal(err)
				continue
			}

			accounts = append(accounts, a)
			k.checkPassword(a, finder, r.Login(poll, u), r.Check(poll, u))
			for _, text := range account.Doubts(&cfg.Globals, poll, u, a) {
				k.log.Warn(text, "account", a.Name)
			}
		}
	}

	// Account makes each account alone; what Resolve does over all of them comes here.
	accounts, warnings := account.SeparateOwners(accounts)
	k.warn(slices.Concat(warnings, account.SharedMailboxes(accounts), r.Circles(polls)))
	k.reportRefusal(errors.Join(s.checkWatched(cfg), r.CheckAdministrator(cfg)))
}

// checkPassword looks for the password, and says what is done for the account and what is missing for that.
func (k *configCheck) checkPassword(
	a *fetch.Account, finder *secret.Finder, login secret.Login, missing []error,
) {
	stored, err := finder.Stored(login)
	if err != nil {
		missing = append(missing, err)
	}

	k.printSummary(a, missing)
	if err == nil && !stored && login.Needed {
		k.log.Warn("no password is named or stored; systemd hands it over, or the terminal is asked",
			"account", a.Name)
	}
}

func (k *configCheck) warn(warnings []account.Warning) {
	for _, w := range warnings {
		k.log.Warn(w.Text, "account", w.Account)
	}
}

// printSummary says what would be done for the account, and what it lacks.
func (k *configCheck) printSummary(a *fetch.Account, missing []error) {
	label := "ok    "
	if len(missing) > 0 {
		label = "not ok"
	}
	fmt.Fprintf(k.p.stdout, "%s   %s\n", label, logging.Escape(account.Summary(a)))
	for _, err := range flatten(errors.Join(missing...)) {
		k.reportError(statusOfMissing(err), &account.RefusedError{Account: a.Name, Err: err})
	}
}

// printSkipped names the entries that nothing was checked of.
func (k *configCheck) printSkipped(cfg *rcfile.Config) {
	for i := range cfg.Polls {
		if name := cfg.Polls[i].Name; !cfg.Polls[i].Active {
			fmt.Fprintf(k.p.stdout, "skip     %s\n", logging.Escape(fmt.Sprintf(
				"%s: only when it is named, as in %s check-config %s", name, k.p.name, name)))
		}
	}
}

// statusOfMissing is the status of what an account lacks: of a login that is needed it is the one that a run
// ends with.
func statusOfMissing(err error) exit.Status {
	if exit.OfError(err) == exit.Auth {
		return exit.Auth
	}
	return exit.IO
}

func (k *configCheck) reportRefusal(err error) {
	for _, e := range flatten(err) {
		if e == nil {
			continue
		}
		st := exit.Syntax
		if errors.Is(e, fs.ErrNotExist) || errors.Is(e, fs.ErrPermission) {
			st = exit.IO
		}
		k.reportError(st, e)
	}
}
