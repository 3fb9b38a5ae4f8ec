package fetch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"
)

const (
	obstacleDeaths = 2 // sessions that end at a message before the others are retrieved first
	obstacleTries  = 4 // sessions before it counts as one that can't be had
	obstaclesMost  = 100
	obstacleTime   = 30 * 24 * time.Hour // then it is forgotten: some programs are run once a week
	returnedTime   = 30 * 24 * time.Hour // then the user is told again that deleted mail is back
	aloneMost      = 3                   // messages in a session of their own, in a pass
	extraMost      = 3                   // sessions in a pass for what is behind a message
)

// obstacle is a message at which sessions have ended.
type obstacle struct {
	keptMessage
	Size   int64 `json:"size,omitempty"`
	Deaths int   `json:"deaths"`
	// other messages have come since, so that the server is not at fault
	Others bool `json:"others,omitempty"`
	Told   bool `json:"told,omitempty"` // the user knows
}

// obstacles are those of an account, as a pass sees them. The journal has them from one pass to the next, of
// a daemon or not: a message that can't be had must not keep those behind it from coming. From its second
// time on it is retrieved after all others, alone, and at last once a day only. Nil remembers nothing.
type obstacles struct {
	keptObstacles
	note string // what the journal has
}

// keptObstacles is how the journal has them.
type keptObstacles struct {
	List      []obstacle   `json:"list,omitempty"`
	Mailboxes []mailboxEnd `json:"mailboxes,omitempty"`
	Returned  time.Time    `json:"returned,omitzero"` // when the user was told that deleted mail is back
}

// recallObstacles reads what earlier passes met. What can't be read is found out again.
func (a *Account) recallObstacles(ctx context.Context) *obstacles {
	if a.Journal == nil {
		return nil
	}

	o := new(obstacles)
	text, err := a.Journal.Obstacles(ctx, a.Key)
	if err == nil && text != "" {
		err = json.Unmarshal([]byte(text), &o.keptObstacles)
	}
	if err != nil {
		a.Log.Debug(EventForgotten, "account", a.Name, "err", err)
		return new(obstacles)
	}

	o.note = text
	o.List = slices.DeleteFunc(o.List, func(b obstacle) bool { return a.now().Sub(b.Last) > obstacleTime })
	o.Mailboxes = slices.DeleteFunc(o.Mailboxes, func(e mailboxEnd) bool {
		return a.now().Sub(e.Last) > obstacleTime
	})
	return o
}

// keepObstacles writes them into the journal, if they have changed.
func (a *Account) keepObstacles(o *obstacles) {
	if o == nil || a.checkLease() != nil {
		return
	}

	text := ""
	if len(o.List)+len(o.Mailboxes) > 0 || !o.Returned.IsZero() {
		b, err := json.Marshal(o.keptObstacles)
		if err != nil {
			a.Log.Warn(EventNotKept, "account", a.Name, "err", err)
			return
		}
		text = string(b)
	}
	if text == o.note {
		return
	}
	// Also when the retrieval was cancelled: what was learnt until then is true.
	if err := a.Journal.SetObstacles(context.Background(), a.Key, text); err != nil {
		a.Log.Warn(EventNotKept, "account", a.Name, "err", err)
		return
	}

	o.note = text
}

func (o *obstacles) find(mailbox string, ref Ref) int {
	return slices.IndexFunc(o.List, func(b obstacle) bool { return b.Mailbox == mailbox && b.ref() == ref })
}

func (k *keptMessage) ref() Ref { return Ref{k.UIDValidity, string(k.UID)} }

// died notes that a session ended at a message, and returns what is known of it. A message without a UID
// can't be found again: then it is nil.
func (o *obstacles) died(mailbox string, at *AtMessage, now time.Time) *obstacle {
	if o == nil || at.UID == "" {
		return nil
	}

	i := o.find(mailbox, at.Ref)
	if i < 0 {
		// A server that ends a session at each of thousands of messages must not fill the journal.
		if len(o.List) >= obstaclesMost {
			return nil
		}
		i = len(o.List)
		o.List = append(o.List, obstacle{keptMessage: keptMessage{
			Mailbox: mailbox, UIDValidity: at.UIDValidity, UID: []byte(at.UID),
		}})
	}

	b := &o.List[i]
	b.Deaths, b.Last, b.Size = b.Deaths+1, now, at.Size
	return b
}

// answered notes that the server has given a message, or has refused it: either way it is no obstacle. One
// that came shows that the server can; but where it was an obstacle itself, the server was at fault, and the
// others get another chance.
func (o *obstacles) answered(mailbox string, ref Ref, came bool) {
	if o == nil || len(o.List) == 0 {
		return
	}

	i := o.find(mailbox, ref)
	if i >= 0 && came && o.List[i].Deaths >= obstacleDeaths {
		o.List = slices.Delete(o.List, i, i+1)
		// What the user was told of stays known, or the same mail would be sent each time that the server
		// recovers.
		o.List = slices.DeleteFunc(o.List, func(b obstacle) bool { return !b.Told })
		return
	}
	if i >= 0 {
		o.List = slices.Delete(o.List, i, i+1)
	}

	for i := range o.List {
		o.List[i].Others = o.List[i].Others || came
	}
}

// forget removes an obstacle that is not there any more.
func (o *obstacles) forget(b obstacle) { o.answered(b.Mailbox, b.ref(), false) }

