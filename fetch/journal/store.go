package journal

import "context"

// store is where records are kept: in SQLite, or in a test in memory. It knows nothing of what they mean.
// It is safe for concurrent use.
type store interface {
	// load returns a record as of one moment; one that is not there has run 0.
	load(ctx context.Context, k key) (saved, error)
	// run returns how often a record was written, 0 for one that is not there.
	run(ctx context.Context, k key) (int64, error)
	// save makes all of the changes and sets their ids, or makes none. It is ErrTaken where a record has
	// another run by now. What was saved survives the death of the process, and with durable a power
	// failure too; a *syncError tells that it was saved and may not survive the latter.
	save(ctx context.Context, durable bool, changes ...*change) error
	// list returns the heads of all records, the one changed last at the end.
	list(ctx context.Context) ([]box, error)

	// note returns the text kept under a name and its checksum, "" and 0 for none.
	note(ctx context.Context, name string) (text string, sum uint32, err error)
	// setNote replaces it; "" removes it.
	setNote(ctx context.Context, name, text string, sum uint32) error

	// sync is for all that was saved what durable is for one change.
	sync(ctx context.Context) error
	// close makes everything durable. Later calls are ErrClosed or another error.
	close() error
}

// saved is a record as a store has it.
type saved struct {
	box
	sum  uint32
	rows []row
}

// load returns a record that is intact.
func (j *Journal) load(ctx context.Context, k key) (saved, error) {
	s, err := j.store.load(ctx, k)
	if err != nil {
		return saved{}, err
	}
	s.box.rows, s.box.chain = len(s.rows), link(0, s.rows)
	if s.run > 0 && s.sum != s.box.sum() {
		return saved{}, s.damage(errSum)
	}
	return s, nil
}
