package wire

import (
	"errors"
	"time"

	"fetchd/tlsverify/hints"
)

// A peer that sends a byte now and then never runs into a deadline. So the time that we wait for it is
// added up as its debt, which it pays back with what it sends: each byte pays for the time that it takes at
// minRate, and each whole answer for a part of a time-out. A peer that owes more than debtTimeouts is given
// up. So a server may be slow for minutes, or report now and then that it is busy, but not for ever. One
// that answers each command within half of the time-out, on a line that carries minRate, is never given up.
const (
	// minRate, in bytes a second, is half of what the slowest line in use carries (9600 bit/s), and a tenth
	// of what a 56k modem does: a mail of 20 MB takes an hour there, and may take eleven.
	minRate = 512
	// debtTimeouts is how many time-outs a peer may owe: a search in a large mailbox takes minutes, and
	// each silent one counts.
	debtTimeouts = 10
	// answerShare of a time-out is what an answer pays for.
	answerShare = 2
)

// ErrSlow is in the error of a connection whose peer was given up because of its debt: no single wait was
// longer than a time-out.
var ErrSlow = errors.New("the server is too slow")

// anyNumber means that all bytes count, however many come.
const anyNumber = -1

// debt is the time that a peer owes us.
type debt struct {
	timeout time.Duration
	owed    time.Duration
	count   int64 // how many bytes still pay, of the message under way; see Conn.Expect
}

// add counts the time that a read took, and what it brought.
func (d *debt) add(took time.Duration, n int) error {
	pays := int64(n)
	if d.count != anyNumber {
		// More than was announced does not count as progress: a message that never ends would pay for ever.
		pays = min(pays, d.count)
		d.count -= pays
	}
	d.pay(time.Duration(pays)*time.Second/minRate - took)

	if most := debtTimeouts * d.timeout; d.owed > most {
		const hint = "it, or the line, may be overloaded; if it always is, raise \"timeout\""
		return hints.Errorf(hint, "%w: it sent less than %d bytes a second for %s", ErrSlow, minRate, most)
	}
	return nil
}

// answered counts a whole answer.
func (d *debt) answered() {
	d.count = anyNumber
	d.pay(d.timeout / answerShare)
}

// pay never leaves a credit: a server that was quick may not drip later.
func (d *debt) pay(t time.Duration) { d.owed = max(0, d.owed-t) }
