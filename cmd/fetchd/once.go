package main

import (
	"context"
	"errors"

	"fetchd/cmd/fetchd/internal/exit"
	"fetchd/cmd/fetchd/internal/logging"
	"fetchd/fetch"
	"fetchd/fetch/fault"
	"fetchd/fetch/schedule"
	"fetchd/rcfile"
	"fetchd/tlsverify/hints"
)

// once makes one pass over the accounts of cfg.
func (s *service) once(ctx context.Context, cfg *rcfile.Config) exit.Status {
	accounts, err := s.resolveAtStart(ctx, cfg)
	// Ended by a signal before anything was begun; that is no failure.
	if ctx.Err() != nil {
		return exit.Mail
	}
	// Before the first retrieval: an account without its record takes all its mail for new.
	if err := s.continueRecords(ctx, cfg, accounts); err != nil {
		return s.fail(exit.IO, err)
	}

	var result exit.Outcome
	if s.reportRefused(err) {
		result.Add(exit.OfRefused(err), false)
	}

	s.holdBack(accounts)
	pass := newPass(cfg.Globals)
	limited, end := pass.begin(ctx)
	defer end()
	outcomes := s.outcomes(limited, cfg, accounts, pass)
	// Before the log: the reader of that may hang, and status is to know the pass all the same.
	s.recordPass(ctx, cfg, outcomes, err)
	s.reportOutcomes(ctx, outcomes, pass, &result)

	if err := pass.err(); err != nil { // an error even if mail came: somebody has to look into it
		return s.fail(exit.Server, err)
	}

	if s.c.StrictExit {
		return result.Strict()
	}
	return result.Status()
}

// reportOutcomes logs how the retrievals of a pass ended, and adds them to result. When a server of hundreds
// of accounts is down cron mails a few lines.
func (s *service) reportOutcomes(ctx context.Context, outcomes []schedule.Outcome, pass *pass,
	result *exit.Outcome) {
	var similar fetch.SimilarFailures
	for _, o := range outcomes {
		// Those that the limit ended are named in one error of the pass, instead of each with "cancelled".
		if pass.isLate(o.Account) {
			continue
		}
		st := exit.Of(o.Result, o.Err)
		isNamed := o.Err == nil || ctx.Err() != nil || s.c.Verbose > 0
		if isNamed || similar.ShouldName(o.Err, failureLevel(o.Err)) {
			st = s.report(ctx, o.Account, o.Result, o.Err)
		}
		result.Add(st, o.Result.Failed > 0)
	}

	if n, level := similar.More(); n > 0 {
		s.log.Log(ctx, level, logging.EventError, "err", hints.Errorf(s.p.name+" status names them all",
			"… and %s not retrieved from, for reasons like those above",
			logging.Counted(int64(n), "more account")))
	}
}

// outcomes retrieves from the accounts, or with --check only counts what is new, and tells pass when each has
// ended.
func (s *service) outcomes(ctx context.Context, cfg *rcfile.Config, accounts []*fetch.Account,
	pass *pass) []schedule.Outcome {
	if !s.c.Check {
		o := s.options(cfg, 0)
		o.Done = func(o schedule.Outcome) { pass.ended(ctx, o.Account, o.Err) }
		return schedule.New(o).Once(ctx, accounts)
	}
	var out []schedule.Outcome
	for _, a := range accounts {
		res, err := countNew(ctx, a)
		err = fetch.WithNextStep(err)
		pass.ended(ctx, a, err)
		out = append(out, schedule.Outcome{Account: a, Result: res, Err: err})
	}
	return out
}

// countNew is --check: it counts what is new and retrieves nothing. In the Result, new messages count as
// delivered.
func countNew(ctx context.Context, a *fetch.Account) (res fetch.Result, err error) {
	// Without the scheduler, which would recover from a panic, this does it.
	defer fault.Recover(&err)
	session, err := a.Connect(ctx, a)
	if err != nil {
		return res, err
	}
	defer func() { err = errors.Join(err, session.Close()) }()

	names, err := session.Mailboxes(ctx)
	if err != nil {
		return res, err
	}

	for _, name := range names {
		m, err := session.Open(ctx, name)
		if err != nil {
			return res, err
		}
		c := m.Counts()
		res.Delivered += c.New
		if c.Messages == 0 {
			a.Log.Info(fetch.EventNoMail, "account", a.Name, "mailbox", name)
			continue
		}
		a.Log.Info(fetch.EventMailbox, "account", a.Name, "mailbox", name, "total", c.Messages, "seen",
			c.Seen, "size", c.Octets)
	}

	return res, nil
}
