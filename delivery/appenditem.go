package delivery

import (
	"context"
)

// appendItem is one message of a group under way.
type appendItem struct {
	m      *Message
	folder string
	trace  []byte // with its key, if there is one
	key    string // says which message of which account it is; "" = the trace can't hold it
	size   int64  // as it is sent
	alone  bool   // refused with others: looked for, and then sent by itself
	state  appendState
	err    error // why it is not delivered

	unexplained bool // refused without a code
	bare        bool // it goes without its keywords, with which it was refused
}

type appendState int

const (
	appendWaiting  appendState = iota
	appendBegun                // its command was sent
	appendPartly               // and some of it, but not the last octet
	appendComplete             // and the last octet
	appendDone                 // the server has it
	appendFailed               // err says why not
)

// isOpen tells whether it can and must still be sent.
func (it *appendItem) isOpen() bool { return it.state == appendWaiting && it.err == nil }

// goesAlone tells whether it has a command of its own. After a doubt each has, as a server, or something
// before it, may end the connection over several.
func (it *appendItem) goesAlone() bool { return it.alone || it.m.Repeat }

// fail gives it a result.
func (it *appendItem) fail(err error) { it.state, it.err = appendFailed, err }

// result is nil only for a message that the server has.
func (it *appendItem) result() error {
	if it.err == nil && it.state != appendDone {
		return errLeft
	}
	return it.err
}

// yield gives the message as it is sent: each CR, LF and CRLF as CRLF. buf is scratch space.
func (it *appendItem) yield(ctx context.Context, buf []byte, yield func([]byte) error) error {
	head, skip := it.m.edited()
	lines := lineEnds{bare: true}
	return yieldParts(ctx, it.m, [][]byte{it.trace, head}, skip, func(p []byte) error {
		buf = lines.append(buf[:0], p)
		return yield(buf)
	})
}
