package delivery

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
)

// Destination is one of several.
type Destination struct {
	Deliverer
	// Key tells it from the others, in what is recorded of a message that only some of them have. It must
	// stay the same for as long as the destination does, and hold no secret.
	Key string
}

// several delivers to all of its destinations.
type several struct {
	all     []Destination
	busy    *busyMessages // of all retrievals
	outages *Outages      // of the retrievals of one account; nil = this is for no retrieval
}

// busyMessages are those that are being delivered now.
type busyMessages struct {
	mu   sync.Mutex // guards what follows
	keys map[messageKey]bool
}

// messageKey tells one message from another.
type messageKey struct {
	account, mailbox, uid string
	validity              uint32
}

func keyOf(m *Message) messageKey { return messageKey{m.Account, m.Mailbox, m.UID, m.UIDValidity} }

// severalGroups is several of which each is a GroupDeliverer.
type severalGroups struct{ *several }

// NewSeveral returns a Deliverer to all of the destinations, of which there is at least one. It delivers to
// one after the other, and tells Message.Note that it has the message before it goes on. A message that
// some don't take is a *PartialError. Message.Had says to which a message need not go any more. A destination
// that can't be used keeps mail from none of the others: EndsRetrieval is true only of an error of all.
func NewSeveral(all []Destination) Deliverer {
	d := &several{all: slices.Clone(all), busy: &busyMessages{keys: map[messageKey]bool{}}}
	return d.withGroups()
}

// withGroups is d, as a GroupDeliverer if all destinations are.
func (d *several) withGroups() Deliverer {
	for _, to := range d.all {
		if _, ok := to.Deliverer.(GroupDeliverer); !ok {
			return d
		}
	}
	return &severalGroups{d}
}

// forRetrieval makes a Deliverer that does not try again what can't be used.
func (d *several) forRetrieval(o *Outages) Deliverer {
	one := *d
	one.outages = o
	return one.withGroups()
}

// IsSeveral tells whether d is of NewSeveral's making.
func IsSeveral(d Deliverer) bool {
	_, ok := d.(interface{ isSeveral() })
	return ok
}

func (d *several) isSeveral() {}

func (d *several) String() string {
	names := make([]string, len(d.all))
	for i, to := range d.all {
		names[i] = to.String()
	}
	return strings.Join(names, " and ")
}

// Takes tells whether all take the name.
func (d *several) Takes(recipient string) bool {
	return !slices.ContainsFunc(d.all, func(to Destination) bool { return !Takes(to.Deliverer, recipient) })
}

// Exists tells whether the recipient has a place at all of them.
func (d *several) Exists(recipient string) bool {
	return !slices.ContainsFunc(d.all, func(to Destination) bool { return !Exists(to.Deliverer, recipient) })
}

// KeepsMarks implements MarkKeeper: one of them may.
func (d *several) KeepsMarks() bool {
	return slices.ContainsFunc(d.all, func(to Destination) bool { return KeepsMarks(to.Deliverer) })
}

// KeepsFolders implements FolderKeeper: one of them may.
func (d *several) KeepsFolders() bool {
	return slices.ContainsFunc(d.all, func(to Destination) bool { return KeepsFolders(to.Deliverer) })
}

// Deliver implements Deliverer.
func (d *several) Deliver(ctx context.Context, m *Message) error {
	return d.deliver(ctx, []*Message{m})[0]
}

// DeliverGroup implements GroupDeliverer.
func (d *severalGroups) DeliverGroup(ctx context.Context, ms []*Message) []error {
	return d.deliver(ctx, ms)
}

