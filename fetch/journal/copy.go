package journal

import "context"

// Names lists the accounts that have a record, the one used last at the end.
func (j *Journal) Names(ctx context.Context) ([]string, error) {
	rows, err := j.db.QueryContext(ctx, "SELECT account FROM mailbox GROUP BY account ORDER BY max(changed), max(id)")
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

// Copy gives an account that has no record the record of another, which keeps it. No retrieval of either may run.
func (j *Journal) Copy(ctx context.Context, from, to string) error {
	return j.write(ctx, true, func(ctx context.Context, w *writer) error {
		_, err := w.exec(ctx, "INSERT INTO mailbox (account, protocol, name, uidvalidity, run, in_use, folded, uidnext, messages, highestmodseq, changed) "+
			"SELECT ?, protocol, name, uidvalidity, run, in_use, folded, uidnext, messages, highestmodseq, changed FROM mailbox WHERE account=?", to, from)
		if err != nil {
			return err
		}
		_, err = w.exec(ctx, "INSERT INTO record (mailbox, what, at, uids) SELECT n.id, r.what, r.at, r.uids FROM record r "+
			"JOIN mailbox o ON o.id=r.mailbox JOIN mailbox n ON n.protocol=o.protocol AND n.name=o.name "+
			"WHERE o.account=? AND n.account=? ORDER BY r.id", from, to)
		return err
	})
}
