package journal

import (
	"hash/crc32"
	"strconv"
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
	last     row    // behind these, if it is not the zero row; see change.add
}

// castagnoli is the polynomial of the checksums. Processors support it, and it detects any change within 32
// bits.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// link continues a chain by rows.
func link(chain uint32, rows []row) uint32 {
	for _, r := range rows {
		// With the length, so that text can't move from one row to the next unnoticed.
		text := appendNumbers(append(make([]byte, 0, 64), r.what...), r.at, int64(len(r.uids)))
		chain = crc32.Update(chain, castagnoli, append(text, ' '))
		chain = crc32.Update(chain, castagnoli, []byte(r.uids))
	}
	return chain
}

// sum is the checksum of the whole record, which is stored with it. A row that has changed on the disk, is
// lost, or belongs to another record must neither delete mail nor make it count as delivered.
func (b *box) sum() uint32 {
	// Everything but the id, which the store gives only with the first write.
	text := make([]byte, 0, 256)
	for _, s := range []string{b.account, string(b.protocol), b.mailbox} {
		text = append(strconv.AppendQuote(text, s), ' ')
	}

	text = append(strconv.AppendInt(text, b.run, 10), ' ')
	text = strconv.AppendBool(text, b.inUse)
	text = appendNumbers(text, int64(b.validity), int64(b.uidNext), b.changed, int64(b.folded),
		int64(b.chain))

	if c := b.census; c != (Census{}) { // version 2 of the schema had none
		text = appendNumbers(text, int64(c.First), int64(c.Settled), c.Looked)
	}
	if b.last != (row{}) { // version 3 had none
		text = appendNumbers(append(text, " last"...), int64(link(b.chain, []row{b.last})))
	}

	return crc32.Checksum(text, castagnoli)
}

// appendNumbers appends each number behind a blank.
func appendNumbers(text []byte, numbers ...int64) []byte {
	for _, n := range numbers {
		text = strconv.AppendInt(append(text, ' '), n, 10)
	}
	return text
}

// change is the next state of a record.
type change struct {
	from    int64 // the run that the store must still be at
	to      box
	rows    []row // to add to those behind the head
	instead bool  // they replace all rows that the store has
}

// next begins a change of the record.
func (b *box) next() *change {
	c := &change{from: b.run, to: *b}
	c.to.run++
	return c
}

// lastMax is how long the text of a row may be that is kept in the head. With one of this size the head still
// fits in a page.
const lastMax = 256

// add adds rows. The last one stays in the head, where it grows as long as the same happens within a second:
// so a message that is recorded alone changes one page of the file instead of two, and needs no transaction
// of several statements.
func (c *change) add(rows ...row) {
	for _, r := range rows {
		if grown, ok := c.to.last.join(c.to.protocol, r); ok {
			c.to.last = grown
			continue
		}

		c.close()
		c.to.last = r
		if len(r.uids) > lastMax {
			c.close()
		}
	}
}

// close moves the last row from the head to those behind it.
func (c *change) close() {
	if c.to.last == (row{}) {
		return
	}
	c.rows = append(c.rows, c.to.last)
	c.to.rows++
	c.to.chain = link(c.to.chain, []row{c.to.last})
	c.to.last = row{}
}

// join returns a row that says what r and then next say, if one short row can.
func (r row) join(p protocol, next row) (row, bool) {
	if r.what != next.what || r.at != next.at || len(r.uids)+len(next.uids) > lastMax {
		return row{}, false
	}

	switch {
	case p == pop3: // lines
		r.uids += next.uids
	case r.what == traces:
		r.uids += "," + next.uids
	default:
		first, err := ParseSet(r.uids)
		second, err2 := ParseSet(next.uids)
		if err != nil || err2 != nil {
			return row{}, false
		}
		first.AddSet(second)
		r.uids = first.String()
	}

	return r, true
}

// fold replaces all rows of the record by these.
func (c *change) fold(rows []row) {
	c.instead, c.rows = true, nil
	// The chain starts again, as the rows before are gone.
	c.to.rows, c.to.chain, c.to.last = 0, 0, row{}
	c.add(rows...)
	c.to.folded = c.to.rows
}

// isOneStatement tells whether the head alone changes.
func (c *change) isOneStatement() bool { return c.from > 0 && !c.instead && len(c.rows) == 0 }

// loose tells whether the record should be folded.
func (b *box) loose() bool { return b.rows-b.folded > looseRows }
