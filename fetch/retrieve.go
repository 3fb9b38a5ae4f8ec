package fetch

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"time"

	"fetchd/delivery"
	"fetchd/fetch/login"
	"fetchd/tlsverify"
)

// Retrieve makes one pass over an account: connect, log in, and for each mailbox find what is new, retrieve
// it, hand it on, record it, acknowledge it. Result tells what was done also when an error ended the pass.
// When ctx ends, the message in hand gets Grace to be delivered and recorded; the others stay on the server.
func Retrieve(ctx context.Context, a *Account) (Result, error) {
	r := NewRetriever(a)
	res, err := r.Retrieve(ctx)
	if cerr := r.Close(); err == nil {
		err = cerr
	}
	return res, err
}

// progress is how far a retrieval is. It may need several sessions: a POP3 server deletes at the end of one.
type progress struct {
	res       *Result
	delivered *atomic.Int64
	shares    *shares
	turns     Turns
	said      *said
	later     bool  // this is not the first session
	more      bool  // this is not the last one
	elsewhere bool  // nor is this: the mail of other mailboxes goes to other destinations
	left      []Ref // messages that an earlier session could not deliver
	fruitless int   // sessions in a row that delivered nothing

	destinations destinations

	last      *lastInLine
	obstacles *obstacles
	only      *obstacle // what this session is for; nil = for all but those in the way
	absent    bool      // only is not there any more
	extra     int       // sessions that were made because one ended at a message
	kept      bool      // the connection is an earlier pass's
	several   bool      // there is more than one mailbox
	atLast    bool      // the session has ended at a mailbox that comes after the others
}

// retrieve visits the mailboxes in turn. One that can't be opened does not keep the others from it.
func (a *Account) retrieve(ctx context.Context, s Session, p *progress) error {
	names, err := s.Mailboxes(ctx)
	if err != nil {
		return err
	}
	if p.only != nil {
		// The journal remembers the message, but the user may have removed its folder from the rc file since.
		if p.absent = !slices.Contains(names, p.only.Mailbox); p.absent { // by the rc file, by now
			return nil
		}
		names = []string{p.only.Mailbox}
	}
	p.last.crowd(a.FetchLimit, len(names))
	p.several = len(names) > 1
	names = p.obstacles.inOrder(names)

	var errs []error
	for i, name := range names {
		if p.only == nil && p.destinations.areDone(name) {
			continue
		}
		err := a.mailbox(ctx, s, name, p)
		errs = append(errs, err)
		if err != nil && !passable(err) {
			p.elsewhere = p.only == nil && p.destinations.othersWork(a, names, i, err)
			break
		}
	}

	return errors.Join(errs...)
}

// passable tells whether the connection, and the destination, are good for another mailbox after err.
func passable(err error) bool {
	var trouble *ServerTrouble
	if errors.As(err, &trouble) && trouble.Quota {
		return false
	}
	// Trouble with the destination or the lease will meet the next mailbox too, whatever its kind.
	k := KindOf(err)
	if delivery.EndsRetrieval(err) || endedByLease(err) {
		return false
	}
	return k == KindServer || k == KindBusy || k == KindDelivery
}

// mailbox is one mailbox's part of a retrieval.
func (a *Account) mailbox(ctx context.Context, s Session, name string, p *progress) error {
	// The login may have taken its time, and so may the mailboxes before this one.
	if err := a.checkLease(); err != nil {
		return err
	}

	m, err := s.Open(ctx, name)
	if err = a.noteOpened(ctx, name, err, p); err != nil {
		return err
	}

	if r, ok := m.(Releaser); ok {
		defer r.Release()
	}

	// What is left out is no longer new, so it comes before the counts.
	a.leaveOut(m, name, p)
	if err := a.exclude(ctx, m, name, p); err != nil {
		return a.noteSessionEnd(ctx, name, err, p)
	}
	waiting := a.letOthersPass(m, name, p)
	c := a.count(m, name, p)
	more := a.limit(m, &c, waiting, p)
	p.res.New += c.New

	t := &transfer{
		a: a, to: p.destinations.of(a, name), m: m, name: name, total: c.New, res: p.res,
		delivered: p.delivered, met: p.obstacles, peer: s.Peer(), shares: p.shares, turns: p.turns,
		waiting: waiting,
	}
	if c.New > 0 {
		if err := a.transferNew(ctx, t, p); err != nil {
			return err
		}
	}

	return a.commit(ctx, t, more, p)
}

