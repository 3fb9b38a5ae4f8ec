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
	done     Set
	pending  Set
}

// Mailbox opens the record of a mailbox of an account; Start creates it when it is new.
func (j *Journal) Mailbox(ctx context.Context, account, mailbox string) (*Mailbox, error) {
	m := &Mailbox{j: j, box: box{account: account, protocol: imap, name: mailbox}}
	rows, err := j.load(ctx, &m.box)
	if err != nil {
		return nil, explain(j.path, "read", err)
	}
	m.validity = m.box.validity
	m.done, m.pending, err = replay(rows)
	if err != nil {
		return nil, explain(j.path, "read", err)
	}
	return m, nil
}

// replay is what the rows of a mailbox say in the end.
func replay(rows []row) (done, pend Set, err error) {
	for _, r := range rows {
		uids, err := ParseSet(r.uids)
		if err != nil {
			return Set{}, Set{}, &damageError{err}
		}
		done, pend = apply(done, pend, r.what, uids)
	}
	return done, pend, nil
}

func apply(done, pend Set, what fact, uids Set) (Set, Set) {
	if what != acknowledged {
		done.AddSet(uids)
	}
	if what == pending {
		pend.AddSet(uids)
	} else {
		pend = pend.Minus(uids)
	}
	return done, pend
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
	drop := m.box.validity != uidValidity
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
		m.done, m.pending = Set{}, Set{}
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
	return m.done.Clone()
}

// Pending: see Done.
func (m *Mailbox) Pending() Set {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.pending.Clone()
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
	m.done, m.pending = apply(m.done, m.pending, what, uids)
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
	rows := []row{}
	if rest := m.done.Minus(m.pending); !rest.IsEmpty() {
		rows = append(rows, row{delivered, now, rest.String()})
	}
	if !m.pending.IsEmpty() {
		rows = append(rows, row{pending, now, m.pending.String()})
	}
	return rows
}
