package journal

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
)

// known takes the place of UIDVALIDITY in the record of a known maildrop.
const known = 1

// Maildrop is the record of one POP3 account. UIDLs are opaque strings of any length and any bytes. It
// belongs to one retrieval at a time, which may use it from several goroutines. After End it may be started
// again.
type Maildrop struct {
	mu sync.Mutex
	record
	isNew  bool
	marks  *marks
	traces uidlTraces
}

// Maildrop opens the record of a POP3 account, which may be new.
func (j *Journal) Maildrop(ctx context.Context, account string) (*Maildrop, error) {
	r, rows, err := j.record(ctx, key{account: account, protocol: pop3})
	if err != nil {
		return nil, err
	}
	d := &Maildrop{record: r, isNew: r.box.validity != known}
	if d.marks, err = newMarks(slices.DeleteFunc(rows, d.traces.keep)); err != nil {
		return nil, explain(j.path, "read", r.box.damage(err))
	}
	return d, nil
}

// Start begins a retrieval. New tells whether the account is unknown; it is known from the first Adopt,
// Record, Acknowledged, End or import on. The error is ErrTaken if the record was written since it was
// opened. Start itself writes nothing.
func (d *Maildrop) Start(ctx context.Context) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.start(ctx); err != nil {
		return err
	}
	d.isNew = d.box.validity != known
	d.marks.restart()
	return nil
}

// Claim is as for Mailbox.
func (d *Maildrop) Claim(ctx context.Context) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.markInUse(ctx)
}

// New: see Start.
func (d *Maildrop) New() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.isNew
}

// Repeat is as for Mailbox.
func (d *Maildrop) Repeat() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.repeat
}

// Doubt is as for Mailbox.
func (d *Maildrop) Doubt() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.doubted = true
}

// Done tells whether the message was delivered (or adopted, or imported).
func (d *Maildrop) Done(uidl string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	k := d.marks.find(uidl)
	return k != nil && k.done()
}

// Delivered is how many messages were delivered that the server listed last time, or, if it listed none of
// them, before that.
func (d *Maildrop) Delivered() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	there, all := 0, 0
	for i := range d.marks.list {
		if k := &d.marks.list[i]; k.state == isDelivered && !k.deleted {
			all++
			if k.absent == 0 {
				there++
			}
		}
	}
	return cmp.Or(there, all)
}

// Pending tells whether it was delivered and is still to be acknowledged (deleted).
func (d *Maildrop) Pending(uidl string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	k := d.marks.find(uidl)
	return k != nil && k.pending()
}

// AwaitsDeletion tells whether something was delivered and is still to be deleted, other than what has a UIDL
// with this prefix.
func (d *Maildrop) AwaitsDeletion(besides string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.ContainsFunc(d.marks.list, func(k mark) bool {
		return k.pending() && !strings.HasPrefix(k.uidl, besides)
	})
}

// Trace notes what messages look like that are about to be deleted, for Looks.
func (d *Maildrop) Trace(ctx context.Context, uidls, looks []string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	rows := traceRows(d.j.now().Unix(), uidls, looks)
	if len(rows) == 0 {
		return nil
	}
	if err := d.mayRecord(traces); err != nil {
		return err
	}
	return d.append(ctx, rows, false)
}

// Sight is what is known of a message that the server lists.
type Sight struct {
	UIDL    string
	Done    bool  // see Maildrop.Done; not if its deletion was confirmed: the UIDL may be another's now
	Pending bool  // see Maildrop.Pending
	Adopted bool  // see Maildrop.Adopt
	Size    int64 // of the message that is pending, 0 = not known
	Again   bool  // it was seen before, since Start
	Held    int   // bytes of memory that its UIDL takes
}

// MarkListed notes that the server lists a UIDL, and returns what is known about it. It is fastest if the
// UIDLs come in the order in which they were recorded. The caller may change uidl afterwards.
func (d *Maildrop) MarkListed(uidl []byte) Sight {
	d.mu.Lock()
	defer d.mu.Unlock()
	escaped := escapeBytes(uidl)
	k := d.marks.see(escaped)
	s := Sight{
		UIDL: k.uidl, Done: k.done() && !k.deleted, Pending: k.pending(), Adopted: k.state == isAdopted,
		Size: k.size, Again: k.listed, Held: len(escaped),
	}

	// The server is spoken to with its own bytes; the escaped form is the journal's.
	if len(escaped) != len(uidl) {
		s.UIDL = string(uidl)
		s.Held += len(uidl)
	}

	k.listed = true
	return s
}