// count reports what is in a mailbox and adds it to the result.
func (a *Account) count(m Mailbox, name string, p *progress) Counts {
	c := m.Counts()
	if p.only == nil {
		a.report(name, c, p.said)
		a.Refusals.skipped(name, c.Oversized, a.LimitFlush)
	} else {
		p.absent = c.New == 0
	}

	// A later session of this retrieval finds again what the first one has counted.
	if !p.later {
		p.res.Messages += c.Messages
		p.res.Seen += c.Seen
		p.res.Oversized += len(c.Oversized)
	}

	return c
}

// transferNew transfers what is new in a mailbox.
func (a *Account) transferNew(ctx context.Context, t *transfer, p *progress) error {
	// Who has a part of a message already must be known before anything is delivered again.
	if err := p.shares.recall(ctx, a); err != nil {
		return err
	}

	err := t.runInTurn(ctx)
	// Whatever ended it: what was delivered is there.
	if kerr := t.keepLooks(ctx); err == nil {
		err = kerr
	}
	if p.only == nil {
		p.last.tried(t.name, t.failed, a.FetchLimit > 0 || a.hasSessions(t.m), a.now())
	}
	if err != nil {
		return a.noteSessionEnd(ctx, t.name, err, p)
	}

	return nil
}

// fruitlessMost is how many sessions in a row that deliver nothing a retrieval has: bad messages must not
// keep those behind them from coming, but a destination that refuses everything is no reason to log in for
// each.
const fruitlessMost = 3

// commit ends a mailbox: what was delivered is deleted on the server, or marked. more says that messages were
// left for another session of this retrieval.
func (a *Account) commit(ctx context.Context, t *transfer, more bool, p *progress) error {
	// What is recorded and not committed is acknowledged by the next retrieval, whoever makes it.
	if err := a.checkLease(); err != nil {
		return err
	}

	deleted, err := t.m.Commit(ctx)
	p.res.Deleted += deleted
	if r, ok := t.m.(Returner); ok {
		a.reportReturned(t.name, r.Returned(), p)
	}

	if p.fruitless++; t.worked {
		p.fruitless = 0
	}

	// A session that met trouble is no reason to begin another one at once.
	p.more = more && p.fruitless < fruitlessMost && err == nil && t.trouble == nil
	if p.more { // not for another mailbox: it may have the same numbers
		for _, f := range t.failed {
			p.left = append(p.left, f.place)
		}
	}
	if t.trouble != nil {
		err = errors.Join(t.trouble, err)
	}

	return errors.Join(err, t.failures())
}

// leaveOut takes out of m what is not for this session.
func (a *Account) leaveOut(m Mailbox, name string, p *progress) {
	l, ok := m.(Leaver)
	switch {
	case !ok:
	case p.only != nil:
		l.Only(p.only.ref())
		keepDoubt(m)
	default:
		// First those that don't count at all.
		l.Leave(slices.Concat(a.Refusals.aside(name, a.now()), p.obstacles.inTheWay(name)))
		all := m.Counts().New
		l.Leave(p.left)
		l.Leave(p.shares.wait(name, m, p.destinations.outages))
		if m.Counts().New < all {
			keepDoubt(m)
		}
	}
}

// letOthersPass takes out of m what comes last, and returns how much of it waits for nothing but its turn.
// All else was left out before: which messages come last depends on how many others there are.
func (a *Account) letOthersPass(m Mailbox, name string, p *progress) (waiting int) {
	l, ok := m.(Leaver)
	if !ok || p.only != nil {
		return 0
	}

	fresh := m.Counts().New
	l.Leave(p.last.wait(name, l, fresh, a.now()))
	if waiting = fresh - m.Counts().New; waiting > 0 {
		keepDoubt(m)
	}
	return waiting
}

