// Package fetch retrieves the new messages of an account, hands them to a delivery.Deliverer, records them in
// the journal and then acknowledges them to the server, in that order. Retrieve is the story of one
// retrieval; package schedule says when the next one is due.
package fetch

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"strings"
	"time"

	"fetchd/delivery"
	"fetchd/fetch/fault"
	"fetchd/fetch/journal"
	"fetchd/fetch/login"
	"fetchd/fetch/wire"
	"fetchd/tlsverify"
)

// Protocol is how an account is spoken to.
type Protocol int

// The protocols. Auto tries IMAP and then POP3.
const (
	Auto Protocol = iota
	IMAP
	POP3
)

// String gives the name as in the log and the Received line.
func (p Protocol) String() string { return [...]string{"auto", "IMAP", "POP3"}[p] }

// TLSMode is when TLS starts, see package login.
type TLSMode = login.Mode

// The modes. There is no opportunistic one.
const (
	StartTLS  = login.StartTLS  // STARTTLS or STLS, mandatory
	Wrapped   = login.Wrapped   // TLS from the first byte
	ClearText = login.ClearText // never TLS: only where the rc file says so in so many words
)

// RetrieveError says what to do with a message that can't be retrieved (fetchmail 7's retrieve-error).
type RetrieveError int

// Continue leaves it on the server and goes on with the next; Abort ends the retrieval; MarkSeen never tries
// it again.
const (
	Continue RetrieveError = iota
	Abort
	MarkSeen
)

// Account is all that a retrieval needs, resolved: no defaults left to find and no file left to read. Its
// parts say what they are for. It is not changed while a retrieval runs.
type Account struct {
	Name string // for the log: "ann@mail.example.org"
	Poll string // the entry's name in the rc file
	Key  string // the journal's name for this account: poll, via, port and user
	// Settings identifies the configuration this account was made from: two accounts with equal Key,
	// Mailboxes, ExcludedMailboxes and Settings are the same. It holds no secret, and is "" in a single pass.
	Settings string
	// Stamp changes with the files that a connection and its login need: what failed may succeed then. nil =
	// there are none.
	Stamp func() string

	Server
	Credentials
	Selection
	Disposal
	Delivery
	Timing

	Journal  *journal.Journal
	Refusals *Refusals // of a daemon; nil = none. Accounts for one login share it
	Lease    Lease     // of several processes that share accounts; nil = it is ours for ever
	Log      *slog.Logger
	Trace    func(line string) // protocol trace ("IMAP> …"), secrets already redacted; nil = none
	Now      func() time.Time  // nil = time.Now
}

// Server is where the mail is, how that is reached, and what must be proven there.
type Server struct {
	Protocol  Protocol
	Connect   Connector // imap.Connect, pop3.Connect or FirstOf both
	Host      string    // what is dialled
	Port      int       // 0 = the protocol's default for the TLS mode
	Plugin    string    // command spoken to instead of a TCP connection; %h and %p are replaced
	TLS       TLSMode
	Policy    *tlsverify.Policy   // what the server must prove; nil only with ClearText
	LastSeen  *tlsverify.LastSeen // the certificate that it has shown last; nil only with ClearText
	Timeout   time.Duration       // no answer for so long ends the connection
	Compress  bool                // use COMPRESS=DEFLATE where it is offered
	RateLimit int64               // bytes a second; 0 = none
}

// Credentials say as whom to log in there, and how.
type Credentials struct {
	Auth string // the rc file's word in lower case: any password plain login cram-md5 external implicit …
	User string
	// AuthzID is whose mailbox it is, if User acts for another user; "" = it is User's.
	AuthzID string
	// Password is called once a connection needs it; the result is not kept.
	Password func(context.Context) (string, error)
	// Renew is called once if the server refuses the password or token that it was told; the answer is used
	// if it is another one. nil = there never is.
	Renew  func(ctx context.Context, refused string) (string, error)
	Grant  func() Grant    // how it is doing; nil = there is none
	Hidden *wire.Concealer // takes secrets out of what is shown; nil = each connection has its own
}

// Selection is what is retrieved.
type Selection struct {
	Mailboxes         []string // IMAP folders, literal names
	Patterns          []string // IMAP LIST patterns
	ExcludedMailboxes []string // folders that the patterns leave out: another retrieval has them
	FetchAll          bool     // also what the journal or \Seen says is old
	Limit             int64    // bytes; larger messages stay; 0 = none
	FetchLimit        int      // messages a retrieval; 0 = none
	// messages with such a header stay on the server; nobody gets them
	Exclude       []delivery.HeaderPattern
	RetrieveError RetrieveError
}

// Disposal is what becomes of messages on the server.
type Disposal struct {
	Keep       bool
	MarkSeen   bool   // kept messages get \Seen
	MoveTo     string // delivered messages are moved to this folder; "" = they aren't
	Flush      bool   // first delete on the server what the journal says was delivered
	LimitFlush bool   // messages above Limit are deleted unread
	KeepDays   int    // kept messages are removed so long after their delivery; 0 = never
	RemoveMany bool   // also if these are most of a mailbox
	Expunge    int    // see fetchmailrc(5)
}

