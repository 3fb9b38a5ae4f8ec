package journal

import "context"

// store keeps records: in SQLite, or in memory in tests. It does not know what they mean. It is safe for
// concurrent use.
type store interface {
	// load returns a consistent record; one that does not exist has run 0.
	load(ctx context.Context, k key) (saved, error)
	// run returns how often a record was written, 0 for one that does not exist.
	run(ctx context.Context, k key) (int64, error)
	// save makes all of the changes and sets their ids, or makes none. The error is ErrTaken if a record
	// has another run by now. The changes survive the death of the process, and with durable a power
	// failure too; a *syncError says that they were saved but may not survive the latter.
	save(ctx context.Context, durable bool, changes ...*change) error
	// list returns the heads of all records, in the order of their last changes.
	list(ctx context.Context) ([]box, error)

	// note returns the text kept under a name and its checksum, "" and 0 for none.
	note(ctx context.Context, name string) (text string, sum uint32, err error)
	// notes returns all that are kept under names that begin with prefix, which ends in a byte below 255.
	notes(ctx context.Context, prefix string) (map[string]noted, error)
	// setNote replaces it; "" removes it.
	setNote(ctx context.Context, name, text string, sum uint32) error

	// sync makes everything durable that was saved so far.
	sync(ctx context.Context) error
	// close makes everything durable. Later calls are ErrClosed or another error.
	close() error
}

// noted is a text with its checksum.
type noted struct {
	text string
	sum  uint32
}

// saved is a record as a store has it.
type saved struct {
	box
	isThere bool // false = it has never been written, and box is empty
	sum     uint32
	rows    []row // without the last one, which is in the head
}

// load returns a record with all its rows and makes sure that it is intact.
func (j *Journal) load(ctx context.Context, k key) (saved, error) {
	s, err := j.store.load(ctx, k)
	if err != nil {
		return saved{}, err
	}
	s.box.rows, s.box.chain = len(s.rows), link(0, s.rows)
	// Every time: a record decides what is deleted on the server.
	if s.isThere && s.sum != s.box.sum() {
		return saved{}, s.damage(errSum)
	}
	if s.last != (row{}) {
		s.rows = append(s.rows, s.last)
	}
	return s, nil
}
