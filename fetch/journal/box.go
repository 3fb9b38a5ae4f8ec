package journal

import (
	"fmt"
	"hash/crc32"
)

// protocol distinguishes the IMAP mailboxes and the POP3 maildrop of one account.
type protocol string

const (
	imap protocol = "imap"
	pop3 protocol = "pop3"
)

// fact is what one row says about its UIDs. A later row overrules an earlier one.
type fact string

const (
	delivered    fact = "delivered"
	adopted      fact = "adopted"
	imported     fact = "imported"
	pending      fact = "pending" // delivered and still to be acknowledged
	acknowledged fact = "acknowledged"
	absent       fact = "absent"  // POP3: not listed by the server, since the row's time
	present      fact = "present" // POP3: listed again
	forgotten    fact = "forgotten"
	vacant       fact = "vacant" // IMAP: no message had these UIDs when the mailbox was last looked at
	traces       fact = "traces" // what deleted messages looked like; see Trace and uidlTraces
)

// looseRows is how many rows a record may gain after a folding before End folds it again.
const looseRows = 16

// row is one entry of a record. at is in seconds of Unix time; uids is a UID set, or UIDLs with a line feed
// after each.
type row struct {
	what fact
	at   int64
	uids string
}

// key names a record.
type key struct {
	account  string
	protocol protocol
	mailbox  string // "" for a maildrop
}

// box is the head of a record: everything but its rows.
type box struct {
	key
	id       int64  // given by the store
	run      int64  // how often the record was written; 0 = the store does not have it
	inUse    bool   // a retrieval is delivering, or was cut off
	validity uint32 // 0 until the first contact was recorded; a maildrop then has 1
	uidNext  uint32 // IMAP: said by the server when a retrieval left nothing to do
	census   Census // IMAP
	changed  int64  // Unix time of the last End that wrote
	rows     int
	folded   int    // of the rows, left by the last folding
	chain    uint32 // checksum of all rows in their order
}

// castagnoli is the polynomial of the checksums. Processors support it, and it detects any change within 32
// bits.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// link continues a chain by rows.
func link(chain uint32, rows []row) uint32 {
	for _, r := range rows {
		// With the length, so that text can't move from one row to the next unnoticed.
		chain = crc32.Update(chain, castagnoli, fmt.Appendf(nil, "%s %d %d ", r.what, r.at, len(r.uids)))
		chain = crc32.Update(chain, castagnoli, []byte(r.uids))
	}
	return chain
}

// sum is the checksum of the whole record, which is stored with it. A row that has changed on the disk, is
// lost, or belongs to another record must neither delete mail nor make it count as delivered.
func (b *box) sum() uint32 {
	// Everything but the id, which the store gives only with the first write.
	text := fmt.Appendf(nil, "%q %q %q %d %t %d %d %d %d %d", b.account, b.protocol, b.mailbox,
		b.run, b.inUse, b.validity, b.uidNext, b.changed, b.folded, b.chain)
	if c := b.census; c != (Census{}) { // version 2 of the schema had none
		text = fmt.Appendf(text, " %d %d %d", c.First, c.Settled, c.Looked)
	}
	return crc32.Checksum(text, castagnoli)
}

// change is the next state of a record.
type change struct {
	from    int64 // the run that the store must still be at
	to      box
	rows    []row // to add
	instead bool  // they replace all rows that the store has
}

// next begins a change of the record.
func (b *box) next() *change {
	c := &change{from: b.run, to: *b}
	c.to.run++
	return c
}

func (c *change) add(rows ...row) {
	c.rows = append(c.rows, rows...)
	c.to.rows += len(rows)
	c.to.chain = link(c.to.chain, rows)
}

// fold replaces all rows of the record by these.
func (c *change) fold(rows []row) {
	c.instead, c.rows = true, nil
	// The chain starts again, as the rows before are gone.
	c.to.rows, c.to.chain, c.to.folded = 0, 0, len(rows)
	c.add(rows...)
}

// loose tells whether the record should be folded.
func (b *box) loose() bool { return b.rows-b.folded > looseRows }