// Grow makes room for n further UIDLs for See.
func (d *Maildrop) Grow(n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.marks.list = slices.Grow(d.marks.list, n)
}

// Adopt records uidls as not to be delivered, and not to be deleted either.
func (d *Maildrop) Adopt(ctx context.Context, uidls []string) error {
	return d.add(ctx, adopted, uidls, nil, false)
}

// Record is as for Mailbox. An empty UIDL is an error, and then none of them is recorded.
func (d *Maildrop) Record(ctx context.Context, uidls []string, pend, durable bool) error {
	what := delivered
	if pend {
		what = pending
	}
	return d.add(context.WithoutCancel(ctx), what, uidls, nil, durable)
}

// RecordPending is Record of messages that are still to be deleted. sizes, one for each, are those that the
// server listed: a message of another size under the same UIDL is another message, because the server may
// use a UIDL again after it has deleted the first (RFC 1939 section 7), and we may not have noticed that.
// looks, one for each or nil, are for Looks; they contain no blanks and no line feeds.
func (d *Maildrop) RecordPending(
	ctx context.Context, uidls []string, sizes []int64, looks []string, durable bool,
) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.addLocked(context.WithoutCancel(ctx), pending, uidls, sizes, looks, durable)
}

// Looks describes the message with this UIDL that was to be deleted lately, "" if there was none. If a
// message under the UIDL looks the same it is that message, which was not deleted after all.
func (d *Maildrop) Looks(uidl string) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.traces.find(escape(uidl))
}

// Acknowledged records that the server has deleted these for good (QUIT was answered) and no longer lists
// them, even if ctx has ended.
func (d *Maildrop) Acknowledged(ctx context.Context, uidls []string) error {
	return d.add(context.WithoutCancel(ctx), acknowledged, uidls, nil, false)
}

func (d *Maildrop) add(ctx context.Context, what fact, uidls []string, sizes []int64, durable bool) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.addLocked(ctx, what, uidls, sizes, nil, durable)
}

// addLocked is add with the lock held.
func (d *Maildrop) addLocked(
	ctx context.Context, what fact, uidls []string, sizes []int64, looks []string, durable bool,
) error {
	if len(uidls) == 0 && what != adopted {
		return nil
	}
	if err := d.mayRecord(what); err != nil {
		return err
	}

	now := d.j.now().Unix()
	rows, err := encode(what, now, uidls, sizes)
	if err != nil {
		return explain(d.j.path, "write", err)
	}
	return d.append(ctx, append(rows, traceRows(now, uidls, looks)...), durable)
}

// append writes rows and then applies them.
func (d *Maildrop) append(ctx context.Context, rows []row, durable bool) error {
	c := d.next()
	c.to.validity = known
	c.add(rows...)
	err := d.write(ctx, durable, c)
	if !written(err) {
		return err
	}
	// After the store has it, also when only the sync failed: the marks never claim what is not written.
	return errors.Join(err, d.marks.replay(slices.DeleteFunc(rows, d.traces.keep)))
}

// AbsentDays is how long a UIDL must have been gone from the server's list before the journal forgets it:
// if a server shows an empty mailbox for a day, not everything must be delivered again. Days are those of
// UTC, and the first day of absence does not count.
const AbsentDays = 30

// End ends the retrieval. all says that See was called for everything that the server lists. Then a
// recorded UIDL that was not seen is forgotten: after AbsentDays, or at once if it was acknowledged or is
// pending, because the server has deleted that message and may use the UIDL for another one (RFC 1939
// section 7). Without all nothing is forgotten. End writes nothing if nothing has changed.
func (d *Maildrop) End(ctx context.Context, all bool) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.j.now().Unix()
	// A list that broke off proves nothing about the UIDLs that it lacks.
	if all {
		if rows := d.marks.compare(now); len(rows) > 0 {
			if err := d.append(ctx, rows, false); err != nil {
				return err
			}
		}
	}

	// The usual end: nothing is written.
	if d.box.validity == known && !d.box.loose() {
		return d.end(ctx, nil)
	}

	c := d.next()
	c.to.validity = known
	if d.box.loose() {
		c.fold(append(d.marks.fold(now), d.traces.fold(now)...))
	}

	return d.end(ctx, c)
}

// Release is as for Mailbox.
func (d *Maildrop) Release() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.release()
}
