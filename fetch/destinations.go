package fetch

import (
	"slices"

	"fetchd/delivery"
)

// destinations are where the mail of one pass goes.
type destinations struct {
	outages *delivery.Outages                         // of the account
	open    map[delivery.Deliverer]delivery.Deliverer // its destinations, and what they are for this pass
	done    map[string]bool                           // mailboxes that get no further visit
	folders int                                       // visits that one folder at a destination has ended
}

// foldersMost is how many folders at a destination may end a session each: another one needs a login.
const foldersMost = 10

// of is where the mail of a mailbox goes in this pass.
func (d *destinations) of(a *Account, mailbox string) delivery.Deliverer {
	to := a.delivererOf(mailbox)
	if d.open[to] == nil {
		if d.open == nil {
			d.open = map[delivery.Deliverer]delivery.Deliverer{}
		}
		d.open[to] = delivery.ForRetrieval(to, d.outages)
	}
	return d.open[to]
}

func (d *destinations) areDone(mailbox string) bool { return d.done[mailbox] }

// othersWork is told that the visit of the i-th mailbox ended with err, and the session with it. It tells
// whether that is because of a destination alone, and mailboxes are left whose mail goes elsewhere.
func (d *destinations) othersWork(a *Account, mailboxes []string, i int, err error) bool {
	if KindOf(err) != KindDelivery || !delivery.EndsRetrieval(err) || endedByLease(err) {
		return false
	}
	if d.done == nil {
		d.done = map[string]bool{}
	}

	to := a.delivererOf(mailboxes[i])
	ofFolder := delivery.IsOfFolder(to, err)
	if ofFolder {
		d.folders++
	}
	for k, name := range mailboxes {
		// Those before it were visited, and others would meet the same destination, or the same folder there.
		if k <= i || a.delivererOf(name) == to && !(ofFolder && d.folders < foldersMost) {
			d.done[name] = true
		}
	}
	return slices.ContainsFunc(mailboxes, func(name string) bool { return !d.done[name] })
}
