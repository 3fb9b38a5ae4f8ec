package journal

import (
	"context"
	"hash/maphash"
	"sync"
)

// roster has the keys of all records, read from the table itself and not from its index: a record that the
// index no longer finds, because that has changed on the disk, must not look like a first contact. Records
// are neither removed nor renamed, so each row is read only once. To look at all rows at each first contact
// would cost the square of their number.
type roster struct {
	mu   sync.Mutex // held while rows are read; guards what follows
	seed maphash.Seed
	last int64               // the id of the last row that was read
	keys map[uint64]struct{} // hashes, as there may be many
}

func newRoster() *roster { return &roster{seed: maphash.MakeSeed(), keys: map[uint64]struct{}{}} }

// mayHold tells whether there may be a record of k by now.
func (r *roster) mayHold(ctx context.Context, from queryer, k key) (bool, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	rows, err := from.QueryContext(ctx,
		"SELECT id, account, protocol, name FROM mailbox NOT INDEXED WHERE id>? ORDER BY id", r.last)
	if err != nil {
		return false, err
	}
	defer rows.Close()

	for rows.Next() {
		var id int64
		var k key
		if err := rows.Scan(&id, &k.account, &k.protocol, &k.mailbox); err != nil {
			return false, err
		}
		r.keys[maphash.Comparable(r.seed, k)] = struct{}{}
		r.last = id
	}

	_, ok := r.keys[maphash.Comparable(r.seed, k)]
	return ok, rows.Err()
}

// errIfLost returns an error if there is a record of k that the index does not find.
func (r *roster) errIfLost(ctx context.Context, from *source, k key) error {
	may, err := r.mayHold(ctx, from, k)
	if err != nil || !may {
		return err
	}

	// Another key may have the same hash, and one that was written meanwhile is in the index too.
	stmt, err := from.prepared(ctx, countLost)
	if err != nil {
		return err
	}
	lost := 0
	err = stmt.QueryRowContext(ctx, append(k.args(), k.args()...)...).Scan(&lost)
	if err == nil && lost > 0 {
		err = errIndex
	}
	return err
}
