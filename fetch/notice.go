package fetch

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"fetchd/delivery"
)

const (
	noticeTimeout = time.Minute // a notice holds up its account's next retrieval no longer
	noticeLines   = 50          // of a list; the rest is counted
	noticeText    = 400         // bytes of a line
)

// notices is the part of Refusals for the mails that tell the account's owner what happens. Each is tried
// once: what can't be delivered is in the log, and nothing else.
type notices struct {
	oversized  map[string][]int64 // sizes, by mailbox
	told       time.Time          // of them; zero = not yet
	login      bool               // refused, and told so
	untold     []string           // messages that were set aside
	untoldMore int                // of these without a text
}

// Notice is a mail of ours. Foreign text in it may be anything: it is cut, and made one line each.
type Notice struct {
	Kind    string // for its identifier: a word in lower case
	Subject string
	Lines   []string
}

// skipped remembers what was too large in a mailbox. Deleted messages add up until they are told; those that
// stay on the server are found again each time.
func (m *Refusals) skipped(mailbox string, items []*Item, deleted bool) {
	if m == nil {
		return
	}

	m.mu.Lock()
	defer m.mu.Unlock()

	var sizes []int64
	if deleted {
		sizes = m.oversized[mailbox]
	}

	for _, it := range items {
		if len(sizes) < refusedMost {
			sizes = append(sizes, it.Size)
		}
	}

	if len(sizes) == 0 {
		delete(m.oversized, mailbox)
		return
	}
	if m.oversized == nil {
		m.oversized = make(map[string][]int64)
	}
	m.oversized[mailbox] = sizes
}

// announce remembers what the next notice says of a message that was set aside; the lock is held.
func (m *Refusals) announce(text string) {
	if text == "" || len(m.untold) >= noticeLines {
		m.untoldMore++
		return
	}
	m.untold = append(m.untold, text)
}

// Notify mails the account's first recipient, through the account's own destination, what has changed with
// the retrieval that ended with err: the login is refused, or works again; messages are too large, which is
// told again every Warnings; messages were set aside. It belongs behind each retrieval of a daemon; without
// Refusals it does nothing. It returns soon after ctx ends. In the end the journal has what the next daemon
// is to know.
func (a *Account) Notify(ctx context.Context, err error) {
	if a.checkLease() != nil { // whoever has the account now writes its notices and its note in the journal
		return
	}

	// The note in the journal comes last: a daemon that is killed before it repeats notices, and loses none.
	defer a.keepRefusals()
	if a.Refusals == nil || ctx.Err() != nil || len(a.Recipients) == 0 {
		return
	}

	for _, n := range a.Refusals.dueNotices(a, err) {
		if err := a.DeliverNotice(ctx, n); err != nil {
			a.Log.Warn(EventNoticeLost, "account", a.Name, "subject", n.Subject, "err", err)
			continue
		}
		a.Log.Info(EventNotice, "account", a.Name, "subject", n.Subject)
	}
}

// dueNotices returns the notices that are to be sent now, and takes them for sent.
func (m *Refusals) dueNotices(a *Account, err error) (all []Notice) {
	m.mu.Lock()
	defer m.mu.Unlock()

	// Any other failure says nothing of the login: the server may not even have been reached.
	switch kind := KindOf(err); {
	case kind == KindGrant && !m.login:
		m.login = true
		all = append(all, needsLoginNotice(a, err))
	case kind == KindAuth && !m.login:
		m.login = true
		all = append(all, loginRefusedNotice(a, err))
	case m.login && (err == nil || kind == KindDelivery):
		m.login = false
		all = append(all, Notice{"login", "fetchmail authentication OK on " + a.Name, []string{
			"The login to " + a.Name + " works again; mail is retrieved.",
		}})
	}

	if len(m.untold)+m.untoldMore > 0 {
		all = append(all, m.refusedNotice(a))
	}

	if len(m.oversized) == 0 {
		m.told = time.Time{}
	} else if now := a.now(); m.told.IsZero() || HasPassed(a.Warnings, m.told, now) {
		m.told = now
		all = append(all, m.oversizedNotice(a))
	}

	return all
}

func loginRefusedNotice(a *Account, err error) Notice {
	return Notice{"login", "fetchmail authentication failed on " + a.Name, []string{
		"The login to " + a.Name + " was refused:",
		"",
		"  " + err.Error(),
		"",
		"No mail is retrieved from it until this is solved. The login is tried again, less and less",
		"often; another mail will tell when it works.",
	}}
}

func needsLoginNotice(a *Account, err error) Notice {
	return Notice{"login", "fetchmail authentication failed on " + a.Name, []string{
		"Somebody has to log in for " + a.Name + " at its provider:",
		"",
		"  " + err.Error(),
		"",
		"No mail is retrieved from it until then. The daemon notices the login by itself, and another",
		"mail will tell that it works.",
	}}
}

