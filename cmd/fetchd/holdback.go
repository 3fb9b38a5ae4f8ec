package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"fetchd/fetch"
	"fetchd/fetch/login"
	"fetchd/tlsverify/hints"
)

// How long single passes leave a refused login alone: at first an hour, then twice as long each time. Servers
// lock accounts after repeated failures, and cron knows nothing of the pass before.
const (
	holdBackFirst = time.Hour
	holdBackMost  = 4 * time.Hour
	// Where the server ends the connection over the login, from the second time on: it may be out of order.
	holdBackEnded = 30 * time.Minute
)

// refusedLogin is what one pass leaves to the next about a login that the server refused.
type refusedLogin struct {
	Count int       `json:"count"` // in a row
	Last  time.Time `json:"last"`
	Stamp string    `json:"stamp"` // of what was tried: something else may succeed
	Ended bool      `json:"ended"` // the last time the server ended the connection and said nothing
}

// next is when the login may be tried again.
func (l refusedLogin) next() time.Time {
	switch {
	case l.Ended && l.Count == 1: // lines are cut, and servers started again
		return l.Last
	case l.Ended:
		return l.Last.Add(holdBackEnded)
	}

	d := holdBackFirst
	for i := 1; i < l.Count && d < holdBackMost; i++ {
		d *= 2
	}
	return l.Last.Add(min(d, holdBackMost))
}

// holdBack wraps the accounts' Connect so that single passes try a refused login only once in a while. A
// password that was typed in, or handed over, is always tried.
func (s *service) holdBack(accounts []*fetch.Account) {
	for _, a := range accounts {
		if _, typed := s.p.collected[a.Name]; !typed {
			a.Connect = s.heldBack(a.Connect)
		}
	}
}

func (s *service) heldBack(connect fetch.Connector) fetch.Connector {
	return func(ctx context.Context, a *fetch.Account) (fetch.Session, error) {
		stamp := s.loginStamp(a)
		known := s.refusedLogin(ctx, a, stamp)
		// A refusal in the future was noted by a clock that was wrong, and holds nothing back.
		if now := time.Now(); known.Count > 0 && now.Before(known.next()) && !known.Last.After(now) {
			return nil, known.wait()
		}

		session, err := connect(ctx, a)
		ended := errors.Is(err, login.ErrNoVerdict)
		switch {
		case ended, errors.Is(err, login.ErrRefused) && fetch.KindOf(err) == fetch.KindAuth:
			known = refusedLogin{known.Count + 1, time.Now(), stamp, ended}
			err = errors.Join(err, s.noteLogin(ctx, a, known))
		case err == nil && known.Count > 0:
			err = s.noteLogin(ctx, a, refusedLogin{})
		}
		return session, err
	}
}

// wait is the error of a login that is not tried.
func (l refusedLogin) wait() error {
	times := "once"
	if l.Count > 1 {
		times = fmt.Sprintf("%d times", l.Count)
	}
	kind, what := fetch.KindAuth, "the login was refused"
	if l.Ended {
		kind, what = fetch.KindNetwork, "the login was refused, or the server ended the connection over it,"
	}
	const hint = "it is tried at once when the rc file or the password's file has changed"
	return fetch.Fail(kind, hints.Errorf(hint,
		"%s %s, last at %s, and is left alone until %s, so that the server does not lock it",
		what, times, l.Last.Format(time.DateTime), l.next().Format(time.TimeOnly)))
}

// refusedLogin is what the pass before knows of the login. It counts from the beginning if something else is
// tried now, or if the note can't be read: that is for the retrieval to report.
func (s *service) refusedLogin(ctx context.Context, a *fetch.Account, stamp string) refusedLogin {
	var l refusedLogin
	text, err := s.journal.RefusedLogin(ctx, a.Key)
	if err != nil || json.Unmarshal([]byte(text), &l) != nil || l.Stamp != stamp {
		return refusedLogin{}
	}
	return l
}

func (s *service) noteLogin(ctx context.Context, a *fetch.Account, l refusedLogin) error {
	text := ""
	if l.Count > 0 {
		encoded, err := json.Marshal(l)
		if err != nil {
			return err
		}
		text = string(encoded)
	}
	return fetch.Fail(fetch.KindJournal, s.journal.SetRefusedLogin(context.WithoutCancel(ctx), a.Key, text))
}

// loginStamp changes with the rc file, the options, and the files that the password is in. It holds no
// secret.
func (s *service) loginStamp(a *fetch.Account) string {
	parts := []string{s.p.rcfiles.stamp, strings.Join(s.p.args, "\x00")}
	if a.Stamp != nil {
		parts = append(parts, a.Stamp())
	}
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00\x00")))
	return hex.EncodeToString(sum[:8])
}
