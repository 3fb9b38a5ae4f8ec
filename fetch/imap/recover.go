package imap

import (
	"context"
	"errors"
	"fmt"

	"fetchd/fetch"
	"fetchd/fetch/journal"
)

// askForRest asks, one by one, for messages that came in doubt, and for those that did not come.
func (m *mailbox) askForRest(ctx context.Context, q *fetch.Queue) error {
	m.s.rememberOrder()
	if err := m.askAgain(ctx, q); err != nil {
		return err
	}
	return m.recover(ctx, q)
}

// recover asks once more for messages that did not come with their batch. Those that are gone from the server
// are done; those that still don't come are reported and stay.
func (m *mailbox) recover(ctx context.Context, q *fetch.Queue) error {
	lost := m.unsent.uids
	if lost.IsEmpty() {
		return nil
	}

	there, err := m.s.remaining(lost)
	if err != nil {
		return m.atUnsent(err)
	}
	m.unsent = unsent{}

	// Others may delete messages while we retrieve. That is neither a failure nor ours to report.
	gone := lost.Minus(there)
	m.lost.AddSet(gone)
	if err := m.lose(ctx, gone); err != nil {
		return err
	}

	return m.oneByOne(ctx, there, q)
}

// oneByOne asks for messages that did not come with their batch, each in a command of its own.
func (m *mailbox) oneByOne(ctx context.Context, there journal.Set, q *fetch.Queue) error {
	var streak fetch.Streak
	for missed, asked, turned := 0, 0, false; !there.IsEmpty(); {
		// From the other end after some refusals: see fetch.Streak.
		one := journal.SetOf(there.Max())
		if !turned {
			one, _ = there.Head(1)
		}

		there = there.Minus(one)
		if err := q.Wait(ctx); err != nil {
			return fetch.Fail(fetch.KindNetwork, err)
		}

		asked++
		b, err := m.single(ctx, one, q)
		if err != nil {
			return err
		}

		if missed++; !b.got.IsEmpty() {
			missed = 0
			streak.Reset()
		}
		if b.no != nil {
			turn, over := streak.Refused(asked, asked)
			turned = turned != turn
			if b.over || over || there.IsEmpty() && streak.AtEnd() {
				return &fetch.ServerTrouble{Err: b.no, Quota: b.over}
			}
		}
		// Each costs a round trip, and a mailbox may have a hundred thousand.
		if missed == maxNotSent {
			return m.s.broken(
				fmt.Errorf("the server did not send any of %d messages in a row that it lists", missed))
		}
	}

	return nil
}

// single fetches one message that did not come in a batch, also from a server that sends the body before the
// UID.
func (m *mailbox) single(ctx context.Context, one journal.Set, q *fetch.Queue) (*batch, error) {
	// Alone under way: otherwise the UID could be inserted before another message's body.
	m.s.guard.insertUID(one.String())
	defer m.s.guard.insertUID("")
	b := m.request(ctx, &batch{uids: one}, m.items(true), q)
	if err := m.await(ctx, b, q); err != nil {
		return nil, err
	}
	if !b.got.IsEmpty() || b.over {
		return b, nil
	}

	err := fmt.Errorf("message %d: %w", one.Max(), errNotSent)
	if b.no != nil {
		err = fmt.Errorf("%w: %w", err, b.no)
	}

	m.put(&fetch.Item{Num: one.Max(), UIDValidity: m.validity, Err: err}, q)
	return b, nil
}

var errNotSent = errors.New("the server lists it but sends no text of it, and it stays there")
