package imap

import (
	"context"
	"time"

	"github.com/emersion/go-imap/v2"

	"fetchd/fetch"
	"fetchd/fetch/journal"
	"fetchd/tlsverify/hints"
)

// view is what the server shows of a mailbox.
type view struct {
	least, most uint32 // how many messages there were while it was looked at
	uidNext     uint32
	among       scope
	found       journal.Set // what may be new
	large       journal.Set // those of them that are larger than the account's limit
	seen        journal.Set // those that are \Seen, as far as we asked
	flagged     bool        // we asked by FETCH FLAGS
	refused     error       // what the server said to a search that it refused
}

// count notes how many messages there are now, according to the server.
func (v *view) count(s *session) {
	n := s.guard.countMessages()
	v.least, v.most = min(v.least, n), max(v.most, n)
}

// fits tells whether there may be n messages, according to the server.
func (v *view) fits(n uint64) bool { return uint64(v.least) <= n && n <= uint64(v.most) }

// search waits for a search and keeps what it found. One that is refused has found nothing.
func (v *view) search(s *session, q *search, among scope) (err error) {
	v.among = among
	v.found, v.large, err = q.wait()
	v.count(s)
	return v.unlessRefused(err)
}

// unlessRefused is the error of a search, unless that was refused: then FETCH FLAGS takes its place.
func (v *view) unlessRefused(err error) error {
	if isRefused(err) {
		v.refused = err
		return nil
	}
	return err
}

// selectFailed is failed for a mailbox that can't be selected, most likely because of its name.
func (s *session) selectFailed(name string, err error) error {
	failed := s.failed("select "+s.conn.Quoted([]byte(name)), err)
	if fetch.KindOf(failed) == fetch.KindServer && name != "INBOX" {
		failed = hints.Add(failed, "check folder in the rc file")
	}
	return failed
}

// selectAndSearch selects the mailbox and searches it; both commands travel together. If the mailbox is
// selected already, a search is enough, after a NOOP for servers that look for new mail only then.
func (m *mailbox) selectAndSearch(ctx context.Context) (view, error) {
	s := m.s
	// Drained before the look, which will see what changed before it.
	s.guard.wasRecounted()
	select {
	case <-s.changed:
	default:
	}

	if s.mailbox == m.name && m.rec.UIDValidity() == s.guard.selectedValidity() {
		return m.searchAgain(ctx)
	}

	// Nothing is selected until all of this has succeeded: a failed SELECT leaves no mailbox selected (RFC
	// 9051 section 6.3.2).
	s.mailbox = ""
	s.guard.expectValidity(0)
	data, first, among, err := m.selectMailbox()
	if err != nil {
		return view{}, s.selectFailed(m.name, err)
	}

	v := view{least: data.NumMessages, most: data.NumMessages, uidNext: uint32(data.UIDNext)}
	serr := v.search(s, first, among)
	switch {
	// SELECT may give what EXAMINE does not. Courier gives another one each time, until a SELECT settles it.
	case m.readOnly && !m.writable && data.UIDValidity != m.rec.UIDValidity():
		m.writable = true
		return m.selectAndSearch(ctx)
	case data.UIDValidity != 0:
	case m.forgets():
		return v, m.startUnknown(ctx, &v)
	default:
		return view{}, s.broken(hints.Errorf("use POP3 with this server",
			"select %s: server gives no UIDVALIDITY", s.conn.Quoted([]byte(m.name))))
	}

	m.validity = data.UIDValidity
	// Before the error of the search: with a new UIDVALIDITY that search was about the wrong UIDs anyway.
	if err := m.start(ctx, &v, &serr); err != nil {
		return view{}, err
	}
	if serr != nil {
		return view{}, serr
	}

	s.mailbox = m.name
	s.guard.expectValidity(m.validity)
	return v, nil
}

// startUnknown begins the record of a mailbox without UIDVALIDITY, whose UIDs may mean other messages each
// time: what is recorded of them is forgotten. Where messages are deleted once delivered nothing has to be
// remembered.
func (m *mailbox) startUnknown(ctx context.Context, v *view) error {
	// Alternating, so that the journal sees a new mailbox each time and forgets what it knew.
	m.validity = 1
	if m.rec.UIDValidity() == m.validity {
		m.validity = 2
	}
	if err := m.rec.Start(ctx, m.validity); err != nil {
		return fetch.Fail(fetch.KindJournal, err)
	}
	return v.search(m.s, m.s.startSearch(m.rec, unread), unread)
}