// inTheWay are the messages of a mailbox that are not to be retrieved together with others.
func (o *obstacles) inTheWay(mailbox string) (refs []Ref) {
	if o == nil {
		return nil
	}
	for _, b := range o.List {
		if b.Mailbox == mailbox && b.Deaths >= obstacleDeaths {
			refs = append(refs, b.ref())
		}
	}
	return refs
}

// due are those that are to be tried alone now, the one that has waited longest first.
func (o *obstacles) due(now time.Time, all bool) []obstacle {
	if o == nil {
		return nil
	}
	var due []obstacle
	for _, b := range o.List {
		if b.Deaths >= obstacleDeaths && (all || !b.isGivenUp() || HasPassed(setAsideTime, b.Last, now)) {
			due = append(due, b)
		}
	}
	slices.SortStableFunc(due, func(a, b obstacle) int { return a.Last.Compare(b.Last) })
	return due[:min(len(due), aloneMost)]
}

// isGivenUp tells whether it is the message that can't be had, and not the server that can't give any.
func (b *obstacle) isGivenUp() bool { return b.Others && b.Deaths >= obstacleTries }

// givenUp are the messages that can't be had.
func (o *obstacles) givenUp() (list []Waiting) {
	if o == nil {
		return nil
	}
	for i := range o.List {
		if b := &o.List[i]; b.isGivenUp() {
			list = append(list, Waiting{b.Mailbox, b.ref(), b.Last})
		}
	}
	return list
}

// noteSessionEnd deals with the error that ended the transfer of a mailbox. If it did so at a message, and
// not for the first time, the others get another session at once.
func (a *Account) noteSessionEnd(ctx context.Context, mailbox string, err error, p *progress) error {
	var at *AtMessage
	// No message is to blame for an error elsewhere, for a feature that the server offers but can't do, for
	// the end of the lease or for our own end.
	if !errors.As(err, &at) || errors.Is(err, ErrSimpler) || endedByLease(err) || ctx.Err() != nil {
		return err
	}
	b := p.obstacles.died(mailbox, at, a.now())
	if b == nil || p.only != nil {
		return err
	}
	// The first time the connection alone may be at fault, and a new session at once could meet the same
	// trouble. The number of sessions is bounded: each costs a login, which servers limit.
	if p.more = b.Deaths >= obstacleDeaths && p.extra < extraMost; p.more {
		p.extra++
	}
	return err
}

// tryObstacles tries the messages at which sessions end, each in a session of its own. One that can't be had
// is no failure of the pass: the user is told of it.
func (r *Retriever) tryObstacles(ctx context.Context, p *progress) error {
	var errs []error
	for _, b := range p.obstacles.due(r.a.now(), r.a.Refusals.takeRetry()) {
		// They count against the limit too, though they come last.
		full := r.a.FetchLimit > 0 && p.res.Delivered+p.res.Failed >= r.a.FetchLimit
		if full || ctx.Err() != nil {
			break
		}
		err := r.tryObstacle(ctx, b, p)
		errs = append(errs, err)
		var at *AtMessage
		if err != nil && !errors.As(err, &at) {
			break // it is not this message
		}
	}

	r.a.Refusals.setObstacles(p.obstacles.givenUp())
	return errors.Join(errs...)
}

func (r *Retriever) tryObstacle(ctx context.Context, b obstacle, p *progress) error {
	own := &Retriever{a: r.a, brief: true} // the connection that may be kept is not put at risk
	p.only, p.absent, p.later, p.more = &b, false, true, false
	err := own.session(ctx, p)
	if cerr := own.Close(); err == nil {
		err = cerr
	}

	if p.absent || err == nil {
		p.obstacles.forget(b)
		return err
	}

	i := p.obstacles.find(b.Mailbox, b.ref())
	if i < 0 {
		return err
	}
	// Everything else came. A pass that failed each day because of one message would hide real trouble.
	if now := &p.obstacles.List[i]; now.Deaths > b.Deaths && now.isGivenUp() {
		r.a.reportObstacle(now, err)
		return nil
	}

	return err
}

// reportObstacle tells the user of a message that can't be had.
func (a *Account) reportObstacle(b *obstacle, err error) {
	uid := a.Hidden.Clean(string(b.UID))
	a.Log.Warn(EventObstacle, "account", a.Name, "mailbox", b.Mailbox,
		"uid", uid, "size", b.Size, "count", b.Deaths, "err", err)

	if m := a.Refusals; m != nil && !b.Told {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.announce(fmt.Sprintf("%.70q of %d bytes: the server ends the session instead of giving it: %v",
			uid, b.Size, err))
	}
	b.Told = true
}

// reportReturned tells the user, once in a while, of deleted mail that is back.
func (a *Account) reportReturned(mailbox string, n int, p *progress) {
	if n == 0 {
		return
	}
	// Some servers bring deleted mail back with each session: one warning a month is enough.
	level := slog.LevelWarn
	if o := p.obstacles; o != nil {
		if now := a.now(); HasPassed(returnedTime, o.Returned, now) {
			o.Returned = now
		} else {
			level = slog.LevelDebug
		}
	}
	a.Log.Log(context.Background(), level, EventBack, "account", a.Name, "mailbox", mailbox, "count", n)
}
