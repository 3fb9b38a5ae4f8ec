package fetch

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"fetchd/tlsverify/hints"
)

// mailboxEnd is a mailbox at whose opening each session has ended since it was opened last. From its third
// time on it is visited after all others, which would never be reached otherwise.
type mailboxEnd struct {
	Mailbox string    `json:"mailbox"`
	Deaths  int       `json:"deaths"`
	Last    time.Time `json:"last"`
}

// inOrder gives mailboxes in the order of their visits: those at which sessions end come last, and of these
// the one first that has waited longest.
func (o *obstacles) inOrder(mailboxes []string) []string {
	if o == nil || len(o.Mailboxes) == 0 {
		return mailboxes
	}

	last := make(map[string]time.Time)
	for _, e := range o.Mailboxes {
		if e.Deaths >= obstacleDeaths {
			last[e.Mailbox] = e.Last
		}
	}
	return slices.SortedStableFunc(slices.Values(mailboxes), func(a, b string) int {
		return last[a].Compare(last[b])
	})
}

// noteOpened deals with the error of the opening of a mailbox, nil if it is open, and returns it, with a next
// step if sessions end there each time.
func (a *Account) noteOpened(ctx context.Context, mailbox string, err error, p *progress) error {
	o := p.obstacles
	if o == nil {
		return err
	}
	i := slices.IndexFunc(o.Mailboxes, func(e mailboxEnd) bool { return e.Mailbox == mailbox })
	if err == nil || passable(err) {
		if i >= 0 {
			o.Mailboxes = slices.Delete(o.Mailboxes, i, i+1)
		}
		return err
	}
	// A connection that was kept may have ended long before. As to the others, see noteSessionEnd.
	if p.kept || !p.several || !isOfServer(err) || errors.Is(err, ErrSimpler) || ctx.Err() != nil {
		return err
	}

	if i < 0 {
		if len(o.Mailboxes) >= obstaclesMost {
			return err
		}
		i = len(o.Mailboxes)
		o.Mailboxes = append(o.Mailboxes, mailboxEnd{Mailbox: mailbox})
	}
	e := &o.Mailboxes[i]
	p.atLast = e.Deaths >= obstacleDeaths
	if e.Deaths, e.Last = e.Deaths+1, a.now(); e.Deaths < obstacleDeaths {
		return err
	}

	return hints.Add(err, fmt.Sprintf("the session ends each time %.70q is opened, so that folder comes "+
		"last now: ask the server's operator about it, or leave it out of \"folder\"",
		a.Hidden.Clean(mailbox)))
}

// isOfServer tells whether err, of a session, is what the server or the network has done.
func isOfServer(err error) bool {
	switch KindOf(err) {
	case KindNetwork, KindProtocol, KindAuth:
		return !endedByLease(err)
	}
	return false
}
