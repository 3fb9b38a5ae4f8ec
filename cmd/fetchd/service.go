package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"slices"
	"time"

	"fetchd/cmd/fetchd/internal/account"
	"fetchd/cmd/fetchd/internal/account/oauth"
	"fetchd/cmd/fetchd/internal/account/secret"
	"fetchd/cmd/fetchd/internal/cli"
	"fetchd/cmd/fetchd/internal/exit"
	"fetchd/cmd/fetchd/internal/logging"
	"fetchd/delivery"
	"fetchd/delivery/ownfile"
	"fetchd/fetch"
	"fetchd/fetch/fault"
	"fetchd/fetch/journal"
	"fetchd/fetch/schedule"
	"fetchd/rcfile"
	"fetchd/tlsverify"
)

// service is a program that polls. It holds what survives reloads of the rc file.
type service struct {
	p        *program
	c        *cli.CommandLine
	at       *places
	log      *logging.Logger
	journal  *journal.Journal
	resolver *account.Resolver
}

// newService makes the service. With remember, as in a daemon, the accounts remember what they could not
// deliver.
func (p *program) newService(c *cli.CommandLine, at *places, log *logging.Logger, remember bool) *service {
	s := &service{p: p, c: c, at: at, log: log}
	finder := p.newFinder(at, log)
	if c.Command != nil { // a run that polls has asked at its start
		finder.Ask = p.prompt
	}

	hostname, err := os.Hostname()
	if err != nil {
		// For the Received line only; no reason not to retrieve.
		hostname = "localhost"
	}

	s.resolver = account.New(account.Environment{
		Getenv: p.env, Home: at.home, Caller: at.caller, AgentUser: at.agent, Hostname: hostname,
		Version: "fetchd/" + release(), Secrets: finder, Log: log.Logger, Trace: s.trace(),
		Hidden:     log.Hidden.Of,
		RemoveMany: c.Yes,
		Remember:   remember, MailServer: p.mailServer, DNS: p.dns, Output: p.stdout,
	})

	return s
}

// trace returns the function that makes an account's protocol trace, or nil if the log does not show it.
func (s *service) trace() func(account string) func(line string) {
	if s.log.Level > logging.LevelTrace {
		return nil
	}
	return func(account string) func(string) {
		return func(line string) {
			s.log.Log(context.Background(), logging.LevelTrace, logging.EventTrace,
				"account", account, "line", line)
		}
	}
}

func (p *program) newFinder(at *places, log *logging.Logger) *secret.Finder {
	said := new(logging.SaidBefore) // a daemon asks for a password at each login
	return &secret.Finder{
		Getenv: p.env, Netrc: at.netrc, Collected: p.collected,
		Grants: &oauth.Keeper{Dir: at.grants},
		Warn: func(account, text string) {
			if !said.Recently(text, time.Now()) {
				log.Warn(text, "account", account)
			}
		},
	}
}

