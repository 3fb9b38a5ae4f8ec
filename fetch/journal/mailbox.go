package journal

import (
	"context"
	"fmt"
	"sync"
)

// Status is what a mailbox looked like when a retrieval left nothing to do in it. When the server reports the same
// values again there is nothing new. The zero Status never matches.
type Status struct {
	UIDNext       uint32
	Messages      uint32
	HighestModSeq uint64
}

// Mailbox is the record of one IMAP mailbox. It belongs to one retrieval at a time, which may use it from several
// goroutines. After End it may be started again.
type Mailbox struct {
	j        *Journal
	mu       sync.Mutex
	box      box
	validity uint32 // the one Start named, before that the recorded one
	marks    uidMarks
}

// Mailbox opens the record of a mailbox of an account; Start creates it when it is new.
func (j *Journal) Mailbox(ctx context.Context, account, mailbox string) (*Mailbox, error) {
	m := &Mailbox{j: j, box: box{account: account, protocol: imap, name: mailbox}}
	rows, err := j.load(ctx, &m.box)
	if err != nil {
		return nil, explain(j.path, "read", err)
	}
	m.validity = m.box.validity
	m.marks, err = replay(rows)
	if err != nil {
		return nil, explain(j.path, "read", err)
	}
	return m, nil
}

// uidMarks is what is known of the UIDs of a mailbox.
type uidMarks struct {
	done    Set // delivered or adopted
	adopted Set // of these, not delivered by us
	pending Set // of these, still to be acknowledged
}

// replay is what the rows of a mailbox say in the end.
func replay(rows []row) (uidMarks, error) {
	var k uidMarks
	for _, r := range rows {
		uids, err := ParseSet(r.uids)
		if err != nil {
			return uidMarks{}, &damageError{err}
		}
		k.apply(r.what, uids)
	}
	return k, nil
}

func (k *uidMarks) apply(what fact, uids Set) {
	if what != acknowledged {
		k.done.AddSet(uids)
	}
	switch what {
	case adopted:
		k.adopted.AddSet(uids)
	case delivered, pending:
		k.adopted = k.adopted.Minus(uids)
	}
	if what == pending {
		k.pending.AddSet(uids)
	} else {
		k.pending = k.pending.Minus(uids)
	}
}

// UIDValidity is the recorded one, 0 for a mailbox never seen. A mailbox counts as seen from the first Adopt, Record,
// Acknowledged or End on, so that a first contact that was cut off before that is a first contact again.
func (m *Mailbox) UIDValidity() uint32 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.validity
}

// Start makes the record one of this UIDVALIDITY: where it differs from the recorded one everything recorded under the
// old one is dropped and the mailbox is as new. It marks the record as in use; Repeat tells whether the mark of an
// earlier retrieval was still there. A UIDVALIDITY of 0 is an error.
func (m *Mailbox) Start(ctx context.Context, uidValidity uint32) error {
	if uidValidity == 0 {
		return fmt.Errorf("start the record of %.200q %.200q: UIDVALIDITY 0, which RFC 3501 does not allow", m.box.account, m.box.name)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.start(ctx, uidValidity, m.box.validity != uidValidity)
}

// Restart is Start for a mailbox whose server gives out UIDs again under the same UIDVALIDITY: everything recorded is
// dropped.
func (m *Mailbox) Restart(ctx context.Context) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.start(ctx, m.validity, true)
}

func (m *Mailbox) start(ctx context.Context, uidValidity uint32, drop bool) error {
	b := m.box
	err := m.j.write(ctx, false, func(ctx context.Context, w *writer) error {
		b = m.box
		return b.begin(ctx, w, drop)
	})
	if err != nil {
		return err
	}
	m.box, m.validity = b, uidValidity
	if drop {
		m.marks = uidMarks{}
	}
	return nil
}

// Repeat tells whether an earlier retrieval ended without End: it may have delivered what it could not record.
func (m *Mailbox) Repeat() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.box.repeat
}

// Done is the set of UIDs that were delivered or adopted; Pending those of them that are still to be acknowledged.
// The sets returned are copies.
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

// Delivered is the set of UIDs that we delivered, without those adopted.
func (m *Mailbox) Delivered() Set {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.marks.done.Minus(m.marks.adopted)
}

// Adopt records uids as not to be delivered: they were there before us. Right after the first Start it decides, in one
// commit with making the mailbox known, what is old.
func (m *Mailbox) Adopt(ctx context.Context, uids Set) error { return m.add(ctx, adopted, uids, false) }

// Record records uids as delivered. With durable set it returns only when that survives a power failure; otherwise it
// survives the death of the process. pending says that they are still to be acknowledged. What was delivered is recorded
// even where ctx has ended; that takes 10 s at most.
func (m *Mailbox) Record(ctx context.Context, uids Set, pend, durable bool) error {
	what := delivered
	if pend {
		what = pending
	}
	return m.add(context.WithoutCancel(ctx), what, uids, durable)
}

// Acknowledged records that the server has been told, even where ctx has ended.
func (m *Mailbox) Acknowledged(ctx context.Context, uids Set) error {
	return m.add(context.WithoutCancel(ctx), acknowledged, uids, false)
}

// Sync is Journal.Sync.
func (m *Mailbox) Sync(ctx context.Context) error { return m.j.Sync(ctx) }

func (m *Mailbox) add(ctx context.Context, what fact, uids Set, durable bool) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if uids.IsEmpty() && what != adopted {
		return nil
	}
	var rows []row
	if !uids.IsEmpty() {
		rows = []row{{what, m.j.now().Unix(), uids.String()}}
	}
	b := m.box
	err := m.j.write(ctx, durable, func(ctx context.Context, w *writer) error {
		b = m.box
		return b.add(ctx, w, m.validity, rows)
	})
	if err != nil {
		return err
	}
	m.box = b
	m.marks.apply(what, uids)
	return nil
}

// Status is what End recorded last.
func (m *Mailbox) Status() Status {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.box.status
}

// End ends the retrieval: it removes the in-use mark, remembers st and compacts the record.
func (m *Mailbox) End(ctx context.Context, st Status) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.j.now().Unix()
	var fold []row
	if m.box.loose() {
		fold = m.fold(now)
	}
	b := m.box
	err := m.j.write(ctx, false, func(ctx context.Context, w *writer) error {
		b = m.box
		return b.end(ctx, w, m.validity, now, st, fold)
	})
	if err == nil {
		m.box = b
	}
	return err
}

// fold gives the shortest rows that say what the record says.
func (m *Mailbox) fold(now int64) []row {
	k, rows := m.marks, []row{}
	for _, r := range []struct {
		what fact
		uids Set
	}{{adopted, k.adopted}, {delivered, k.done.Minus(k.pending).Minus(k.adopted)}, {pending, k.pending}} {
		if !r.uids.IsEmpty() {
			rows = append(rows, row{r.what, now, r.uids.String()})
		}
	}
	return rows
}
