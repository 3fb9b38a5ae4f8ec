package journal

import (
	"context"
	"fmt"
	"sync"
)

// Mailbox is the record of one IMAP mailbox. It belongs to one retrieval at a time, which may use it from
// several goroutines. After End it may be started again.
type Mailbox struct {
	mu sync.Mutex
	record
	validity  uint32 // as given to Start; before that the recorded one
	marks     uidMarks
	recounted bool // the store does not have the census yet
}

// Mailbox opens the record of a mailbox of an account, which may be new.
func (j *Journal) Mailbox(ctx context.Context, account, mailbox string) (*Mailbox, error) {
	r, rows, err := j.record(ctx, key{account, imap, mailbox})
	if err != nil {
		return nil, err
	}
	m := &Mailbox{record: r, validity: r.box.validity}
	if m.marks, err = replay(rows); err != nil {
		return nil, explain(j.path, "read", r.box.damage(err))
	}
	return m, nil
}

// uidMarks is what is known of the UIDs of a mailbox.
type uidMarks struct {
	done    Set // delivered, adopted or vacant
	adopted Set // of these, not delivered by us
	pending Set // of these, still to be acknowledged
	vacant  Set // of these, without a message when it was last looked
	traces  []row
}

// replay is the result of all rows of a mailbox.
func replay(rows []row) (uidMarks, error) {
	var k uidMarks
	for _, r := range rows {
		if r.what == traces {
			k.traces = append(k.traces, r)
			continue
		}
		uids, err := ParseSet(r.uids)
		if err != nil {
			return uidMarks{}, err
		}
		k.apply(r.what, uids)
	}

	return k, nil
}

func (k *uidMarks) apply(what fact, uids Set) {
	// It says only that the server was told: it makes no UID known.
	switch what {
	case acknowledged:
	case forgotten:
		k.done, k.adopted, k.vacant = k.done.Minus(uids), k.adopted.Minus(uids), k.vacant.Minus(uids)
	default:
		k.done.AddSet(uids)
	}

	switch what {
	case adopted:
		k.adopted.AddSet(uids)
		k.vacant = k.vacant.Minus(uids)
	case delivered, pending:
		k.adopted = k.adopted.Minus(uids)
		k.vacant = k.vacant.Minus(uids)
	case vacant:
		k.adopted = k.adopted.Minus(uids)
		k.vacant.AddSet(uids)
	}

	// Any later fact ends what was pending, whichever it is.
	if what == pending {
		k.pending.AddSet(uids)
	} else {
		k.pending = k.pending.Minus(uids)
	}
}

// UIDValidity is the recorded one, 0 for an unknown mailbox. A mailbox is known from the first Adopt,
// Record, Acknowledged or End on; a first contact that was interrupted before that is repeated.
func (m *Mailbox) UIDValidity() uint32 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.validity
}

// Start makes the record one of this UIDVALIDITY. If it differs from the recorded one, everything that was
// recorded under the old one is void, and the mailbox is as new. The error is ErrTaken if the record was
// written since it was opened. Start itself writes nothing. A UIDVALIDITY of 0 is an error.
func (m *Mailbox) Start(ctx context.Context, uidValidity uint32) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if uidValidity == 0 {
		return fmt.Errorf("start the record of %.200q %.200q: UIDVALIDITY 0, which RFC 3501 does not allow",
			m.box.account, m.box.mailbox)
	}

	if err := m.start(ctx); err != nil {
		return err
	}
	// The old rows go with the first write, not now: a first contact that is interrupted must be repeated.
	if m.validity = uidValidity; m.box.validity != uidValidity {
		m.drop()
		m.marks = uidMarks{}
	}

	return nil
}

// Restart is for a mailbox whose server reuses UIDs under the same UIDVALIDITY: everything that was
// recorded is void but for the traces, which tell a message from another one under its UID.
func (m *Mailbox) Restart() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.drop(m.marks.traces...)
	m.marks = uidMarks{traces: m.marks.traces}
}

// Claim reserves the record for this retrieval and marks it as in use. It must be called before the first
// message is handed on: without it Record is an error. If the mark is left behind, Repeat tells the next
// retrieval.
func (m *Mailbox) Claim(ctx context.Context) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.markInUse(ctx)
}

// Repeat tells whether an earlier retrieval ended without End: it may have delivered messages that it could
// not record.
func (m *Mailbox) Repeat() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.repeat
}

// Doubt leaves the in-use mark behind at the End: a message may have been delivered, nobody knows.
func (m *Mailbox) Doubt() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.doubted = true
}