// deliver delivers to one destination after the other. A message that somebody else is delivering, or whose
// record can't be written, goes no further.
func (d *several) deliver(ctx context.Context, ms []*Message) []error {
	results := make([]parts, len(ms))
	// Another delivery of the same message would record its parts over ours.
	lost := d.claim(ms)
	defer d.release(ms, slices.Clone(lost))
	for i := range ms {
		if lost[i] {
			results[i].add(nil, errBusy)
		}
	}

	failed := d.outages.known(d.all)
	for n, to := range d.all {
		group, index := to.left(ms, lost)
		errs := d.deliverTo(ctx, n, failed, group)

		for k, i := range index {
			has := to.sign(deliveredTo(group[k], errs[k]))
			results[i].addOf(to.Key, has, errs[k])
			if n == len(d.all)-1 { // whoever called us records it now
				continue
			}
			// Before the next destination: a process that is killed there must not deliver here again.
			if err := ms[i].note(has); err != nil {
				results[i].add(nil, err)
				lost[i] = true
			}
		}
	}

	someWork := slices.Contains(failed, nil)
	errs := make([]error, len(ms))
	for i := range results {
		errs[i] = results[i].result(someWork)
	}
	return errs
}

// deliverTo delivers to one destination, unless that has failed altogether, which is noted in failed.
func (d *several) deliverTo(ctx context.Context, n int, failed []error, ms []*Message) []error {
	if failed[n] != nil {
		return slices.Repeat([]error{failed[n]}, len(ms))
	}

	errs := deliverAll(ctx, d.all[n].Deliverer, ms)
	if i := slices.IndexFunc(errs, EndsRetrieval); i >= 0 {
		failed[n] = errs[i]
	}
	d.outages.note(d.all[n].Key, errs)
	return errs
}

// claim takes the messages for this delivery, and tells which are another's.
func (d *several) claim(ms []*Message) (others []bool) {
	d.busy.mu.Lock()
	defer d.busy.mu.Unlock()

	others = make([]bool, len(ms))
	for i, m := range ms {
		key := keyOf(m)
		others[i], d.busy.keys[key] = d.busy.keys[key], true
	}
	return others
}

func (d *several) release(ms []*Message, others []bool) {
	d.busy.mu.Lock()
	defer d.busy.mu.Unlock()
	for i, m := range ms {
		if !others[i] {
			delete(d.busy.keys, keyOf(m))
		}
	}
}

// left are the messages, and their places among ms, that the destination does not have yet, each for those
// who don't have it there.
func (to *Destination) left(ms []*Message, lost []bool) (group []*Message, index []int) {
	for i, m := range ms {
		one := *m
		// Both are about all destinations, and mean nothing to a single one.
		one.Had, one.Note = nil, nil
		one.Recipients = slices.DeleteFunc(slices.Clone(m.Recipients), func(r string) bool {
			return slices.Contains(m.Had, to.sign([]string{r})[0])
		})
		if !lost[i] && len(one.Recipients) > 0 {
			group, index = append(group, &one), append(index, i)
		}
	}
	return group, index
}

// NameAt is what PartialError.Delivered calls a recipient at one of several destinations. No local name has a
// NUL in it.
func NameAt(key, recipient string) string { return key + "\x00" + recipient }

// sign makes names of recipients at the destination.
func (to *Destination) sign(recipients []string) []string {
	signed := make([]string, len(recipients))
	for i, r := range recipients {
		signed[i] = NameAt(to.Key, r)
	}
	return signed
}

// deliverAll delivers as a group if the kind can do that, else one by one.
func deliverAll(ctx context.Context, d Deliverer, ms []*Message) []error {
	if g, ok := d.(GroupDeliverer); ok && len(ms) > 0 {
		return g.DeliverGroup(ctx, ms)
	}
	errs := make([]error, len(ms))
	for i, m := range ms {
		errs[i] = d.Deliver(ctx, m)
	}
	return errs
}

// deliveredTo are the recipients that have m after a delivery with that result.
func deliveredTo(m *Message, err error) []string {
	if err == nil {
		return m.Recipients
	}
	if partial, ok := errors.AsType[*PartialError](err); ok {
		return partial.Delivered
	}
	return nil
}
