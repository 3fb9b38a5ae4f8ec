package delivery

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"

	"fetchd/fetch/login"
	"fetchd/fetch/sasl"
	"fetchd/fetch/wire"
	"fetchd/tlsverify"
)

// AppendOptions say into which IMAP mailbox messages go, and how.
type AppendOptions struct {
	Host   string
	Port   int // 0 = that of the service
	TLS    login.Mode
	Policy *tlsverify.Policy // what the server must prove; nil only with ClearText

	User     string
	Auth     string // rc-file word, see login.Options
	Password func(context.Context) (string, error)

	// Folder is where a message of the source's folder goes, in UTF-8 or modified UTF-7; nil = INBOX. "/"
	// stands between the levels of both, whatever the servers have there.
	Folder   func(source string) string
	BySource bool // Folder makes use of source
	Create   bool // folders that are missing
	Keywords bool // flags that are not the system's, too

	Name    string // of the destination, for the log; "" = made of the others
	Timeout time.Duration
	Hidden  *wire.Concealer // see wire.Options
	Trace   func(line string)
	Log     *slog.Logger // nil = none
}

// The service, with what the user writes for TLS from the first byte and for none.
var appendService = login.Service{
	Name: "IMAP", Ports: tlsverify.PortsOf("imap"), WrapWord: "imaps://", ClearWord: "appendsslproto ''",
}

// Append delivers into folders of an IMAP server (RFC 9051 section 6.3.12). It is safe for concurrent use;
// each group under way has a connection of its own, which then waits a moment for another one.
//
// What counts as delivered is the tagged OK to a message's APPEND. Where the connection is lost between the
// last octet of a message and its answer, the error is ErrUnclear. Such a message, and any with Repeat, is
// looked for in the folder before it is sent again: the Received: line that we add says which message of
// which account it is. Without that line its header and size must be the same; each copy there counts once.
//
// Line ends become CRLF, as IMAP wants them. A message with a NUL octet, which IMAP can't carry, is refused.
type Append struct {
	o    AppendOptions
	kept keptConnections[*appendSession] // has its own lock

	noBatches atomic.Bool // the server offers to take several messages with one command, and can't
}

// NewAppend returns a Deliverer. It connects to nobody.
func NewAppend(o AppendOptions) (*Append, error) {
	if o.Host == "" || o.User == "" {
		return nil, errors.New("append needs a server and a user there")
	}
	// At the start, and not at the first message.
	if err := (&sasl.Credentials{User: o.User}).Check(); err != nil {
		return nil, err
	}
	if o.Folder == nil {
		o.Folder = func(string) string { return "INBOX" }
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Name == "" {
		o.Name = fmt.Sprintf("append to %.100s@%.150s", o.User, o.Host)
	}

	return &Append{o: o}, nil
}

func (d *Append) String() string { return d.o.Name }

// KeepsMarks implements MarkKeeper.
func (d *Append) KeepsMarks() bool { return true }

// KeepsFolders implements FolderKeeper.
func (d *Append) KeepsFolders() bool { return d.o.BySource }

// Deliver implements Deliverer.
func (d *Append) Deliver(ctx context.Context, m *Message) error {
	return d.DeliverGroup(ctx, []*Message{m})[0]
}

// DeliverGroup implements GroupDeliverer.
func (d *Append) DeliverGroup(ctx context.Context, ms []*Message) []error {
	g := &appendGroup{d: d, items: make([]appendItem, len(ms))}
	for i, m := range ms {
		g.prepare(ctx, &g.items[i], m)
	}
	g.deliver(ctx)

	results := make([]error, len(ms))
	for i := range g.items {
		results[i] = g.items[i].result()
	}
	return results
}

// Close ends the connections that wait. A later delivery makes another one, and does not keep it.
func (d *Append) Close() error {
	d.kept.close()
	return nil
}

// connect gives a connection that waited, or else a new one.
func (d *Append) connect(ctx context.Context) (*appendSession, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("%s: %w", d, context.Cause(ctx))
	}
	if s := d.kept.take(); s != nil {
		return s, nil
	}

	s, err := d.open(ctx)
	if errors.Is(err, login.ErrSimpler) {
		s, err = d.open(ctx)
	}

	switch {
	case err == nil:
		return s, nil
	case ctx.Err() != nil:
		return nil, fmt.Errorf("%s: %w", d, context.Cause(ctx))
	}
	// Whatever happened at this login, it says nothing of the account that the mail comes from.
	return nil, &login.Error{Kind: login.KindDelivery,
		Err: &Error{Class: Unusable, Err: &UnreachableError{[]error{fmt.Errorf("%s: %w", d, err)}}}}
}

// folderOf is the folder that a message goes to.
func (d *Append) folderOf(m *Message) string {
	source := m.Mailbox
	if source == "" {
		source = "INBOX"
	}
	if m.Separator != "" {
		source = strings.ReplaceAll(source, m.Separator, "/")
	}
	name := d.o.Folder(source)
	// One spelling, so that what is known of the folder is known once.
	if strings.EqualFold(name, "INBOX") {
		name = "INBOX"
	}
	return name
}
