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

// MaxPolls limits the retrievals that transfer messages, for what they hold in memory. startFactor times as
// many may connect, log in and look for mail, which takes little. One that does so for longer than startTime
// waits for its server, holds no more than a connection that is watched, and counts for MaxStarts only.
const (
	startFactor = 8
	startTime   = 3 * time.Second
)

// A retrieval that transfers and has delivered nothing for slowTime waits for its server or its agent, and
// gives its place to another. There may be slowFactor times as many of these as there are places, so that
// what they hold in memory is bounded too; beyond that they keep their places. One that delivers keeps its
// place for turnTime, and then gives it to those that wait once the messages that it asked for have come.
const (
	slowTime   = 10 * time.Second
	slowFactor = 8
	turnTime   = 3 * time.Second
)

// place is a retrieval's, among those of its server and among those that do the same at the moment. It
// implements fetch.Turns.
type place struct {
	s        *Scheduler
	host     *limit       // of the server
	urgency  urgency      // until the retrieval is known to be long
	progress func() int64 // a number that grows

	mu    sync.Mutex // guards what follows
	at    *limit     // one of the Scheduler's; nil = none
	since time.Time  // when it entered s.starts or s.transfers
	timer *time.Timer
	last  int64 // progress when the timer was set
	long  bool  // its turn was wanted before it had ended
	slow  bool  // it gave its place away
}

// acquire waits for a place: first among those of the account's server, so that waiting for a slow server
// takes no place from the others. The error is why ctx ended.
func (s *Scheduler) acquire(
	ctx context.Context, a *fetch.Account, u urgency, progress func() int64,
) (*place, error) {
	p := &place{s: s, host: s.host(a).places, urgency: u, progress: progress}
	if err := p.host.enter(ctx, u); err != nil {
		return nil, err
	}
	if err := s.starts.enter(ctx, u); err != nil {
		p.host.leave()
		return nil, err
	}

	p.noteEntry(s.starts, startTime)
	return p, nil
}

// noteEntry notes that the retrieval was let in, and when to look at it.
func (p *place) noteEntry(at *limit, lookAfter time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.at, p.since, p.last = at, time.Now(), p.progress()
	p.timer = time.AfterFunc(lookAfter, p.reconsider)
}

// leave gives the place to others; p.mu is held.
func (p *place) leave() {
	if p.timer != nil {
		p.timer.Stop()
		p.timer = nil
	}
	if p.at != nil {
		p.at.leave()
		p.at = nil
	}
}

// reconsider gives the place away if the retrieval waits for its server or its agent.
func (p *place) reconsider() {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.timer == nil || time.Since(p.since) < startTime: // this timer is of a place that it has just left
	case p.at == p.s.starts && p.s.waits.tryEnter():
		p.leave()
		p.at = p.s.waits
	case p.at == p.s.starts:
		p.timer.Reset(startTime)
	// Nothing was delivered since the last look: it waits for its server or its agent, and others can work.
	case p.progress() == p.last && p.s.slow.tryEnter():
		p.leave()
		p.at, p.slow = p.s.slow, true
	default:
		p.last = p.progress()
		p.timer.Reset(slowTime)
	}
}

// Begin implements fetch.Turns.
func (p *place) Begin(ctx context.Context) error {
	p.mu.Lock()
	p.leave()
	u := p.urgency
	if p.long {
		// It has had a turn. Those that need a short one come first now.
		u = patient
	}
	p.mu.Unlock()

	if err := p.s.transfers.enter(ctx, u); err != nil {
		return err
	}
	p.noteEntry(p.s.transfers, slowTime)
	return nil
}

// Wanted implements fetch.Turns. A retrieval that gave its place away asks for another as soon as it can.
func (p *place) Wanted() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	wanted := p.at == p.s.slow ||
		p.at == p.s.transfers && time.Since(p.since) >= turnTime && p.s.transfers.wanted()
	p.long = p.long || wanted
	return wanted
}

// End implements fetch.Turns.
func (p *place) End() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.leave()
}

// wasSlow tells whether the retrieval gave its place away while it transferred.
func (p *place) wasSlow() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.slow
}

// release ends the retrieval's stay.
func (p *place) release() {
	p.End()
	p.host.leave()
}

// retrieve makes one retrieval, once there is a place for it, and tells whether it was slow.
func (s *Scheduler) retrieve(
	ctx context.Context, r *fetch.Retriever, a *fetch.Account, u urgency,
) (res fetch.Result, slow bool, err error) {
	defer fault.Recover(&err)
	p, err := s.acquire(ctx, a, u, r.Delivered)
	if err != nil {
		return fetch.Result{}, false, err
	}
	defer p.release()

	r.TakeTurns(p)
	res, err = r.Retrieve(ctx)
	return res, p.wasSlow(), err
}

// host is a server, for all accounts there.
type host struct {
	places *limit // of retrievals
	crowd  *crowd
	gate   *gate
}

// host is the account's server.
func (s *Scheduler) host(a *fetch.Account) *host {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.knownHost(a)
}

// knownHost is host for those that hold s.mu.
func (s *Scheduler) knownHost(a *fetch.Account) *host {
	key := net.JoinHostPort(a.Host, strconv.Itoa(a.Port))
	if s.hosts[key] == nil {
		s.hosts[key] = &host{newLimit(s.opt.MaxPerHost), newCrowd(), newGate()}
	}
	return s.hosts[key]
}
