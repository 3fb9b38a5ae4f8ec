package main

import (
	"context"
	"errors"
	"sync"

	"fetchd/fetch"
	"fetchd/rcfile"
)

// once makes one pass over the accounts of cfg.
func (s *service) once(ctx context.Context, cfg *rcfile.Config) status {
	accounts, err := s.wire(cfg)
	var mistake *rcfile.Error
	if errors.As(err, &mistake) {
		s.refuse(err)
		return exitSyntax
	}
	if err := s.takeOver(ctx, cfg, accounts); err != nil {
		return s.end(exitIO, err)
	}
	var mu sync.Mutex
	var result outcome
	if s.refuse(err) {
		result.add(statusOfRefused(err), false)
	}
	add := func(st status, deliveryFailed bool) {
		mu.Lock()
		defer mu.Unlock()
		result.add(st, deliveryFailed)
	}
	if s.c.check {
		for _, a := range accounts {
			res, err := look(ctx, a)
			add(s.report(ctx, a, res, err), false)
		}
		return result.status()
	}
	outcomes := s.scheduler(cfg, 0, nil).Once(ctx, accounts)
	for _, o := range outcomes {
		add(s.report(ctx, o.Account, o.Result, o.Err), o.Result.Failed > 0)
	}
	return result.status()
}

// look is --check: it finds out what is new and retrieves nothing. In the Result, what is new counts as delivered.
func look(ctx context.Context, a *fetch.Account) (res fetch.Result, err error) {
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
		a.Log.Info(fetch.EventMailbox, "account", a.Name, "mailbox", name, "total", c.Messages, "seen", c.Seen, "size", c.Octets)
	}
	return res, nil
}
