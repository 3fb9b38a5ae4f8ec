package journal

import (
	"context"
	"time"
)

// AccountInfo is what the journal knows of an account.
type AccountInfo struct {
	Name       string // the key it is recorded under
	Mailboxes  []MailboxInfo
	LastChange time.Time // the latest of its mailboxes
}

// MailboxInfo is what the journal knows of an IMAP mailbox, or of a POP3 account's maildrop.
type MailboxInfo struct {
	Name        string    // "" for a maildrop
	Protocol    string    // "imap" or "pop3"
	UIDValidity uint32    // IMAP
	Done        uint64    // delivered or adopted
	Pending     uint64    // of them, still to be acknowledged
	InUse       bool      // a retrieval is running, or was cut off
	LastChange  time.Time // the last record or end of a retrieval; zero = none yet
}

// Accounts lists all accounts and their mailboxes by name. It changes nothing.
func (j *Journal) Accounts(ctx context.Context) ([]AccountInfo, error) {
	boxes, err := j.boxes(ctx)
	if err != nil {
		return nil, explain(j.path, "read", err)
	}
	var all []AccountInfo
	for i := range boxes {
		info, err := j.mailboxInfo(ctx, &boxes[i])
		if err != nil {
			return nil, explain(j.path, "read", err)
		}
		if len(all) == 0 || all[len(all)-1].Name != boxes[i].account {
			all = append(all, AccountInfo{Name: boxes[i].account})
		}
		a := &all[len(all)-1]
		a.Mailboxes = append(a.Mailboxes, info)
		if info.LastChange.After(a.LastChange) {
			a.LastChange = info.LastChange
		}
	}
	return all, nil
}

func (j *Journal) boxes(ctx context.Context) ([]box, error) {
	found, err := j.db.QueryContext(ctx, "SELECT account, protocol, name FROM mailbox ORDER BY account, protocol, name")
	if err != nil {
		return nil, err
	}
	defer found.Close()
	var boxes []box
	for found.Next() {
		var b box
		if err := found.Scan(&b.account, &b.protocol, &b.name); err != nil {
			return nil, err
		}
		boxes = append(boxes, b)
	}
	return boxes, found.Err()
}

func (j *Journal) mailboxInfo(ctx context.Context, b *box) (MailboxInfo, error) {
	rows, err := j.load(ctx, b)
	if err != nil {
		return MailboxInfo{}, err
	}
	info := MailboxInfo{Name: b.name, Protocol: string(b.protocol), InUse: b.inUse}
	last := b.changed
	for _, r := range rows {
		last = max(last, r.at)
	}
	if last > 0 {
		info.LastChange = time.Unix(last, 0)
	}
	if b.protocol == imap {
		info.UIDValidity = b.validity
		k, err := replay(rows)
		info.Done, info.Pending = k.done.Len(), k.pending.Len()
		return info, err
	}
	m, err := newMarks(rows)
	info.Done, info.Pending = m.count()
	return info, err
}
