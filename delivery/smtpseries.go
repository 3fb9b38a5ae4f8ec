package delivery

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"fetchd/fetch/login"
)

// smtpSeries is messages on their way over one connection at a time.
type smtpSeries struct {
	d *SMTP

	s       *smtpSession // nil = there is none
	release func()       // of s from the context of the series
	used    bool         // s has served before, and may have been closed meanwhile
	begun   *transaction // of the next message: its commands are on their way
	third   *Message     // behind the next one; nil = there is none
	ready   *transaction // of that one, made while the server was busy; nil = there is none
	midway  bool         // a transaction has not come to its end, as after a panic
}

// deliver delivers m; next is what follows.
func (r *smtpSeries) deliver(ctx context.Context, m, next *Message) error {
	var delivered []string
	var refused []error
	// A server may take fewer recipients at a time than the message has.
	for left := m.Recipients; len(left) > 0; {
		t, got, errs := r.attempt(ctx, m, left, next)
		delivered, refused = append(delivered, got...), append(refused, errs...)
		if t == nil { // it is for all
			break
		}
		left = slices.DeleteFunc(slices.Clone(left), t.has)
	}

	err := joinRefusals(refused)
	if err == nil {
		return nil
	}

	// Whatever happened at this login, it says nothing of the account that the mail comes from.
	err = &login.Error{Kind: login.KindDelivery, Err: err}
	if len(delivered) > 0 {
		return &PartialError{Delivered: delivered, Err: err}
	}

	return err
}

// attempt delivers m to as many of those left as go together. A connection that turns out to be closed,
// before anything can have been delivered, is replaced once. Without a transaction the error is for all that
// are left.
func (r *smtpSeries) attempt(ctx context.Context, m *Message, left []string, next *Message) (
	t *transaction, delivered []string, refused []error) {
	for fresh := false; ; fresh = true {
		if err := r.connect(ctx, fresh); err != nil {
			return nil, nil, []error{err}
		}

		r.midway = true
		t, err := r.transactionFor(ctx, m, left)
		if err != nil {
			r.midway = false // nothing of it was sent
			return nil, nil, []error{err}
		}

		err = r.carry(ctx, t, left, next)
		r.midway = false
		if r.s.conn.Err() == nil {
			r.used = true
			return t, t.delivered, append(nonNil(err), t.refused...)
		}

		// Servers close idle connections without a word. Only an old one is replaced, and only before the
		// dot: afterwards the message may have been taken.
		again := r.used && !t.final && !isRefusal(err) && ctx.Err() == nil
		r.drop()
		if !again {
			return t, t.delivered, append(nonNil(err), t.refused...)
		}
	}
}

func nonNil(err error) []error {
	if err == nil {
		return nil
	}
	return []error{err}
}

func isRefusal(err error) bool {
	_, ok := errors.AsType[*SMTPError](err)
	return ok
}

// connect makes sure that there is a connection.
func (r *smtpSeries) connect(ctx context.Context, fresh bool) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("%s: %w", r.d, context.Cause(ctx))
	}
	if r.s != nil && r.s.isSpent() && r.begun == nil {
		r.s.quit()
		r.drop()
	}
	if r.s != nil {
		return nil
	}

	s, err := r.d.connect(ctx, fresh)
	if err != nil {
		return err
	}

	r.s, r.release, r.used = s, s.conn.Bind(ctx), s.mails > 0
	return nil
}

// transactionFor gives the transaction that was begun for m, or begins one.
func (r *smtpSeries) transactionFor(ctx context.Context, m *Message, left []string) (*transaction, error) {
	if t := r.begun; t != nil && t.m == m {
		r.begun = nil
		return t, nil
	}

	t, err := r.s.newTransaction(ctx, m, left, r.s.dirty)
	if err != nil {
		return nil, err
	}
	if r.s.conn.Unread() { // it would be taken for the first answer
		_ = r.s.conn.Break(errUnasked)
	}

	r.s.begin(t)
	return t, nil
}

// carry has the conversation of a transaction that was begun. Behind the message it begins the next one's.
func (r *smtpSeries) carry(ctx context.Context, t *transaction, left []string, next *Message) error {
	if err := r.s.introduce(t); err != nil {
		return err
	}
	var follow *transaction
	// Not if recipients of this message are still left: they come first.
	if next != nil && r.s.mayFollow(t) && t.hasAll(left) {
		if follow = r.ready; follow == nil || follow.m != next {
			follow = r.s.wholeTransaction(ctx, next)
		}
	}
	r.ready = nil
	if err := r.s.send(ctx, t, follow); err != nil {
		return err
	}

	r.begun = follow
	// While the server takes the message: afterwards it would wait for us.
	if follow != nil && r.third != nil {
		r.ready = r.s.wholeTransaction(ctx, r.third)
	}

	if err := r.s.judgement(t); err != nil || follow == nil {
		return err
	}
	return r.s.confirm(t, follow)
}

// wholeTransaction is a transaction of m for all of its recipients, nil if there is none.
func (s *smtpSession) wholeTransaction(ctx context.Context, m *Message) *transaction {
	t, err := s.newTransaction(ctx, m, m.Recipients, false)
	if err != nil || !t.hasAll(m.Recipients) {
		return nil // what is wrong shows when its turn comes
	}
	return t
}

// drop closes the connection.
func (r *smtpSeries) drop() {
	r.release()
	_ = r.s.conn.Close()
	r.s, r.begun, r.ready = nil, nil, nil
}

// end lets the connection wait for other messages, unless it waits itself for one that does not come.
func (r *smtpSeries) end() {
	switch {
	case r.s == nil:
	case r.begun != nil || r.midway || r.s.conn.Err() != nil:
		r.drop()
	case r.s.isSpent():
		r.s.quit()
		r.drop()
	default:
		r.release()
		r.d.kept.keep(r.s)
	}
}
