package journal

import (
	"context"
	"database/sql"
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

// mayHold tells whether there may be a record of k. If not, there is none as far as tx can see.
func (r *roster) mayHold(ctx context.Context, tx *sql.Tx, k key) (bool, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	rows, err := tx.QueryContext(ctx,
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

// errIfLost returns an error if there is a record of k, which the index did not find in tx.
func (r *roster) errIfLost(ctx context.Context, tx *sql.Tx, k key) error {
	may, err := r.mayHold(ctx, tx, k)
	if err != nil || !may {
		return err
	}

	// Another key may have the same hash, and a record that was written since tx began is not lost.
	n := 0
	err = tx.QueryRowContext(ctx, "SELECT count(*) FROM mailbox NOT INDEXED"+whereKey, k.args()...).Scan(&n)
	if err == nil && n > 0 {
		err = errIndex
	}
	return err
}
