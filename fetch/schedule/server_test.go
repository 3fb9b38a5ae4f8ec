package schedule

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"fetchd/fetch"
)

// server is a fake one: it counts connections and retrievals and does what its fields say.
type server struct {
	mu       sync.Mutex
	connects []time.Time
	looks    []time.Time
	now, max int // sessions connecting or retrieving at once

	login   time.Duration // of every connection
	takes   time.Duration // of every retrieval
	ends    time.Duration // of one that is cancelled: the message in hand
	fails   func(n int) error
	watches bool
	dies    bool // its connections, while they are watched
	mail    chan struct{}

	open, allowed int            // connections; allowed 0 = any number
	looked        map[string]int // by mailbox
}

func (s *server) account(name string) *fetch.Account {
	return &fetch.Account{
		Name: name, Key: name, Log: slog.New(slog.DiscardHandler),
		Server: fetch.Server{
			Host:     "h",
			Port:     1,
			Protocol: fetch.IMAP,
			Connect: func(ctx context.Context, a *fetch.Account) (fetch.Session, error) {
				if s.login > 0 {
					select {
					case <-time.After(s.login):
					case <-ctx.Done():
						return nil, ctx.Err()
					}
				}

				s.mu.Lock()
				defer s.mu.Unlock()
				s.connects = append(s.connects, time.Now())
				if s.fails != nil {
					if err := s.fails(len(s.connects)); err != nil {
						return nil, err
					}
				}

				if s.allowed > 0 && s.open == s.allowed {
					return nil, fetch.Fail(fetch.KindServer, fetch.ErrCrowded)
				}
				s.open++
				return &session{s, a.Mailboxes}, nil
			},
		},
	}
}

// session implements fetch.Session and fetch.Watcher.
type session struct {
	s     *server
	names []string // none = INBOX
}

func (c *session) Mailboxes(context.Context) ([]string, error) {
	if len(c.names) == 0 {
		return []string{"INBOX"}, nil
	}
	return c.names, nil
}

func (c *session) Open(ctx context.Context, name string) (fetch.Mailbox, error) {
	c.s.mu.Lock()
	if c.s.looked == nil {
		c.s.looked = map[string]int{}
	}
	c.s.looked[name]++
	c.s.looks = append(c.s.looks, time.Now())
	c.s.now++
	c.s.max = max(c.s.max, c.s.now)
	c.s.mu.Unlock()
	timer := time.NewTimer(c.s.takes)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
		<-time.After(c.s.ends)
	}
	c.s.mu.Lock()
	c.s.now--
	c.s.mu.Unlock()
	return empty{}, ctx.Err()
}

func (c *session) Peer() string { return "" }

func (c *session) CanWatch() bool { return c.s.watches }

func (c *session) Close() error {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	c.s.open--
	return nil
}

func (c *session) Watch(ctx context.Context, wake <-chan struct{}, timeout time.Duration) (bool, error) {
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	select {
	case _, ok := <-c.s.mail:
		if !ok {
			return false, errors.New("connection lost")
		}
		return true, nil
	case <-timer.C:
	case <-wake:
		if c.s.dies {
			return false, errors.New("no answer")
		}
	case <-ctx.Done():
		return false, ctx.Err()
	}
	return false, nil
}

// empty is a mailbox without mail.
type empty struct{}

func (empty) Counts() fetch.Counts { return fetch.Counts{} }

func (empty) Limit(int) {}

func (empty) Retrieve(context.Context, *fetch.Queue) error { return nil }

func (empty) Record(context.Context, []*fetch.Item) error { return nil }

func (empty) Acknowledge(context.Context, []*fetch.Item) error { return nil }

func (empty) Skip(context.Context, []*fetch.Item) error { return nil }

func (empty) Commit(context.Context) (int, error) { return 0, nil }
