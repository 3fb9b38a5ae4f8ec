package journal

import "context"

// Names lists the accounts that have a record.
func (j *Journal) Names(ctx context.Context) ([]string, error) {
	rows, err := j.db.QueryContext(ctx, "SELECT DISTINCT account FROM mailbox ORDER BY account")
	if err != nil {
		return nil, explain(j.path, "read", err)
	}
	defer rows.Close()
	var names []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, explain(j.path, "read", err)
		}
		names = append(names, name)
	}
	return names, explain(j.path, "read", rows.Err())
}

// Rename makes the record of one account that of another, which must have none. No retrieval of either may run.
func (j *Journal) Rename(ctx context.Context, from, to string) error {
	return j.write(ctx, true, func(ctx context.Context, w *writer) error {
		_, err := w.exec(ctx, "UPDATE mailbox SET account=? WHERE account=?", to, from)
		return err
	})
}
