package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"

	"fetchd/fetch"
	"fetchd/rcfile"
)

func checkConfigCommand() subcommand {
	return subcommand{
		name: "check-config", args: "[-f FILE] [server…]",
		summary: "Checks the rc file, and the files, commands and settings that it names, without connecting anywhere, and says what would be polled.",
		run:     runCheckConfig,
	}
}

// configCheck collects what is found.
type configCheck struct {
	p      *program
	status status
	log    *slog.Logger
}

// bad notes a mistake that keeps an account, or everything, from working.
func (k *configCheck) bad(s status, err error) {
	fmt.Fprintf(k.p.stdout, "ERROR    %s\n", escape(err.Error()))
	if k.status == exitMail {
		k.status = s
	}
}

// writeLine implements lineSink: the wiring's own warnings become ours.
func (k *configCheck) writeLine(l line) error {
	if l.level >= slog.LevelWarn {
		fmt.Fprintf(k.p.stdout, "%s\n", l.text)
	}
	return nil
}

func runCheckConfig(_ context.Context, p *program, c *commandLine) status {
	at, err := p.places()
	if err != nil {
		return p.fail(exitInternal, err)
	}
	k := &configCheck{p: p}
	k.log = slog.New(&textHandler{sink: k, level: slog.LevelWarn})
	cfg, err := p.configuration(c, at)
	if err != nil {
		for _, e := range flatten(err) {
			k.bad(statusOfConfig(err), e)
		}
		return k.status
	}
	p.warn(c, cfg, &logger{Logger: k.log})
	for _, warning := range globalDifferences(&cfg.Globals) {
		k.log.Warn(warning)
	}
	polls := selected(cfg, c.servers)
	if len(polls) == 0 {
		k.bad(exitSyntax, errors.New("no server is to be polled; add a poll entry"))
	}
	k.polls(c, at, cfg, polls)
	if err := checkPlaces(at, cfg); err != nil {
		k.bad(exitIO, err)
	}
	return k.status
}

// polls wires each account as a real run would, and looks further into what a run would find out only later.
func (k *configCheck) polls(c *commandLine, at *places, cfg *rcfile.Config, polls []*rcfile.Poll) {
	s := k.p.newService(c, at, &logger{Logger: k.log})
	w := s.memory
	var accounts []*fetch.Account
	for _, poll := range polls {
		for i := range poll.Users {
			u := &poll.Users[i]
			a, err := w.account(poll, u)
			if err != nil {
				k.refused(w.name(poll, u), err)
				continue
			}
			accounts = append(accounts, a)
			stored, err := s.secrets.stored(w.lookup(poll, u))
			missing := checkFiles(poll, u, s.at.home)
			if err != nil {
				missing = append(missing, err)
			}
			k.summary(a, missing)
			for _, warning := range append(doubts(cfg, poll, u, a), differences(poll, u, a)...) {
				k.log.Warn(warning, "account", a.Name)
			}
			if err == nil && !stored && w.lookup(poll, u).needed {
				k.log.Warn("no password is named; it will be asked for on the terminal", "account", a.Name)
			}
		}
	}
	accounts = apart(accounts, func(a *fetch.Account, text string) { k.log.Warn(text, "account", a.Name) })
	for a, warning := range alike(accounts) {
		k.log.Warn(warning, "account", a.Name)
	}
}

// summary says what would be done for the account, and what it lacks.
func (k *configCheck) summary(a *fetch.Account, missing []error) {
	label := "ok    "
	if len(missing) > 0 {
		label = "not ok"
	}
	fmt.Fprintf(k.p.stdout, "%s   %s\n", label, escape(summary(a)))
	for _, err := range missing {
		k.bad(exitIO, &refusedError{a.Name, err})
	}
}

func (k *configCheck) refused(account string, err error) {
	for _, e := range flatten(err) {
		var mistake *rcfile.Error
		if !errors.As(e, &mistake) {
			e = &refusedError{account, e}
		}
		st := exitSyntax
		if errors.Is(e, fs.ErrNotExist) || errors.Is(e, fs.ErrPermission) {
			st = exitIO
		}
		k.bad(st, e)
	}
}

// summary says what would be done for an account.
func summary(a *fetch.Account) string {
	text := fmt.Sprintf("%s: %s from %s", a.Name, a.Protocol, a.Host)
	if a.Port != 0 {
		text += fmt.Sprintf(" port %d", a.Port)
	}
	switch a.TLS {
	case fetch.StartTLS:
		text += " with STARTTLS"
	case fetch.Wrapped:
		text += " with TLS"
	default:
		text += " in clear text"
	}
	if a.Keep {
		text += ", kept there"
	}
	return text + ", into " + a.Deliverer.String()
}

// doubts are settings that are allowed but hardly meant.
func doubts(cfg *rcfile.Config, poll *rcfile.Poll, u *rcfile.User, a *fetch.Account) []string {
	return found([]doubt{
		{!poll.Protocol.Set, "no protocol is named: IMAP is tried, then POP3; name it with proto"},
		{a.FetchAll && a.Keep && cfg.Globals.Daemon.Value > 0, "fetchall with keep in a daemon retrieves everything again at every poll; remove one of them"},
		{a.Keep && a.Protocol != fetch.IMAP && poll.UIDL.Set && !poll.UIDL.Value, "keep needs UIDL, which is used in spite of no uidl; a server without it is refused"},
		{a.LimitFlush && a.Limit == 0, "limitflush does nothing without limit"},
		{a.Idle && a.Protocol == fetch.POP3, "idle does nothing with POP3"},
		{a.Idle && cfg.Globals.Daemon.Value == 0, "idle does nothing without daemon"},
		{a.Protocol == fetch.POP3 && len(a.Mailboxes) > 0, "folder does nothing with POP3"},
		{a.MoveTo != "" && a.Keep, "keep and moveto contradict each other"},
		{len(u.SSLFingerprints) > 0 && a.TLS == fetch.ClearText, "sslfingerprint does nothing without TLS"},
	})
}

// doubt is a warning, if it applies.
type doubt struct {
	applies bool
	text    string
}

// found are the texts of those that apply.
func found(doubts []doubt) []string {
	var texts []string
	for _, d := range doubts {
		if d.applies {
			texts = append(texts, d.text)
		}
	}
	return texts
}
