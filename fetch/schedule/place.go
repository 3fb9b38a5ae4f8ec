package schedule

import (
	"context"
	"net"
	"strconv"
	"sync"
	"time"

	"fetchd/fetch"
	"fetchd/fetch/fault"
)

// A retrieval that has delivered nothing for slowTime waits for its server or its agent, and gives its place
// to another: servers that are silent or drip would have all of them. Of these retrievals there may be
// slowFactor times as many as there are places, so that what they hold in memory is bounded too; beyond that
// they keep theirs.
const (
	slowTime   = 10 * time.Second
	slowFactor = 8
)

// place is a retrieval's, among all and among those of its server.
type place struct {
	s    *Scheduler
	host chan struct{} // of the server

	mu    sync.Mutex    // guards what follows
	among chan struct{} // s.slots, or s.slow once it was given to another
	timer *time.Timer   // nil = none, or it has ended
	last  int64         // progress when it was set
}

// acquire waits for a place: first among those of the account's server, so that waiting for a slow server
// takes no place from the others. The error is why ctx ended.
func (s *Scheduler) acquire(ctx context.Context, a *fetch.Account) (*place, error) {
	host := s.host(a).places
	select {
	case host <- struct{}{}:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}

	select {
	case s.slots <- struct{}{}:
		return &place{s: s, host: host, among: s.slots}, nil
	case <-ctx.Done():
		<-host
		return nil, context.Cause(ctx)
	}
}

// watch gives the place to another as soon as progress, a number that grows, stands still for slowTime.
func (p *place) watch(progress func() int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.last = progress()
	p.timer = time.AfterFunc(slowTime, func() { p.look(progress()) })
}

// look compares the progress with what it was slowTime ago.
func (p *place) look(now int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.timer == nil { // the retrieval has ended meanwhile
		return
	}

	// A retrieval that delivers keeps its place; so does one where too many have given theirs.
	if now != p.last || !p.give() {
		p.last = now
		p.timer.Reset(slowTime)
	}
}

// give gives the place to another, unless too many did; p.mu is held.
func (p *place) give() bool {
	select {
	case p.s.slow <- struct{}{}:
		<-p.among
		p.among = p.s.slow
		return true
	default:
		return false
	}
}

// release ends the retrieval's stay.
func (p *place) release() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.timer != nil {
		p.timer.Stop()
		p.timer = nil
	}

	<-p.among
	<-p.host
}

// retrieve makes one retrieval, once there is a place for it.
func (s *Scheduler) retrieve(
	ctx context.Context, r *fetch.Retriever, a *fetch.Account,
) (res fetch.Result, err error) {
	defer fault.Recover(&err)
	p, err := s.acquire(ctx, a)
	if err != nil {
		return fetch.Result{}, err
	}
	defer p.release()

	p.watch(r.Delivered)
	return r.Retrieve(ctx)
}

// host is a server, for all accounts there.
type host struct {
	places chan struct{} // a token for each retrieval
	gate   *gate
}

// host is the account's server.
func (s *Scheduler) host(a *fetch.Account) *host {
	key := net.JoinHostPort(a.Host, strconv.Itoa(a.Port))
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.hosts[key] == nil {
		s.hosts[key] = &host{make(chan struct{}, s.opt.MaxPerHost), newGate()}
	}
	return s.hosts[key]
}
