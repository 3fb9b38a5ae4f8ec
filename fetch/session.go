package fetch

import (
	"context"
	"time"

	"fetchd/delivery"
)

// Connector dials an account's server, verifies it and logs in. Packages imap and pop3 have one each; cmd
// puts the right one into the Account.
type Connector func(ctx context.Context, a *Account) (Session, error)

// Session is a logged-in connection to an account's server. Its methods are called one at a time; ctx ends a
// call and with it the connection. Errors carry a Kind.
type Session interface {
	// Mailboxes lists what to retrieve from, in order: the account's folders, its patterns resolved; one ""
	// for POP3.
	Mailboxes(ctx context.Context) ([]string, error)
	// Open selects a mailbox and finds out, from the server and the journal, what is new in it.
	Open(ctx context.Context, mailbox string) (Mailbox, error)
	// Peer is the server's IP address, "" where there is none (a plugin).
	Peer() string
	// Close says good-bye if the connection is still sound, and closes it. It waits for what it started.
	Close() error
}

// Breaker is a Session whose connection can be broken while one of its methods, or a lock of it, hangs: Close
// then ends.
type Breaker interface {
	Break(err error)
}

// Mailbox is one mailbox, opened by a Session. Retrieve runs in a goroutine of its own, beside Record, Skip
// and Acknowledge, of which one is called at a time; Record comes before Acknowledge, for items that were
// delivered.
type Mailbox interface {
	Counts() Counts
	// Limit makes Retrieve stop after n messages; the others stay new. It is called before Retrieve.
	Limit(n int)
	// Retrieve asks the server for the new messages and puts each into q, complete or with its error, in the
	// server's order. It calls q.Wait before every request, so that what was asked for can always be read
	// without delay.
	Retrieve(ctx context.Context, q *Queue) error
	// Record writes into the journal that items were delivered, so that it survives the end of the process.
	Record(ctx context.Context, items []*Item) error
	// Acknowledge tells the server: \Seen, \Deleted, DELE or a move. It need not wait for the answer, and may
	// leave it to Commit. What makes the server forget a message comes only once its record survives a power
	// failure.
	Acknowledge(ctx context.Context, items []*Item) error
	// Skip records that items are never to be retrieved again, because they could not be or may not be all
	// that the server has of them (Item.IsStandIn, Item.Short); they stay on the server.
	Skip(ctx context.Context, items []*Item) error
	// Commit waits until the server has answered every acknowledgement and makes deletions final, including
	// those that an earlier retrieval left pending; then it ends the journal's record. It is called when
	// Retrieve has returned without error. What the server did not confirm stays pending and is acknowledged
	// again next time.
	Commit(ctx context.Context) (deleted int, err error)
}

// Releaser is a Mailbox whose record in the journal no other process can write.
type Releaser interface {
	// Release ends that. It is called last, whatever the result was; Open does it itself if it fails.
	Release()
}

// Leaver is a Mailbox that can leave out new messages: they stay new, and are not retrieved this time.
type Leaver interface {
	// Leave is called before Limit, perhaps more than once, with messages of any UIDVALIDITY, also such that
	// are not new.
	Leave(messages []Ref)
	// New returns those of the messages that are new.
	New(messages []Ref) []Ref
	// Only leaves out all but one. It is called instead of Leave.
	Only(message Ref)
}

// Doubter is a Mailbox that remembers that nobody knows whether a message was delivered.
type Doubter interface {
	// Doubt makes the next retrieval set Repeat for all messages that are not recorded.
	Doubt()
	// InDoubt tells whether this one does so.
	InDoubt() bool
}

// Leveled is a Mailbox whose name may have levels.
type Leveled interface {
	// Separator is what stands between them; "" = nobody knows. It is asked for only if
	// Account.WantsSeparator.
	Separator() string
}

// Ender is a Mailbox whose deletions count when its session ends, and not before (POP3).
type Ender interface {
	DeletesAtEnd()
}

// Counts is what Open found.
type Counts struct {
	Messages  int   // in the mailbox
	Seen      int   // of these not new
	New       int   // to be retrieved now
	Octets    int64 // size of all messages, 0 where the server did not say
	Oversized []*Item
}

// Item is one message on its way.
type Item struct {
	N           int       // number in this mailbox's retrieval, from 1
	Num         uint32    // IMAP UID, or POP3 message number
	UID         string    // IMAP UID in decimal, or UIDL
	Place       string    // what it is known by before its text has come, where it has no UID; see Ref
	UIDValidity uint32    // 0 for POP3
	Size        int64     // octets as the server counts them
	Date        time.Time // when it came to the server, and its flags there; only if Account.WantsMarks
	Flags       []string
	Body        *delivery.Spool // complete; nil with Err
	Repeat      bool            // see delivery.Message
	Short       bool            // see IsFarShorter
	Err         error           // why this message could not be retrieved; the others go on
}

// Watcher is a Session that can wait for new mail (IMAP IDLE).
type Watcher interface {
	// CanWatch tells whether the server offers it.
	CanWatch() bool
	// Watch waits in the mailbox that was opened last until something changed there (true), until timeout or
	// until wake delivers (false). The session may be used again after it. A server that refuses to is
	// ErrCannotWatch.
	Watch(ctx context.Context, wake <-chan struct{}, timeout time.Duration) (changed bool, err error)
}
