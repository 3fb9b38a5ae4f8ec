package logintest

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"

	"fetchd/fetch/login"
)

// away are servers that may have too many connections, and others.
var away = map[string]func(*rig){
	"in the handshake": func(r *rig) {
		r.cuts = true
		r.isMarked(r.keeps(login.KindNetwork, "too many"), login.ErrTurnedAway)
	},
	"in the handshake, wrapped": func(r *rig) {
		r.TLS, r.wrapped, r.cuts = login.Wrapped, true, true
		err := r.keeps(login.KindNetwork, "too many")
		r.isMarked(err, login.ErrTurnedAway)
		if strings.Contains(err.Error(), "check-tls") {
			r.t.Errorf("%v", err)
		}
	},
	"instead of a greeting": func(r *rig) {
		r.refused = "go away"
		r.isMarked(r.keeps(login.KindServer, "go away"), login.ErrTurnedAway)
	},
	"at the login, for a temporary reason": func(r *rig) {
		r.refuses = map[string]verdict{"PLAIN": {r.subject.Codes[login.KindServer], "no"}}
		r.isMarked(r.fails(login.KindServer, ""), login.ErrNotJudged)
	},
	"at the login, for an unknown reason": func(r *rig) {
		r.refuses = map[string]verdict{"PLAIN": {"", "no"}}
		r.isMarked(r.fails(login.KindAuth, ""), login.ErrNotJudged)
	},
	"at the login, for the password": func(r *rig) {
		if r.subject.Codes[login.KindAuth] != "" {
			r.refuses = map[string]verdict{"PLAIN": {r.subject.Codes[login.KindAuth], "no"}}
			r.isMarked(r.fails(login.KindAuth, ""), nil)
		}
	},
	"at the login, until the user does something": func(r *rig) {
		r.refuses = map[string]verdict{"PLAIN": {"", "Application-specific password required"}}
		r.isMarked(r.fails(login.KindAuth, ""), nil)
	},
	"not at all: another's certificate": func(r *rig) {
		r.cert = r.wrong
		r.isMarked(r.keeps(login.KindTLS, ""), nil)
	},
	"not at all: silence": func(r *rig) {
		r.lines = 1
		r.isMarked(r.fails(login.KindNetwork, ""), nil)
	},
}

// isMarked checks which mark an error has; nil = none.
func (r *rig) isMarked(err, want error) {
	r.t.Helper()
	for _, mark := range []error{login.ErrTurnedAway, login.ErrNotJudged} {
		if errors.Is(err, mark) != (mark == want) {
			r.t.Errorf("%v: marked %q: %v", err, mark, mark != want)
		}
	}
}

// closing is a server that ends the connection instead of its n-th answer, for every n.
func closing(t *testing.T, s Subject, certs *certificates) {
	for n := 1; n < 6; n++ {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, s, certs)
			r.offered, r.closes = []string{"LOGIN"}, n
			if err := r.fails(login.KindNetwork, ""); !errors.Is(err, login.ErrTurnedAway) {
				t.Errorf("closed at answer %d: %v", n, err)
			} else if began := strings.Contains(strings.Join(r.heard, "\n"), "AUTH"); errors.Is(err,
				login.ErrNoVerdict) != began {
				t.Errorf("closed at answer %d, after a login began: %v, is not marked so: %v", n, began, err)
			}
		})
	}
}
