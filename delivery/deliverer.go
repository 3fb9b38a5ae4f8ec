// Package delivery hands one complete message on, durably: to a mail delivery agent's standard input (MDA),
// into a Maildir (Maildir, MaildirFolders), an mbox (Mbox), a file of batched SMTP (BSMTP) or a folder on an
// IMAP server (Append), or to a mail server (SMTP, which speaks LMTP too).
//
// Every kind keeps the contract of Deliverer, which the suite in package deliverytest checks. The package
// knows nothing about POP3, IMAP or the journal: after a nil error, and only then, the caller records the
// delivery and then acknowledges the message to the server:
//
//	spool := NewSpool(...)        // bytes from the server, CRLF to LF, bounded memory
//	io.Copy(spool, body)          // complete, or an error and no delivery
//	spool.Close()
//	sender, ok := SenderOf(spool.Header())
//	m := &Message{..., Sender: sender, Trace: Received(...), Body: spool}
//	err := deliverer.Deliver(ctx, m); m.Release()
//
// A Maildir returns nil after fsync(2) of the file, or syncfs(2) for a group, then renameat2(2), then
// fsync(2) of the directory; Mbox and BSMTP after fsync(2) of what they have appended; an MDA after exit
// status 0 of an agent that got the complete message as a file; SMTP after the server's 2xx to the dot that
// ends the message, Append after its OK. A message that did not arrive in full is never delivered, not even
// in part.
package delivery

import (
	"context"
	"errors"
)

// Deliverer delivers messages. Implementations are safe for concurrent use.
type Deliverer interface {
	// Deliver returns nil only when every recipient durably has the message: it may then be deleted on the
	// server. After an error the caller keeps the message: no recipient is sure to have it, except those
	// that a *PartialError names. ClassOf gives the error's class; an error without one is temporary.
	// Deliver returns soon after ctx ends. It asks m.Hold before it does what can't be undone.
	//
	// Delivering the same message again after an error or a crash must be safe. If the kind allows it
	// (Maildir) only one copy is left.
	Deliver(ctx context.Context, m *Message) error
	// String names the destination for the log: `Maildir /home/ann/Maildir`, `mda "procmail -d %T"`.
	String() string
}

// GroupDeliverer is a Deliverer that can share the cost of durability among several messages.
type GroupDeliverer interface {
	Deliverer
	// DeliverGroup delivers all of ms and returns one result for each, in the same order, each with
	// Deliver's meaning.
	DeliverGroup(ctx context.Context, ms []*Message) []error
}

// SeriesDeliverer is a Deliverer that begins with a message while the one before it is ending.
type SeriesDeliverer interface {
	Deliverer
	// DeliverSeries delivers ms one after the other, and calls ended with the place of each and its result,
	// which has Deliver's meaning. No message passes its point of no return before ended has returned for
	// the previous ones, so that at most one is delivered and not yet recorded. An error of ended ends the
	// series: it is returned, and ended is not called again.
	DeliverSeries(ctx context.Context, ms []*Message, ended func(i int, err error) error) error
}

// Takes tells whether a message may be delivered to a recipient of that name. Some kinds have a method Takes
// too: a name that such a kind does not take might become somebody else's there.
func Takes(d Deliverer, recipient string) bool {
	c, ok := d.(interface{ Takes(recipient string) bool })
	return !ok || c.Takes(recipient)
}

// Exists tells whether a recipient whom only the message names has a place at a destination that has one for
// each. Such kinds have a method Exists too.
func Exists(d Deliverer, recipient string) bool {
	c, ok := d.(interface{ Exists(recipient string) bool })
	return !ok || c.Exists(recipient)
}

// ForRetrieval is d for one retrieval of an account with these outages, if d has several destinations, else d
// itself.
func ForRetrieval(d Deliverer, o *Outages) Deliverer {
	if r, ok := d.(interface{ forRetrieval(o *Outages) Deliverer }); ok {
		return r.forRetrieval(o)
	}
	return d
}

// MarkKeeper is a Deliverer that may make use of Message.InternalDate and Message.Flags.
type MarkKeeper interface {
	KeepsMarks() bool
}

// KeepsMarks tells whether d makes use of them.
func KeepsMarks(d Deliverer) bool {
	k, ok := d.(MarkKeeper)
	return ok && k.KeepsMarks()
}

// FolderKeeper is a Deliverer that may make use of Message.Separator.
type FolderKeeper interface {
	KeepsFolders() bool
}

// KeepsFolders tells whether d makes use of it.
func KeepsFolders(d Deliverer) bool {
	k, ok := d.(FolderKeeper)
	return ok && k.KeepsFolders()
}

// ErrUnclear is in the error of a message of which nobody knows whether it has arrived. It must be tried
// again with Message.Repeat set, also by another process.
var ErrUnclear = errors.New("nobody knows whether it has arrived")
