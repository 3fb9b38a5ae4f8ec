package schedule

import (
	"context"
	"errors"
	"slices"
	"time"

	"fetchd/fetch"
)

// seat is what an account, or a folder of it, needs to be connected: room among the connections of its login
// and among those of its server. It belongs to one goroutine.
type seat struct {
	s      *Scheduler
	a      *fetch.Account
	crowds [2]*crowd // of the login and of the server, in this order
	trial  *trial    // of the login

	taken  bool    // in both crowds
	stays  bool    // the connection may stay open between retrievals
	counts bool    // it is logged in, too, as the crowds know
	denied bool    // it should, and there is no room
	open   bool    // the connection is logged in
	lesson [2]int  // of the crowds, when the last connection was begun
	again  [2]bool // the last refusal was taken for that crowd's
	unsure int     // refusals in a row that could not be explained yet

	stamp   string  // of the account, before the retrieval
	refused *answer // the last connection was refused the login; nil = it was not
	shared  bool    // it was not made: its error is that of another
	heardOf int     // the number of the last refusal that counted for us
}

// crowdTries is how often a refusal that can't be explained yet is waited for to be repeated.
const crowdTries = 2

// newSeat makes a an account of its crowds; leave ends that. s.mu is held.
func (s *Scheduler) newSeat(a *fetch.Account) *seat {
	if s.logins[a.Key] == nil {
		s.logins[a.Key] = &login{newCrowd(), new(trial)}
	}

	l := s.logins[a.Key]
	p := &seat{s: s, a: a, crowds: [2]*crowd{l.crowd, s.knownHost(a).crowd}, trial: l.trial}
	p.heardOf = p.trial.lastNumber() // what is new may be tried
	for _, c := range p.crowds {
		c.join(1)
	}
	return p
}

// retriever is the account's, whose connector tells the crowds.
func (p *seat) retriever() *fetch.Retriever {
	r := fetch.NewRetriever(p.a)
	r.ConnectBy(p.connect)
	return r
}

// connect is the retriever's fetch.Connector.
func (p *seat) connect(ctx context.Context, _ *fetch.Account) (session fetch.Session, err error) {
	p.close(true) // the session before, of the same retrieval
	p.refused, p.shared = nil, false
	p.noteLessons()
	ours, err := p.trial.begin(ctx, p)
	if err != nil {
		return nil, err
	}
	// Deferred, so that a panic leaves nobody waiting; and the crowds know first.
	defer func() { p.trial.end(ctx, p, ours, session, err) }()
	p.noteLessons()

	session, err = p.a.Connect(ctx, p.a)
	for i, c := range p.crowds {
		switch {
		case err == nil:
			c.opened(p.again[i])
		case isLoss(err) || isRestart(err):
			c.unreachable()
		}
	}

	if err == nil {
		p.open, p.again, p.unsure = true, [2]bool{}, 0
		p.count()
	}
	return session, err
}

// noteLessons notes what the crowds know when a connection begins.
func (p *seat) noteLessons() {
	for i, c := range p.crowds {
		p.lesson[i] = c.lastLesson()
	}
}

// begin forgets what the last retrieval met; stamp is the account's now.
func (p *seat) begin(stamp string) {
	p.stamp = p.a.Settings + "\x00" + stamp
	p.refused, p.shared = nil, false
}

// hear notes an answer that counts for us, if it is a refusal.
func (p *seat) hear(a *answer) {
	if a.number > 0 {
		p.refused, p.heardOf = a, a.number
	}
}

// failures is how many count for the back-off after err, where it would be own for the account alone.
func (p *seat) failures(own int, err error) int {
	switch {
	case p.refused == nil:
		return own
	case errors.Is(err, fetch.ErrNoVerdict): // the first is no sign yet, whatever was before
		return p.refused.count
	}
	return max(own, p.refused.count)
}

// close notes that the connection has ended, or that it was lost.
func (p *seat) close(lost bool) {
	if !p.open {
		return
	}
	p.open = false
	p.count()
	for _, c := range p.crowds {
		c.closed(lost)
	}
}

// count tells the crowds whether this is a connection that is logged in and stays.
func (p *seat) count() {
	n := 1
	if p.counts {
		n = -1
	}
	if p.counts == (p.open && p.stays) {
		return
	}

	p.counts = !p.counts
	for _, c := range p.crowds {
		c.count(n)
	}
}

// visit makes a retrieval with ret once there is a seat, and again while the server turns it away because
// there are too many connections.
func (p *seat) visit(
	ctx context.Context, ret *fetch.Retriever, retrieve func() (fetch.Result, error),
) (fetch.Result, error) {
	for {
		if err := p.take(ctx); err != nil {
			return fetch.Result{}, err
		}

		res, err := retrieve()
		if !ret.Connected() {
			p.release(err)
		}
		// Once anything was done the retrieval is not repeated here: its outcome is reported first.
		if err == nil || res != (fetch.Result{}) || !p.mayRetry(ctx, err) {
			return res, err
		}
	}
}

