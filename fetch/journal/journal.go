// Package journal remembers which messages were delivered, so that none is delivered twice and none is deleted on the
// server before it was delivered. It is a SQLite database; `sqlite3 FILE` shows it.
package journal

import (
	"context"
	"errors"
)

var errReplaced = errors.New("replaced")

// Journal is an open journal. It is safe for concurrent use, by several processes too.
type Journal struct{}

// Open opens or creates the journal at path (0600) and proves that it can be written.
func Open(ctx context.Context, path string) (*Journal, error) { return nil, errReplaced }

// Close ends all writing durably.
func (j *Journal) Close() error { return errReplaced }

// Status is what a mailbox looked like when a retrieval left nothing to do in it. When the server reports the same
// values again there is nothing new. The zero Status never matches.
type Status struct {
	UIDNext       uint32
	Messages      uint32
	HighestModSeq uint64
}

// Mailbox is the record of one IMAP mailbox. It belongs to one retrieval at a time.
type Mailbox struct{}

// Mailbox opens the record of a mailbox of an account, creating it when it is new.
func (j *Journal) Mailbox(ctx context.Context, account, mailbox string) (*Mailbox, error) {
	return nil, errReplaced
}

// UIDValidity is the recorded one, 0 for a mailbox never seen.
func (m *Mailbox) UIDValidity() uint32 { return 0 }

// Start makes the record one of this UIDVALIDITY: where it differs from the recorded one everything recorded under the
// old one is dropped and the mailbox is as new. It marks the record as in use; Repeat tells whether the mark of an
// earlier retrieval was still there.
func (m *Mailbox) Start(ctx context.Context, uidValidity uint32) error { return errReplaced }

// Repeat tells whether an earlier retrieval ended without End: it may have delivered what it could not record.
func (m *Mailbox) Repeat() bool { return false }

// Done is the set of UIDs that were delivered or adopted; Pending those of them that are still to be acknowledged.
// The sets returned are copies.
func (m *Mailbox) Done() Set { return Set{} }

// Pending: see Done.
func (m *Mailbox) Pending() Set { return Set{} }

// Adopt records uids as not to be delivered: they were there before us.
func (m *Mailbox) Adopt(ctx context.Context, uids Set) error { return errReplaced }

// Record records uids as delivered. With durable set it returns only when that survives a power failure; otherwise it
// survives the death of the process. pending says that they are still to be acknowledged.
func (m *Mailbox) Record(ctx context.Context, uids Set, pending, durable bool) error {
	return errReplaced
}

// Acknowledged records that the server has been told.
func (m *Mailbox) Acknowledged(ctx context.Context, uids Set) error { return errReplaced }

// Status is what End recorded last.
func (m *Mailbox) Status() Status { return Status{} }

// End ends the retrieval: it removes the in-use mark, remembers st and compacts the record.
func (m *Mailbox) End(ctx context.Context, st Status) error { return errReplaced }

// Maildrop is the record of one POP3 account. UIDLs are opaque strings of any length and any bytes.
// It belongs to one retrieval at a time.
type Maildrop struct{}

// Maildrop opens the record of a POP3 account, creating it when it is new.
func (j *Journal) Maildrop(ctx context.Context, account string) (*Maildrop, error) {
	return nil, errReplaced
}

// Start marks the record as in use. New tells whether this account was never seen before.
func (d *Maildrop) Start(ctx context.Context) error { return errReplaced }

// New: see Start.
func (d *Maildrop) New() bool { return false }

// Repeat is as for Mailbox.
func (d *Maildrop) Repeat() bool { return false }

// Done tells whether the message was delivered (or adopted, or imported).
func (d *Maildrop) Done(uidl string) bool { return false }

// Pending tells whether it was delivered and is still to be acknowledged (deleted).
func (d *Maildrop) Pending(uidl string) bool { return false }

// Adopt records uidls as not to be delivered.
func (d *Maildrop) Adopt(ctx context.Context, uidls []string) error { return errReplaced }

// Record is as for Mailbox.
func (d *Maildrop) Record(ctx context.Context, uidls []string, pending, durable bool) error {
	return errReplaced
}

// Acknowledged records that the server has deleted these for good (QUIT was answered).
func (d *Maildrop) Acknowledged(ctx context.Context, uidls []string) error { return errReplaced }

// End ends the retrieval. present tells of each recorded UIDL whether the server still lists it; one that has been
// absent for AbsentDays is forgotten. With present nil nothing is forgotten.
func (d *Maildrop) End(ctx context.Context, present func(uidl string) bool) error { return errReplaced }

// AbsentDays is how long a UIDL must have been gone from the server's list before the journal forgets it: a server
// that for a day shows an empty mailbox must not cause everything to be delivered again.
const AbsentDays = 30