// refusedNotice lists what was set aside since the last one, and begins a new list; the lock is held.
func (m *Refusals) refusedNotice(a *Account) Notice {
	n := Notice{"refused", "fetchmail delivery refused on " + a.Name, []string{
		"Messages of " + a.Name + " can't be delivered. They stay on the server and are tried again",
		"once a day, and when the daemon is awakened, as by a second call of fetchd:",
		"",
	}}

	for _, text := range m.untold {
		n.Lines = append(n.Lines, "  "+text)
	}

	if m.untoldMore > 0 {
		n.Lines = append(n.Lines, fmt.Sprintf("  and %d more", m.untoldMore))
	}

	m.untold, m.untoldMore = nil, 0
	return n
}

// oversizedNotice counts the messages of each size, the largest first; the lock is held.
func (m *Refusals) oversizedNotice(a *Account) Notice {
	what := "They stay on the server; raise the limit to get them, or delete them there:"
	if a.LimitFlush {
		what = "They were deleted on the server, unread, because of limitflush:"
	}

	n := Notice{"oversized", "Fetchmail oversized-messages warning", []string{
		fmt.Sprintf("Messages of %s are larger than the limit of %d bytes.", a.Name, a.Limit),
		what,
		"",
	}}

	count := map[int64]int{}
	for _, sizes := range m.oversized {
		for _, size := range sizes {
			count[size]++
		}
	}

	var sizes []int64
	for size := range count {
		sizes = append(sizes, size)
	}

	slices.SortFunc(sizes, func(a, b int64) int { return cmp.Compare(b, a) })

	for i, size := range sizes {
		if i == noticeLines {
			n.Lines = append(n.Lines, fmt.Sprintf("  and %d smaller sizes", len(sizes)-i))
			break
		}
		n.Lines = append(n.Lines, fmt.Sprintf("  %d of %d bytes", count[size], size))
	}

	// What was deleted is told once; the rest is found again by each retrieval.
	if a.LimitFlush {
		m.oversized = nil
	}

	return n
}

// DeliverNotice delivers a notice to the account's first recipient, through its destination, within a minute.
// Its sender is the null sender (RFC 3834), so that nobody answers or bounces it.
func (a *Account) DeliverNotice(ctx context.Context, n Notice) error {
	late := errors.New("no end within the time limit of a notice")
	ctx, cancel := context.WithTimeoutCause(ctx, noticeTimeout, late)
	defer cancel()

	now := a.now()
	id := fmt.Sprintf("%s-%d", n.Kind, now.UnixNano())
	body := delivery.NewSpool(a.spoolOptions())
	m := &delivery.Message{Account: a.Name, UID: "notice-" + id, Recipients: a.Recipients[:1], Body: body}
	defer m.Release()

	_, err := body.Write(a.noticeMail(n, id, now))
	if err == nil {
		err = body.Close()
	}
	if err == nil {
		err = a.Deliverer.Deliver(ctx, m)
	}

	return err
}

// mailDate is the format of Date (RFC 5322 section 3.3).
const mailDate = "Mon, 02 Jan 2006 15:04:05 -0700"

// lineEnd is the line end of messages on their way.
func (a *Account) lineEnd() string {
	if a.KeepCR {
		return "\r\n"
	}
	return "\n"
}

// noticeMail writes the mail.
func (a *Account) noticeMail(n Notice, id string, now time.Time) []byte {
	lines := append(a.noticeHeader(a.Recipients[0], n.Subject, id, now),
		"Content-Type: text/plain; charset=utf-8",
		"Content-Transfer-Encoding: 8bit",
		"",
	)
	return []byte(a.mailText(append(lines, n.Lines...)))
}

// noticeHeader is what the header of each mail of ours begins with. The null sender keeps everybody from
// answering it (RFC 3834).
func (a *Account) noticeHeader(to, subject, id string, now time.Time) []string {
	host := cmp.Or(delivery.AddressHost(a.Hostname), "localhost")
	return []string{
		"Return-Path: <>",
		"Date: " + now.Format(mailDate),
		"From: FETCHMAIL-DAEMON@" + host,
		"To: " + to,
		"Subject: " + subject,
		"Message-ID: <" + id + ".fetchd@" + host + ">",
		"Auto-Submitted: auto-generated",
		"MIME-Version: 1.0",
	}
}

// mailText is the lines of a mail of ours; what a server or a user has said is in some of them.
func (a *Account) mailText(lines []string) string {
	end := a.lineEnd()
	var b strings.Builder
	for _, line := range lines {
		b.WriteString(printable(line) + end)
	}
	return b.String()
}

// printable returns the beginning of a text without what could end the line or be a command to a terminal.
func printable(text string) string {
	text = strings.ReplaceAll(strings.ToValidUTF8(text[:min(len(text), noticeText)], "?"), "\n", "; ")
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '?'
	}, text)
}