// Done is the set of UIDs that were delivered or adopted, or are vacant; Pending those of them that are
// still to be acknowledged. The sets returned are copies.
func (m *Mailbox) Done() Set {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.marks.done.Clone()
}

// Pending: see Done.
func (m *Mailbox) Pending() Set {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.marks.pending.Clone()
}

// Delivered is the set of UIDs that we delivered, without those adopted or vacant.
func (m *Mailbox) Delivered() Set {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.marks.done.Minus(m.marks.adopted).Minus(m.marks.vacant)
}

// Adopt records uids as not to be delivered, because they were there before us. Right after the first Start
// it makes the mailbox known and in the same commit decides which messages are old.
func (m *Mailbox) Adopt(ctx context.Context, uids Set) error {
	return m.add(ctx, adopted, uids, nil, false)
}

// Record records uids as delivered. With durable set it returns only when that survives a power failure;
// otherwise it survives the death of the process. pending says that they are still to be acknowledged. What
// was delivered is recorded even if ctx has ended; that takes 10 s at most.
func (m *Mailbox) Record(ctx context.Context, uids Set, pend, durable bool) error {
	what := delivered
	if pend {
		what = pending
	}
	return m.add(context.WithoutCancel(ctx), what, uids, nil, durable)
}

// Acknowledged records that the server has been told, even if ctx has ended.
func (m *Mailbox) Acknowledged(ctx context.Context, uids Set) error {
	return m.add(context.WithoutCancel(ctx), acknowledged, uids, nil, false)
}

// Sync is Journal.Sync.
func (m *Mailbox) Sync(ctx context.Context) error { return m.j.Sync(ctx) }

func (m *Mailbox) add(ctx context.Context, what fact, uids Set, of []Trace, durable bool) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	// Adopting nothing is a fact too: it makes an empty mailbox known.
	if uids.IsEmpty() && what != adopted {
		return nil
	}

	if err := m.mayRecord(what); err != nil {
		return err
	}

	c := m.next()
	c.to.validity = m.validity
	if !uids.IsEmpty() {
		c.add(row{what, m.j.now().Unix(), uids.String()})
	}

	left := traceRow(m.j.now().Unix(), of)
	c.add(left...)

	// The marks follow the store, so that they never claim what is not on the disk.
	err := m.write(ctx, durable, c)
	if written(err) {
		m.marks.apply(what, uids)
		m.marks.traces = append(m.marks.traces, left...)
		m.recounted = false
	}

	return err
}

// UIDNext is what the last End recorded, 0 if no retrieval of the mailbox has reached its end.
func (m *Mailbox) UIDNext() uint32 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.box.uidNext
}

// End ends the retrieval: it removes the in-use mark, records the server's next UID and folds the record if
// that is due. It writes nothing if nothing has changed.
func (m *Mailbox) End(ctx context.Context, uidNext uint32) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	// The usual end of a poll that found nothing.
	if m.box.validity == m.validity && m.box.uidNext == uidNext && !m.recounted && !m.box.loose() {
		return m.end(ctx, nil)
	}

	c := m.next()
	c.to.validity, c.to.uidNext = m.validity, uidNext
	if m.box.loose() {
		c.fold(m.fold(m.j.now().Unix()))
	}

	err := m.end(ctx, c)
	m.recounted = m.recounted && err != nil
	return err
}

// Release gives the record to other processes, after an End too, or where none comes. What a retrieval has
// written keeps it from them: until Start, nothing can be written again.
func (m *Mailbox) Release() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.release()
}

// fold returns the shortest rows with the content of the record. Vacant UIDs are scattered between others,
// so the rows before are shorter if they include the vacant ones; the later row overrules them.
func (m *Mailbox) fold(now int64) []row {
	k, rows := m.marks, []row{}
	old, ours := k.adopted.Clone(), k.done.Minus(k.pending).Minus(k.adopted).Minus(k.vacant)
	switch {
	// Only into one of them: the later row for the vacant UIDs overrules it anyway.
	case !old.IsEmpty():
		old.AddSet(k.vacant)
	case !ours.IsEmpty():
		ours.AddSet(k.vacant)
	}

	for _, r := range []struct {
		what fact
		uids Set
	}{{adopted, old}, {delivered, ours}, {pending, k.pending}, {vacant, k.vacant}} {
		if !r.uids.IsEmpty() {
			rows = append(rows, row{r.what, now, r.uids.String()})
		}
	}

	return append(rows, foldTraces(k.traces, now)...)
}
