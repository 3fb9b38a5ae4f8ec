package imap

import (
	"context"
	"fmt"
	"time"

	"fetchd/fetch"
)

// CanWatch implements fetch.Watcher.
func (s *session) CanWatch() bool { return s.has("IDLE") && s.mailbox != "" }

// wokenTimeout is how long the server may take to answer after we were woken. The machine was suspended, or the user
// waits for mail: a connection that died silently is replaced then, and must not cost the account's time-out.
const wokenTimeout = 5 * time.Second

// Watch implements fetch.Watcher with IDLE (RFC 2177). It waits for the server's acknowledgement and for the answer to DONE
// no longer than the account's time-out; in between, TCP keepalive detects a peer that is gone.
func (s *session) Watch(ctx context.Context, wake <-chan struct{}, timeout time.Duration) (bool, error) {
	idle, err := s.client.Idle()
	if err != nil {
		return false, s.refusedIdle(s.failed("idle", err))
	}
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	changed, woken := false, false
	select {
	case <-s.changed:
		changed = true
	case <-timer.C:
	case <-wake:
		woken = true
	case <-s.client.Closed():
	case <-ctx.Done():
	}

	err = idle.Close()
	if woken {
		s.guard.patience(min(wokenTimeout, s.a.Timeout))
		defer s.guard.patience(0)
	}
	if werr := idle.Wait(); err == nil {
		err = werr
	}
	if err != nil {
		return changed, s.failed("idle", err)
	}
	return changed, fetch.Fail(fetch.KindNetwork, ctx.Err())
}

// refusedIdle turns err, unless the connection is lost, into one that leads back to polling: the server may offer what it
// can't do, or have too many of our connections.
func (s *session) refusedIdle(err error) error {
	if s.conn.Err() != nil {
		return err
	}
	return fmt.Errorf("%w: %w", fetch.ErrCannotWatch, err)
}