// Delivery is where messages go, and in what form.
type Delivery struct {
	Deliverer delivery.Deliverer
	Folders   map[string]delivery.Deliverer // instead, for the mail of these mailboxes
	// Keys are what Deliverer, by "", and those of Folders were called when they were one of several, so that
	// nobody gets again what came to them then.
	Keys       map[string]string
	Jobs       int      // deliveries at once; 0 = 1
	Recipients []string // local names
	// of a mailbox that several people share: it finds the recipients of each message, and Recipients are
	// whom notices are for. nil = all mail is for Recipients
	Multidrop *delivery.Multidrop
	// whom a message goes to, enclosed, that is refused for good: then it counts as delivered; "" = it stays
	EncloseTo  string
	Headers    delivery.HeaderRules // what to change in headers; the zero value leaves each message as it is
	RejectBad  bool                 // a message with a malformed header is not delivered: it stays
	KeepCR     bool
	SpoolDir   string
	Received   bool   // put our Received: line on top
	TracePolls bool   // name poll and account in it
	Hostname   string // ours, for the Received line
	Version    string // "fetchd/0.1"
}

// Timing is when retrievals are due, and what is told again when.
type Timing struct {
	Idle        bool          // watch the mailbox (IMAP IDLE)
	IdleTimeout time.Duration // how long one IDLE lasts
	KeepAlive   bool          // keep the connection between retrievals
	Every       time.Duration // 0 = the daemon's interval
	Interval    int           // every N-th cycle; 0 = each
	Warnings    time.Duration // how often to tell of messages above Limit again; 0 = after each retrieval
}

// hasRecipients tells whether it is known whom mail is for.
func (a *Account) hasRecipients() bool { return len(a.Recipients) > 0 || a.Multidrop != nil }

// hasSeveral tells whether a message may be for several recipients, or several destinations.
func (a *Account) hasSeveral() bool {
	if len(a.Recipients) > 1 || a.Multidrop != nil || delivery.IsSeveral(a.Deliverer) {
		return true
	}
	for _, to := range a.Folders {
		if delivery.IsSeveral(to) {
			return true
		}
	}
	return false
}

// delivererOf is where the mail of a mailbox goes.
func (a *Account) delivererOf(mailbox string) delivery.Deliverer {
	to, _ := a.destinationOf(mailbox)
	return to
}

// destinationOf is where the mail of a mailbox goes, and what that was called as one of several.
func (a *Account) destinationOf(mailbox string) (to delivery.Deliverer, key string) {
	if strings.EqualFold(mailbox, "INBOX") || mailbox == "" { // a maildrop has no other
		mailbox = "INBOX"
	}
	if to := a.Folders[mailbox]; to != nil {
		return to, a.Keys[mailbox]
	}
	return a.Deliverer, a.Keys[""]
}

// Identity tells accounts apart, and whether a reloaded one is unchanged.
func (a *Account) Identity() string {
	mailboxes, besides := strings.Join(a.Mailboxes, "\x00"), strings.Join(a.ExcludedMailboxes, "\x00")
	return strings.Join([]string{a.Key + "\x00" + mailboxes, besides, a.Settings}, "\x00\x00")
}

func (a *Account) now() time.Time {
	if a.Now != nil {
		return a.Now()
	}
	return time.Now()
}

// Owner is the user whose mailbox it is.
func (a *Account) Owner() string { return cmp.Or(a.AuthzID, a.User) }

// LogPanic shows whoever debugs what panicked to give err, and where, if anything did.
func (a *Account) LogPanic(err error) {
	var f *fault.Error
	if errors.As(err, &f) {
		frames := strings.NewReplacer("\n\t", " ", "\n", "; ").Replace(f.Stack)
		a.Log.Debug(EventPanic, "account", a.Name, "value", a.Hidden.Clean(f.Value), "stack", frames)
	}
}

// Login is how to log in to the account by the service that it is spoken to with.
func (a *Account) Login(s login.Service) login.Options {
	return login.Options{
		Service: s, Account: a.Name, Host: a.Host, Port: a.Port, Plugin: a.Plugin,
		TLS: a.TLS, Policy: a.Policy, Auth: a.Auth, User: a.User, AuthzID: a.AuthzID,
		Password: a.Password, Renew: a.Renew,
		Hidden:  a.Hidden,
		Timeout: a.Timeout, Rate: a.RateLimit, Trace: a.Trace, Log: a.Log,
	}
}

// WantsMarks tells whether a destination makes use of the dates and flags of messages.
func (a *Account) WantsMarks() bool { return a.anyDestination(delivery.KeepsMarks) }

// WantsSeparator tells whether a destination makes use of what stands between the levels of mailboxes.
func (a *Account) WantsSeparator() bool { return a.anyDestination(delivery.KeepsFolders) }

func (a *Account) anyDestination(is func(delivery.Deliverer) bool) bool {
	for _, d := range a.Folders {
		if is(d) {
			return true
		}
	}
	return is(a.Deliverer)
}