// resolveAtStart is resolveAccounts, but for the end of ctx: what it reads may hang or take long, and nothing
// has begun that would have to be left in order. The error is then why ctx ended.
func (s *service) resolveAtStart(ctx context.Context, cfg *rcfile.Config) ([]*fetch.Account, error) {
	var accounts []*fetch.Account
	var err error
	resolved := make(chan struct{})
	go func() {
		defer close(resolved)
		fault.ReserveStack()
		accounts, err = s.resolveAccounts(cfg)
	}()

	select {
	case <-resolved:
		return accounts, err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// resolveAccounts makes the accounts of cfg that are to be retrieved from; the error is that of
// Resolver.Resolve.
func (s *service) resolveAccounts(cfg *rcfile.Config) ([]*fetch.Account, error) {
	polls := account.Selected(cfg, s.c.Servers)
	accounts, warnings, err := s.resolver.Resolve(cfg, polls, s.journal)
	for _, poll := range polls {
		for i := range poll.Users {
			u := &poll.Users[i]
			if where := s.resolver.Unnamed(u); where != "" {
				s.log.Info("no destination is named; mail goes "+where, "account", s.resolver.Name(poll, u))
			}
		}
	}

	for _, w := range warnings {
		s.log.Warn(w.Text, "account", w.Account)
	}
	return accounts, err
}

// openJournal opens the record of what was delivered.
func (s *service) openJournal(ctx context.Context, cfg *rcfile.Config) error {
	j, err := s.at.openJournal(ctx, cfg)
	if err != nil {
		return err
	}
	s.journal = j
	return nil
}

// continueRecords takes over the UIDs that fetchmail remembers, and our own record of an account whose port
// was changed, so that nobody gets a message twice.
func (s *service) continueRecords(ctx context.Context, cfg *rcfile.Config, accounts []*fetch.Account) error {
	err := account.ContinueRecords(ctx, s.journal, accounts, func(a *fetch.Account, port string) {
		s.log.Info("what was delivered through "+port+" counts as delivered", "account", a.Name)
	})
	if err != nil {
		return err
	}

	// Whoever can write this file decides which mail is never retrieved, so it must be our own.
	f, err := ownfile.Read(cfg.Globals.Idfile.Or(s.at.fetchids))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("import fetchmail's UIDs: %w", err)
	}
	defer f.Close()

	n, err := s.journal.ImportFetchids(ctx, f, func(user, host string) (string, bool) {
		for _, a := range accounts {
			// fetchmail keeps UIDs of POP3 only, under the host that it connects to, which may be that of
			// via.
			if a.Owner() == user && (a.Poll == host || a.Host == host) && a.Protocol != fetch.IMAP {
				return a.Key, true
			}
		}
		return "", false
	})

	if n > 0 {
		s.log.Info("took over " + logging.Counted(int64(n), "UID") + " from " + f.Name())
	}

	return err
}

// options are the scheduler's for cfg.
func (s *service) options(cfg *rcfile.Config, interval time.Duration) schedule.Options {
	o := schedule.Options{
		Interval: interval, MaxPolls: cfg.Globals.MaxPolls.Value, MaxPerHost: cfg.Globals.MaxPerHost.Value,
		Log: s.log.Logger,
	}
	limitFiles(&o, openFiles())
	return o
}

// report logs how a retrieval ended and returns its status.
func (s *service) report(ctx context.Context, a *fetch.Account, res fetch.Result, err error) exit.Status {
	st := exit.Of(res, err)
	if err != nil && ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return st // we were told to end, which is no failure of the account
	}
	if err != nil {
		s.log.Log(ctx, failureLevel(err), fetch.EventQueryFailed, "account", a.Name, "err", err, "kind",
			fetch.KindOf(err))
		if details := tlsverify.Details(err); len(details) > 0 {
			s.log.Log(ctx, logging.LevelTrace, logging.EventEvidence, "account", a.Name, "details", details)
		}
	}
	if st != exit.Mail && st != exit.NoMail {
		s.log.Info(logging.EventOutcome, "account", a.Name, "status", int(st))
	}

	return st
}

// failureLevel is the level of a failed retrieval.
func failureLevel(err error) slog.Level {
	// Destinations that ask for patience: no failure for somebody to look into, so it is no error in the log.
	if !slices.ContainsFunc(flatten(err), func(e error) bool { return !delivery.IsLater(e) }) {
		return slog.LevelInfo
	}
	return slog.LevelError
}

// reportRefused logs the accounts that can't be retrieved from, each with its status, and returns whether
// there are any.
func (s *service) reportRefused(err error) bool {
	statuses := map[string]exit.Status{}
	for _, e := range flatten(err) {
		if e == nil {
			continue
		}
		s.fail(exit.Syntax, e)
		refused, ok := errors.AsType[*account.RefusedError](e)
		if !ok {
			continue
		}
		// An account may have several reasons; its status is that of the first, as its lines begin with that.
		if _, told := statuses[refused.Account]; !told {
			statuses[refused.Account] = exit.OfRefused(e)
		}
	}

	for _, name := range slices.Sorted(maps.Keys(statuses)) {
		s.log.Info(logging.EventOutcome, "account", name, "status", int(statuses[name]))
	}

	return err != nil
}

// fail logs err and returns st. While a daemon starts, the terminal that it was started from shows err too.
func (s *service) fail(st exit.Status, err error) exit.Status {
	s.log.Error(logging.EventError, "err", err)
	if s.p.detached.starting() {
		s.p.fail(st, err)
	}
	return st
}