// limit takes what is too much for this session out of c and m, where some messages wait already, and says
// whether another session is to retrieve it.
func (a *Account) limit(m Mailbox, c *Counts, waiting int, p *progress) (more bool) {
	res := p.res
	limitTo := func(n int) {
		waiting += c.New - n
		if l, ok := m.(Leaver); ok {
			l.Leave(p.last.surplus(n))
		}
		m.Limit(n)
		c.New = n
		keepDoubt(m)
	}

	// Failures count too, or a destination that refuses everything would be given all of it in each pass.
	if left := a.FetchLimit - res.Delivered - res.Failed; a.FetchLimit > 0 && c.New > left {
		limitTo(left)
	}
	if a.FetchLimit > 0 && waiting > 0 && !res.LimitHit {
		res.LimitHit = true
		a.Log.Info(EventLimit, "account", a.Name, "limit", a.FetchLimit, "count", waiting)
	}

	switch {
	case !a.hasSessions(m):
		return false
	case c.New > a.Expunge:
		limitTo(a.Expunge)
		return true
	default: // what has let the others pass is tried behind them
		return waiting > 0 && a.FetchLimit == 0
	}
}

// hasSessions tells whether m is retrieved in sessions of Expunge messages each: over POP3 nothing is deleted
// before QUIT.
func (a *Account) hasSessions(m Mailbox) bool {
	_, atEnd := m.(Ender)
	return atEnd && a.Expunge > 0 && !a.Keep
}

// report logs what was found, in the terms of fetchmail's "N messages (M seen) for U at H".
func (a *Account) report(name string, c Counts, s *said) {
	level := s.level(name, c)
	// fetchmail says "No mail" only for an empty mailbox, and its users' scripts match that line.
	if c.New == 0 && len(c.Oversized) == 0 && c.Messages == c.Seen {
		if c.Messages == 0 {
			a.Log.Log(context.Background(), level, EventNoMail, "account", a.Name, "mailbox", name)
			return
		}
	}

	a.Log.Log(context.Background(), level, EventMailbox, "account", a.Name, "mailbox", name,
		"total", c.Messages, "seen", c.Seen, "size", c.Octets)
	for _, it := range c.Oversized {
		a.Log.Log(context.Background(), level, EventOversized, "account", a.Name, "mailbox", name,
			"n", it.Num, "total", c.Messages, "size", it.Size, "uid", it.UID, "deleted", a.LimitFlush)
	}
}

// Grace is how long the message in hand may still take once ctx has ended.
const Grace = 10 * time.Second

// WithGrace returns a context that ends Grace after ctx does, or when the function is called.
func WithGrace(ctx context.Context) (context.Context, context.CancelFunc) {
	// Detached from ctx: a child would end with it, and the message in hand would be lost halfway.
	out, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		timer := time.AfterFunc(Grace, func() { cancel(context.Cause(ctx)) })
		context.AfterFunc(out, func() { timer.Stop() })
	})
	return out, func() { stop(); cancel(nil) }
}

// FirstOf is the Connector of an account whose protocol is not named: it uses the first that finds a server.
// A server that answers, even with an error, is found.
func FirstOf(connectors ...Connector) Connector {
	return func(ctx context.Context, a *Account) (Session, error) {
		var errs []error
		for _, connect := range connectors {
			s, err := connect(ctx, a)
			// Only "nobody is there" leads on, and a greeting that says that it is another protocol's server.
			// After a refused login that would only be another failed attempt, which servers count.
			absent := KindOf(err) == KindNetwork && !inHandshake(err) ||
				errors.Is(err, login.ErrOtherProtocol)
			if err == nil || !absent {
				return s, err
			}
			errs = append(errs, err)
		}
		return nil, errors.Join(errs...)
	}
}

// inHandshake tells whether err is of a server that was asked for TLS: it is found, however that ended.
func inHandshake(err error) bool {
	_, ok := errors.AsType[*tlsverify.HandshakeError](err)
	return ok
}

// spoolOptions are how this account's messages are held.
func (a *Account) spoolOptions() delivery.SpoolOptions {
	return delivery.SpoolOptions{Dir: a.SpoolDir, KeepCR: a.KeepCR, Limit: MaxMessage}
}

// MaxMessage ends a message that does not end: a server may announce any size. No session reads more of one.
const MaxMessage = 4 << 30