// take waits for a seat, unless there is one.
func (p *seat) take(ctx context.Context) error {
	p.settle()
	if p.taken {
		return nil
	}

	for i, c := range p.crowds {
		// Always in this order, the login's crowd first: two that took them in opposite orders could wait for
		// each other.
		if err := c.sit(ctx, func() { p.s.makeRoom(c) }); err != nil {
			if i == 1 {
				p.crowds[0].rise()
			}
			return err
		}
	}

	p.taken = true
	return nil
}

// settle asks both crowds whether the connection may stay open.
func (p *seat) settle() {
	defer p.count()
	p.giveUp()
	p.denied = false
	if !p.a.Idle && !p.a.KeepAlive {
		return
	}

	// Both or neither: a seat in one crowd alone would be lost for others.
	p.stays = p.crowds[0].settle()
	if p.stays && !p.crowds[1].settle() {
		p.crowds[0].unsettle()
		p.stays = false
	}
	p.denied = !p.stays
}

// unsettle tells both crowds that the connection does not stay open.
func (p *seat) unsettle() {
	p.giveUp()
	p.count()
}

func (p *seat) giveUp() {
	if p.stays {
		for _, c := range p.crowds {
			c.unsettle()
		}
	}
	p.stays = false
}

// tooMany tells whether the connection stays although it should not.
func (p *seat) tooMany() bool {
	return p.stays && slices.ContainsFunc(p.crowds[:], func(c *crowd) bool { return c.surplus() > 0 })
}

// release gives the seat to others after the connection has ended; err is why, nil if we wanted that.
func (p *seat) release(err error) {
	p.close(isLoss(err))
	p.unsettle()
	if p.taken {
		p.taken = false
		for _, c := range p.crowds {
			c.rise()
		}
	}
}

// isLoss tells whether a connection with err was lost, or did not come about.
func isLoss(err error) bool {
	kind := fetch.KindOf(err)
	return err != nil && (kind == fetch.KindNetwork || kind == fetch.KindUnknown)
}

// leave ends the account's part in its crowds.
func (p *seat) leave() {
	p.release(nil)
	for _, c := range p.crowds {
		c.join(-1)
	}
}

// mayRetry tells whether a retrieval that failed with err may succeed now: there were too many connections,
// and there is a line for what remains of them.
func (p *seat) mayRetry(ctx context.Context, err error) bool {
	if p.refused != nil && p.shared {
		return false
	}
	c, what := p.interpret(err)
	switch {
	case what == crowded:
		p.s.tellOfCrowd(c, p.a)
		p.s.askToLeave(c)
		return true
	case what != unclear || p.unsure == crowdTries:
		return false
	}

	p.unsure++
	timer := time.NewTimer(crowdSettle)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// interpret says what a failure means for the crowds. It is the login's limit first: that concerns the
// fewest.
func (p *seat) interpret(err error) (*crowd, meaning) {
	words := errors.Is(err, fetch.ErrCrowded)
	for i, c := range p.crowds {
		server := i == 1
		if !mayBeCrowd(err) && (server || !errors.Is(err, fetch.ErrNotJudged)) {
			continue
		}

		// Words help where they are about us. Of a server they may be about somebody's other devices.
		what := c.interpret(refusal{
			lesson: p.lesson[i], again: p.again[i], words: words && !server, alone: p.refused != nil,
		})
		p.again[i] = what == crowded
		if what != unrelated {
			return c, what
		}
	}
	return nil, unrelated
}

// mayBeCrowd tells whether err may be due to the number of connections to the server.
func mayBeCrowd(err error) bool {
	return errors.Is(err, fetch.ErrCrowded) || errors.Is(err, fetch.ErrTurnedAway)
}

// makeRoom gives a seat of those that stay to those that wait.
func (s *Scheduler) makeRoom(c *crowd) {
	c.makeRoom()
	s.askToLeave(c)
}

// askToLeave wakes those that stay and should not: they share from then on. INBOX is asked last.
func (s *Scheduler) askToLeave(c *crowd) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := c.surplus()
	for _, inbox := range []bool{false, true} {
		for _, r := range s.runners {
			// Only those that merely wait: a transfer under way is never interrupted for this.
			if n > 0 && r.watches.Load() && slices.Contains(r.seat.crowds[:], c) &&
				slices.Contains(r.a.Mailboxes, "INBOX") == inbox {
				r.wakeUp()
				n--
			}
		}
	}
}

// tellOfCrowd tells the user what was learnt.
func (s *Scheduler) tellOfCrowd(c *crowd, a *fetch.Account) {
	if most, ok := c.news(); ok {
		s.opt.Log.Warn("the server allows only so many connections; what can't be watched is polled in turn",
			"account", a.Name, "connections", most)
	}
}

// forgetCrowds lets everybody try again; s.mu is held.
func (s *Scheduler) forgetCrowds() {
	for _, h := range s.hosts {
		h.crowd.forget()
	}
	for _, l := range s.logins {
		l.crowd.forget()
	}
}

// login is a login at a server, for all accounts and watched folders that use it.
type login struct {
	crowd *crowd
	trial *trial
}
