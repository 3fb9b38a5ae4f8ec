package schedule

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"fetchd/fetch"
)

// provider is a server with limits. It knows when each of its mailboxes was looked at last.
type provider struct {
	allowed  int                             // connections; 0 = any number
	perLogin bool                            // of a login, not of all
	refusal  error                           // to those that are too many
	lag      time.Duration                   // for which a connection counts after its end
	look     func(name string) time.Duration // takes so long
	rejects  func(name string) error

	mu       sync.Mutex // guards what follows
	held     map[string]int
	watching map[string]bool
	seen     map[string]time.Time // when it was looked at or watched
	refused  int
	cut      chan struct{} // closed: all connections end
}

func newProvider(allowed int, perLogin bool, refusal error) *provider {
	return &provider{
		allowed: allowed, perLogin: perLogin, refusal: refusal,
		lag: 300 * time.Millisecond, cut: make(chan struct{}),
		look: func(string) time.Duration { return 200 * time.Millisecond },
		held: map[string]int{}, watching: map[string]bool{}, seen: map[string]time.Time{},
	}
}

// set changes the provider.
func (p *provider) set(change func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change()
}

// account watches folders of one login.
func (p *provider) account(login string, folders ...string) *fetch.Account {
	a := &fetch.Account{Name: login, Key: login, Log: slog.New(slog.DiscardHandler)}
	a.Host, a.Port, a.Protocol = "h", 1, fetch.IMAP
	a.Idle, a.Mailboxes, a.Connect = true, folders, p.connect
	for _, name := range folders {
		p.seen[name] = time.Now()
	}
	return a
}

func (p *provider) connect(_ context.Context, a *fetch.Account) (fetch.Session, error) {
	name, house := a.Mailboxes[0], "all"
	if p.perLogin {
		house = a.Key
	}

	p.mu.Lock()
	defer p.mu.Unlock()
	if p.rejects != nil {
		if err := p.rejects(name); err != nil {
			return nil, err
		}
	}
	if p.allowed > 0 && p.held[house] >= p.allowed {
		p.refused++
		return nil, p.refusal
	}
	p.held[house]++
	return &guest{p: p, name: name, house: house, cut: p.cut}, nil
}

// watched is how many mailboxes are watched now.
func (p *provider) watched() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	for _, on := range p.watching {
		if on {
			n++
		}
	}
	return n
}

// longest is how long a mailbox has been out of sight at most by now.
func (p *provider) longest() (worst time.Duration, name string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for n, at := range p.seen {
		if d := time.Since(at); !p.watching[n] && d > worst {
			worst, name = d, n
		}
	}
	return worst, name
}

// guest is a session with a provider.
type guest struct {
	p           *provider
	name, house string
	cut         chan struct{}
}

func (g *guest) Mailboxes(context.Context) ([]string, error) { return []string{g.name}, nil }

func (g *guest) Peer() string { return "" }

func (g *guest) CanWatch() bool { return true }

func (g *guest) Open(context.Context, string) (fetch.Mailbox, error) {
	<-time.After(g.p.look(g.name))
	g.p.set(func() { g.p.seen[g.name] = time.Now() })
	return empty{}, nil
}

func (g *guest) Watch(ctx context.Context, wake <-chan struct{}, timeout time.Duration) (bool, error) {
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	g.p.set(func() { g.p.watching[g.name] = true })
	defer g.p.set(func() { g.p.watching[g.name], g.p.seen[g.name] = false, time.Now() })
	select {
	case <-timer.C:
	case <-wake:
	case <-g.cut:
		return false, fetch.Fail(fetch.KindNetwork, errors.New("connection lost"))
	case <-ctx.Done():
		return false, ctx.Err()
	}
	return false, nil
}

func (g *guest) Close() error {
	time.AfterFunc(g.p.lag, func() { g.p.set(func() { g.p.held[g.house]-- }) })
	return nil
}
