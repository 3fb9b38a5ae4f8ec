package imap

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"fetchd/fetch"
	"fetchd/fetch/fault"
)

// CanWatch implements fetch.Watcher.
func (s *session) CanWatch() bool { return s.has("IDLE") && s.mailbox != "" }

// wokenTimeout is how long the server may take to answer after we were woken. The machine was suspended, or
// the user waits for mail: a connection that died silently is replaced then, and must not cost the account's
// time-out.
const wokenTimeout = 5 * time.Second

// quietSpell is how long a server may announce nothing before it is asked: some (GNU Mailutils) never do
// during IDLE.
const quietSpell = 5 * time.Minute

// recheckDelays is when to look again, time and again, at a mailbox with more messages than searches find, or
// whose server says again how many there are.
func recheckDelays() []time.Duration {
	return []time.Duration{time.Second, 5 * time.Second, 30 * time.Second}
}

// Watch implements fetch.Watcher with IDLE (RFC 2177). It waits for the server's acknowledgement and for the
// answer to DONE no longer than the account's time-out; in between, TCP keepalive detects a peer that is
// gone.
func (s *session) Watch(ctx context.Context, wake <-chan struct{}, timeout time.Duration) (bool, error) {
	if again := recheckDelays(); 0 < s.shortSearches && s.shortSearches <= len(again) {
		timeout = min(timeout, again[s.shortSearches-1])
		// Even silence is news here: the search itself is what has to be repeated.
		_, err := s.idle(ctx, wake, timeout)
		return err == nil, err
	}

	for end := time.Now().Add(timeout); ; {
		left := time.Until(end)
		// In short spells: see quietSpell. The server is asked in between, on the same connection.
		news, err := s.idle(ctx, wake, min(left, quietSpell))
		if err != nil || news != silence || left <= quietSpell {
			return news == change, err
		}
		if changed, err := s.last.hasUnannounced(); changed || err != nil {
			return changed, err
		}
	}
}

// news is how an IDLE ended.
type news int

const (
	silence news = iota
	change       // in the mailbox
	woken        // by whoever waits
)

// idle waits for news.
func (s *session) idle(ctx context.Context, wake <-chan struct{},
	timeout time.Duration) (what news, err error) {
	var idle *idling
	if p := fault.OnOtherStack(func() { idle, err = s.beginIdle() }); p != nil {
		return silence, p
	}
	if err == nil {
		what = idle.await(ctx, wake, timeout)
	}

	// Always ended properly, whatever woke us: the connection is used again.
	p := fault.OnOtherStack(func() { err = s.endIdle(idle, what, err) })
	if err = cmp.Or(p, err); err != nil {
		return what, err
	}
	return what, fetch.Fail(fetch.KindNetwork, ctx.Err())
}

// await returns when something wants IDLE to end.
func (i *idling) await(ctx context.Context, wake <-chan struct{}, timeout time.Duration) news {
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	ended := i.ended
	var paused <-chan time.Time

	for {
		select {
		case <-i.s.changed:
			pause := i.pause()
			if pause == 0 {
				return change
			}
			if paused == nil {
				paused = time.After(pause)
			}
		case <-paused:
			i.s.repeats++
			return change
		case <-wake:
			return woken
		case <-ended:
			if i.err != nil || paused == nil && len(i.s.changed) == 0 {
				return silence
			}
			ended = nil // what it told before counts
		case <-timer.C:
			return silence
		case <-ctx.Done():
			return silence
		}
	}
}

// pause is how long the next look is put off after the server has said how many messages there are. Some say
// it at the beginning of each IDLE, and would be asked without a pause. Another number is news at once; the
// same one may be, as one message may have gone and another come.
func (i *idling) pause() time.Duration {
	delays := recheckDelays()
	last := len(delays) - 1
	if i.s.guard.wasRecounted() || time.Since(i.since) > delays[last] {
		i.s.repeats = 0
		return 0
	}
	return delays[min(i.s.repeats, last)]
}

// endIdle ends what beginIdle has begun, or failed to begin with err, and gives the connection to imapclient.
func (s *session) endIdle(idle *idling, what news, err error) error {
	if err != nil {
		err = s.refusedIdle(s.failed("idle", err))
	} else if err = idle.end(what); err != nil {
		err = s.failed("idle", err)
	}

	if s.conn.Err() != nil {
		return err
	}
	// Also after a refusal: the connection goes on.
	if cerr := s.startClient(); err == nil && cerr != nil {
		err = s.broken(cerr)
	}
	return err
}

// hasUnannounced tells whether there is something new that the server has not announced.
func (m *mailbox) hasUnannounced() (bool, error) {
	noop := m.s.client.Noop()
	search := m.s.startSearch(m.rec, missed)
	if err := noop.Wait(); err != nil {
		return false, m.s.failed("noop", err)
	}

	found, _, err := search.wait()
	if err != nil {
		return false, err
	}

	select {
	// It was announced after all, by the answers to these very commands.
	case <-m.s.changed:
		return true, nil
	default:
	}

	return !found.Minus(m.rec.Done()).Minus(m.standing.found).IsEmpty(), nil
}

// refusedIdle turns err, unless the connection is lost, into one that leads back to polling: the server may
// offer what it can't do, or have too many of our connections.
func (s *session) refusedIdle(err error) error {
	if s.conn.Err() != nil {
		return err
	}
	return fmt.Errorf("%w: %w", fetch.ErrCannotWatch, err)
}
