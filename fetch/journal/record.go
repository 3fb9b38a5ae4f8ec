package journal

import (
	"context"
	"errors"
	"fmt"
)

// record is what mailboxes and maildrops have in common: the head of a record, and whether it is this
// retrieval's turn. Every write leads from the state that was last loaded or written to the next one; if
// another retrieval has written in between it is ErrTaken. Nothing is written before there is something to
// record.
type record struct {
	j       *Journal
	box     box
	dropped bool  // what the store has of it is void
	left    []row // but for these
	started bool
	claimed bool
	held    bool // no other process can write it
	repeat  bool
	doubted bool
}

func (j *Journal) record(ctx context.Context, k key) (record, []row, error) {
	s, err := j.load(ctx, k)
	if err != nil {
		return record{}, nil, explain(j.path, "read", err)
	}
	s.key = k
	return record{j: j, box: s.box}, s.rows, nil
}

// start begins a retrieval, unless the record was written since it was loaded.
func (r *record) start(ctx context.Context) error {
	// Asked again, although it was loaded: between the two, another process may have delivered and recorded.
	run, err := r.j.store.run(ctx, r.box.key)
	if err == nil && run != r.box.run {
		err = r.box.errTaken()
	}
	if err != nil {
		return explain(r.j.path, "read", err)
	}
	r.started, r.claimed, r.repeat, r.doubted = true, false, r.box.inUse, false
	return nil
}

// mayRecord tells whether a fact may be recorded: a delivery only after claim.
func (r *record) mayRecord(what fact) error {
	if !r.started || !r.claimed && (what == delivered || what == pending) {
		return explain(r.j.path, "write", r.box.errNotStarted())
	}
	return nil
}

// drop forgets everything but the run and some rows. The next write tells the store.
func (r *record) drop(left ...row) {
	b := &r.box
	// The run stays: it is the turn, not the content.
	b.validity, b.uidNext, b.census, b.rows, b.folded, b.chain, b.last = 0, 0, Census{}, 0, 0, 0, row{}
	r.dropped, r.left = b.run > 0, left
}

// markInUse sets the in-use mark.
func (r *record) markInUse(ctx context.Context) error {
	if !r.started {
		return explain(r.j.path, "write", r.box.errNotStarted())
	}
	if r.claimed {
		return nil
	}
	c := r.next()
	// Not durably: a sync for each retrieval is too much for a mark that only helps to recognise duplicates.
	c.to.inUse = true
	err := r.write(ctx, false, c)
	r.claimed = err == nil
	return err
}

// next begins a change.
func (r *record) next() *change {
	c := r.box.next()
	if r.dropped {
		c.instead = true
		c.add(r.left...)
	}
	return c
}

func (r *record) write(ctx context.Context, durable bool, c *change) error {
	if err := r.hold(); err != nil {
		return explain(r.j.path, "write", err)
	}

	err := r.j.store.save(ctx, durable, c)
	if written(err) {
		// Also after a failed sync, as the store has it then.
		r.box, r.dropped = c.to, false
	}
	return explain(r.j.path, "write", err)
}

// hold keeps other processes from the record: from the first write on, not only from the claim, as whatever
// they write meanwhile makes our next write fail.
func (r *record) hold() error {
	if r.held {
		return nil
	}
	err := r.j.holds.take(r.box.key)
	r.held = err == nil
	return err
}

// release ends a retrieval, which may not have reached its end: other processes may write the record again.
func (r *record) release() {
	if r.held {
		r.j.holds.release(r.box.key)
	}
	r.started, r.claimed, r.held = false, false, false
}

// written tells whether a write with the result err has happened.
func written(err error) bool {
	var unsynced *syncError
	return err == nil || errors.As(err, &unsynced)
}

// end removes the in-use mark, unless something is in doubt. c is what else is to be written, nil for
// nothing.
func (r *record) end(ctx context.Context, c *change) error {
	if !r.started {
		return explain(r.j.path, "write", r.box.errNotStarted())
	}
	// Nothing was delivered and nothing is to be noted: an idle poll writes nothing.
	if c == nil && !r.box.inUse {
		r.release()
		return nil
	}

	if c == nil {
		c = r.next()
	}

	c.to.inUse, c.to.changed = r.doubted, r.j.now().Unix()
	err := r.write(ctx, false, c)
	if err == nil {
		r.release()
	}

	return err
}

func (b *box) errTaken() error {
	return fmt.Errorf("record of %.200q %.200q: %w", b.account, b.mailbox, ErrTaken)
}

func (b *box) errNotStarted() error {
	return fmt.Errorf("record of %.200q %.200q: not started", b.account, b.mailbox)
}
