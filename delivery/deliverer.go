// Package delivery hands one complete message on to a local recipient, durably: to a mail delivery agent's
// standard input (MDA) or into a Maildir (Maildir).
//
// The contract every kind keeps is Deliverer; package deliverytest holds the suite that checks it. The package knows
// nothing of POP3, IMAP or the journal: who calls it records the delivery and acknowledges it to the server, in this
// order and only after a nil error:
//
//	spool := NewSpool(...)        // bytes from the server, CRLF to LF, bounded memory
//	io.Copy(spool, body)          // complete, or an error and no delivery
//	spool.Close()
//	sender, ok := SenderOf(spool.Header())
//	m := &Message{..., Sender: sender, Trace: Received(...), Body: spool}
//	err := deliverer.Deliver(ctx, m); m.Release()
//
// What nil rests on: for Maildir fsync(2) of the file, or syncfs(2) for a group, then renameat2(2), then fsync(2) of the
// directory; for MDA exit status 0 of an agent that was given the complete message as a file. Nothing is ever delivered
// of a message that did not arrive in full.
package delivery

import "context"

// Deliverer delivers messages. Implementations are safe for concurrent use.
type Deliverer interface {
	// Deliver returns nil only when every recipient durably has the message: it may then be deleted on the server.
	// On any error no recipient is promised to have it, but for those that a *PartialError names, and the caller keeps
	// it. ClassOf tells what kind of error it is; an error without a class is temporary. Deliver returns soon after ctx
	// ends. It asks m.Hold before it does what can't be undone.
	//
	// Delivering the same message again after an error or a crash must be safe; where the kind allows it (Maildir) it
	// leaves one copy.
	Deliver(ctx context.Context, m *Message) error
	// String names the destination for the log: `Maildir /home/ann/Maildir`, `mda "procmail -d %T"`.
	String() string
}

// GroupDeliverer is a Deliverer that can share the cost of durability among several messages.
type GroupDeliverer interface {
	Deliverer
	// DeliverGroup delivers all of ms and returns one result for each, in the same order, each with Deliver's meaning.
	DeliverGroup(ctx context.Context, ms []*Message) []error
}

// SeriesDeliverer is a Deliverer that begins with a message while the one before it is ending.
type SeriesDeliverer interface {
	Deliverer
	// DeliverSeries delivers ms one after the other, and calls ended with the place of each and its result, which has
	// Deliver's meaning. No message passes its point of no return before ended has returned for those before it, so that
	// never more than one is delivered and not recorded. An error of ended ends the series: it is returned, and ended is
	// not called again.
	DeliverSeries(ctx context.Context, ms []*Message, ended func(i int, err error) error) error
}
