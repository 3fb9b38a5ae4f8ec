package delivery

import "time"

// Message is one complete message with what is needed to hand it on. Its maker calls Release when its
// delivery has ended; a Deliverer keeps no reference to it after it has returned.
type Message struct {
	// Account names the login the message came from, as in the log ("ann@mail.example.org"); Mailbox the
	// folder there ("" for POP3). Together with UIDValidity (0 for POP3) and UID they identify the message
	// on its server.
	Account     string
	Mailbox     string
	UIDValidity uint32
	UID         string // IMAP UID in decimal, POP3 UIDL, or a key made from the content if there is neither

	// Separator stands between the levels of Mailbox; "" = it is not known. It is asked for only where the
	// destination makes use of it, see FolderKeeper.
	Separator string

	// Sender is the envelope sender if the header names none: without angle brackets, "" for the null
	// sender.
	Sender string
	// Recipients are the local names, at least one.
	Recipients []string

	// Had and Note are for a kind with several destinations: what it has said earlier in a
	// PartialError.Delivered, or to Note, which records it before the delivery goes on. An error of Note
	// ends the delivery. nil = nothing is recorded.
	Had  []string
	Note func(delivered []string) error

	// Trace holds the header lines that we put on top (our Received: line), each ending in LF. It may be
	// empty.
	Trace []byte

	// InternalDate and Flags are what the server keeps beside the message: when it came, and its flags as
	// IMAP writes them. They are asked for only where the destination keeps them, see MarkKeeper, and POP3
	// has none.
	InternalDate time.Time
	Flags        []string

	// Repeat says that an earlier run may have delivered this message and was killed before it recorded
	// that. A kind that can find the earlier copy, even if that is costly, should look for it.
	Repeat bool

	// Body is the complete message as the server sent it, with the line ends that the account wants.
	Body *Spool
	// Edit is a header to hand on instead of the body's own; nil = the body is handed on as it is.
	Edit *HeaderEdit

	// Lease is why the message is no longer ours to deliver; nil, also as the function, = it is. See Hold.
	Lease func() error
}

// Hold is called by each kind right before its point of no return: the rename of a Maildir, the start of an
// agent, the dot that ends a message. An error means that the message must not be delivered, because
// another process may have taken over its account while this one stood still. It becomes the delivery's
// error.
func (m *Message) Hold() error {
	if m.Lease == nil {
		return nil
	}
	return m.Lease()
}

// note records who has the message.
func (m *Message) note(delivered []string) error {
	if m.Note == nil || len(delivered) == 0 {
		return nil
	}
	return m.Note(delivered)
}

// Release frees the body. It may be called more than once.
func (m *Message) Release() { m.Body.Release() }

// EnvelopeSender is the sender that the header names, see SenderOf, or else Sender. Only the kinds that
// hand it on need it, so it is looked for here and not earlier.
func (m *Message) EnvelopeSender() string {
	if m.Body == nil {
		return m.Sender
	}
	head, _ := m.header()
	if sender, ok := SenderOf(head); ok {
		return sender
	}
	return m.Sender
}
