package login

import (
	"context"
	"errors"

	"fetchd/fetch/wire"
)

// A server that has too many connections may say so in any words, or in none.
var (
	// ErrCrowded is in the error of a server that says that it allows no further connection at the moment.
	ErrCrowded = errors.New("the server allows this login no more connections at a time")
	// ErrTurnedAway is in the error of a server that was there, and ended the connection before the login
	// had succeeded, or refused to begin.
	ErrTurnedAway = errors.New("the server ended the connection before the login")
	// ErrNotJudged is in the error of a login that was refused, but not for its user or password as far as
	// we can tell.
	ErrNotJudged = errors.New("the server refused the login for another reason than the password")
	// ErrNoVerdict is in the error of a server that ended the connection where it should have accepted or
	// refused a login, and gave no reason. Some do so over a wrong password, and count it.
	ErrNoVerdict = errors.New("the server ended the connection over the login")
)

// marked is an error with a mark, which is not part of its text.
type marked struct {
	error
	mark error
}

func (e marked) Unwrap() []error { return []error{e.error, e.mark} }

// mayBeCrowded marks err, of a connection that was made, if it may be due to the number of connections.
func mayBeCrowded(ctx context.Context, err error) error {
	// Our own end, silence, and a broken plugin say nothing about the number of connections.
	if ctx.Err() != nil || wire.IsTimeout(err) || pluginEnded(err) || errors.Is(err, ErrNotJudged) {
		return err
	}
	switch KindOf(err) {
	case KindNetwork, KindServer, KindProtocol:
		return marked{err, ErrTurnedAway}
	}
	return err
}

// overLogin marks err, of a connection that ended, if that was in a login.
func (a *attempt) overLogin(err error) error {
	if a.stage == AtLogin && wire.HasEnded(err) && !pluginEnded(err) {
		return marked{err, ErrNoVerdict}
	}
	return err
}

// notJudged tells whether row says nothing against the user or the password.
func (row refusal) notJudged() bool {
	return row.kind == KindServer || row.kind == KindBusy || row.name == ""
}