// selectMailbox selects the mailbox and, unless this server takes only one command at a time, starts to
// search it meanwhile.
func (m *mailbox) selectMailbox() (data *imap.SelectData, first *search, among scope, err error) {
	s := m.s
	selected := s.client.Select(m.name, &imap.SelectOptions{ReadOnly: m.readOnly && !m.writable})
	among = m.scope()
	if s.quirks.oneAtATime.Has(server(s.a)) {
		if data, err = selected.Wait(); err == nil {
			first = s.startSearch(m.rec, among)
		}
		return data, first, among, err
	}

	// The search is on its way before we know that SELECT succeeds, which saves a round trip in each poll.
	s.selecting = true
	first = s.startSearch(m.rec, among)
	s.selecting = false
	if data, err = selected.Wait(); err != nil {
		_, _ = first.all.cmd.Wait() // it can only fail
	}

	return data, first, among, err
}

// start begins the record, and searches again if the UIDs no longer mean the messages that the first search
// assumed.
func (m *mailbox) start(ctx context.Context, v *view, searched *error) error {
	// Read before Start, which forgets it.
	known, moved, delivered := m.rec.UIDValidity(), m.adopted().IsEmpty(), m.rec.Delivered().Len()
	if err := m.rec.Start(ctx, m.validity); err != nil {
		return fetch.Fail(fetch.KindJournal, err)
	}

	again := false
	if known != 0 && known != m.validity {
		again, m.allNew = true, moved && m.forgets()
		m.s.a.Log.Warn(fetch.EventRenumbered, "account", m.s.a.Name,
			"mailbox", m.name, "old", known, "new", m.validity)
	} else if *searched == nil && m.rewound(v) {
		again = true
		m.s.a.Log.Warn(fetch.EventRewound, "account", m.s.a.Name, "mailbox", m.name, "next", v.uidNext,
			"known", m.rec.Done().Max())
		// What waits for its delivery is not old because somebody has read it meanwhile, nor is what was to
		// be deleted, whether it is the same message or another one.
		m.open = below(max(m.rec.UIDNext(), m.rec.Done().Max())).Minus(m.rec.Done())
		m.open.AddSet(uidsOf(m.rec.Traces(m.rec.Done())))
		m.rec.Restart()
	}
	if again {
		m.moved = delivered
		among := m.scope()
		*searched = v.search(m.s, m.s.startSearch(m.rec, among), among)
	}

	return nil
}

// rewound tells whether the server is about to give out UIDs again that the journal knows, as after a backup
// was restored without a new UIDVALIDITY (which RFC 9051 section 2.3.1.1 demands): new mail would be taken
// for old. UIDNEXT is not believed if a message was found beyond it. UIDs whose messages are known to be gone
// do no harm.
func (m *mailbox) rewound(v *view) bool {
	if v.uidNext == 0 || v.uidNext > m.rec.Done().Max() {
		return false
	}
	return v.uidNext <= m.rec.Done().Minus(m.rec.Vacant()).Max() && v.found.Max() < v.uidNext
}

// aliveTimeout is how long a kept connection may take to answer: after a suspend or a change of network it
// may be dead without notice, and a new one is quickly made.
const aliveTimeout = 20 * time.Second

func (m *mailbox) searchAgain(ctx context.Context) (view, error) {
	m.validity = m.rec.UIDValidity()
	if err := m.rec.Start(ctx, m.validity); err != nil {
		return view{}, fetch.Fail(fetch.KindJournal, err)
	}

	noop := m.s.client.Noop()
	among := m.scope()
	search := m.s.startSearch(m.rec, among)
	m.s.guard.patience(min(aliveTimeout, m.s.a.Timeout))
	err := noop.Wait()
	m.s.guard.patience(0)

	// The server's numbers are those that imapclient has kept up to date since SELECT.
	v := view{uidNext: m.rec.UIDNext(), least: ^uint32(0)}
	v.count(m.s)
	serr := v.search(m.s, search, among)
	if err != nil {
		return view{}, m.s.failed("noop", err)
	}

	return v, serr
}
