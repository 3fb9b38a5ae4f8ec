package imap

import (
	"context"
	"errors"

	"github.com/emersion/go-imap/v2"

	"fetchd/fetch"
	"fetchd/fetch/fault"
	"fetchd/fetch/journal"
	"fetchd/fetch/login/imapline"
	"fetchd/tlsverify/hints"
)

// ackCount is how many acknowledgements are gathered into one command.
const ackCount = 256

// acks are the acknowledgements of one mailbox. Commands are sent while messages are still being received;
// goroutines, for which settle waits, read the answers.
type acks struct {
	pending journal.Set // of earlier retrievals
	gather  journal.Set // delivered, not yet sent
	sent    []chan ack
}

// ack is the outcome of one acknowledgement.
type ack struct {
	uids     journal.Set
	deleted  bool
	expunged uint64 // messages that the server has reported as removed meanwhile
	err      error
}

// Acknowledge implements fetch.Mailbox.
func (m *mailbox) Acknowledge(ctx context.Context, items []*fetch.Item) error {
	// The mailbox was opened with EXAMINE: the journal alone knows what was delivered.
	if m.readOnly {
		return nil
	}

	for _, it := range items {
		m.acks.gather.Add(it.Num)
	}

	if m.proven(m.acks.gather).Len() < m.ackLimit() {
		return nil
	}
	// Even if ctx has ended: what is delivered and recorded is acknowledged.
	if err := m.makeDurable(context.WithoutCancel(ctx)); err != nil {
		return err
	}
	m.sendFull()
	return nil
}

// ackLimit is how many acknowledgements fill a command.
func (m *mailbox) ackLimit() uint64 {
	if m.s.a.Expunge > 0 {
		// "expunge N" bounds what a lost connection can leave undeleted on the server, so it bounds a command
		// too.
		return min(ackCount, uint64(m.s.a.Expunge))
	}
	return ackCount
}

// sendFull acknowledges, without waiting, what was gathered and is not in doubt, as far as it fills commands.
func (m *mailbox) sendFull() {
	limit := m.ackLimit()
	for ready := m.proven(m.acks.gather); ready.Len() >= limit; {
		var part journal.Set
		part, ready = ready.Head(limit)
		m.acks.gather = m.acks.gather.Minus(part)
		m.sendAll(part, m.send)
	}
}

// sendAll calls send for parts of uids that fit into a command's line; settle collects the outcomes.
func (m *mailbox) sendAll(uids journal.Set, send func(journal.Set, chan<- ack)) {
	for !uids.IsEmpty() {
		var part journal.Set
		// A server with a MESSAGELIMIT processes only a part of a longer set.
		part, uids = headText(uids, min(uids.Len(), uint64(m.s.guard.messageLimit())))
		// One slot, so that the goroutine that answers ends even if a failed retrieval never asks for it.
		done := make(chan ack, 1)
		m.acks.sent = append(m.acks.sent, done)
		send(part, done)
	}
}

// send acknowledges uids in the account's way. imapclient's commands have to be drained while they run, hence
// the goroutine; it ends with the connection at the latest.
func (m *mailbox) send(uids journal.Set, done chan<- ack) {
	set, a := uidSet(uids), m.s.a

	switch {
	// The only one of the ways that is atomic: there is no moment at which the message is in both folders.
	case a.MoveTo != "" && m.s.has("MOVE"):
		cmd := m.s.client.Move(set, imapline.DecodeName(a.MoveTo))
		go func() {
			done <- ack{uids: uids, deleted: true}.after(func() error {
				_, err := cmd.Wait()
				return err
			})
		}()

	case a.MoveTo != "":
		cmd := m.s.client.Copy(set, imapline.DecodeName(a.MoveTo))
		go func() {
			a := ack{uids: uids, deleted: true}.after(func() error {
				_, err := cmd.Wait()
				if err == nil {
					m.remove(uids, done)
				}
				return err
			})
			if a.err != nil {
				done <- a
			}
		}()

	// \Seen only: for other mail programs, since the journal alone decides what is new to us.
	case a.Keep:
		cmd := m.s.client.Store(set, addFlags(imap.FlagSeen), nil)
		go func() { done <- ack{uids: uids}.after(cmd.Close) }()
	default:
		m.remove(uids, done)
	}
}

// remove marks uids as deleted and, if the server can, expunges exactly these. Without UIDPLUS, a bare
// EXPUNGE may follow later; see expunge.
func (m *mailbox) remove(uids journal.Set, done chan<- ack) {
	set := uidSet(uids)
	// \Seen too: where the expunge does not follow, the message must not look unread to the user's other
	// programs.
	store := m.s.client.Store(set, addFlags(imap.FlagSeen, imap.FlagDeleted), nil)
	if !m.s.has("UIDPLUS") {
		go func() { done <- ack{uids: uids, deleted: true}.after(store.Close) }()
		return
	}

	// Sent before the STORE is answered, which saves a round trip; the server runs them one after the other.
	expunge := m.s.client.UIDExpunge(set)
	expunged := make(chan ack, 1)
	go func() { // this command gets all EXPUNGE responses, even those before the answer to STORE
		n := uint64(0)
		a := ack{uids: uids, deleted: true}.after(func() error {
			for expunge.Next() != 0 {
				n++
			}
			return expunge.Close()
		})
		a.expunged = n
		expunged <- a
	}()

	go func() {
		// Both are always read: imapclient stops reading for all commands while one of them is not drained.
		marked := ack{}.after(store.Close)
		a := <-expunged
		a.err = errors.Join(marked.err, a.err)
		done <- a
	}()
}

// after returns the outcome once wait, which reads the answer to a command, has ended; a panic there is an
// error too.
func (a ack) after(wait func() error) (out ack) {
	out = a
	defer fault.Recover(&out.err)
	out.err = wait()
	return out
}

func addFlags(flags ...imap.Flag) *imap.StoreFlags {
	return &imap.StoreFlags{Op: imap.StoreFlagsAdd, Silent: true, Flags: flags}
}

// settle sends what is left, waits for all answers and writes into the journal what the server confirmed.
func (m *mailbox) settle(ctx context.Context) (deleted int, err error) {
	// Sync first: what is sent below makes the server forget messages.
	if err := m.makeDurable(ctx); err != nil {
		return 0, err
	}

	if !m.internal.IsEmpty() {
		// So that it is not retrieved again each time only to be recognised.
		if err := m.rec.Adopt(ctx, m.internal); err != nil {
			return 0, fetch.Fail(fetch.KindJournal, err)
		}
	}
	if !m.readOnly {
		if err := m.sendRest(ctx); err != nil {
			return 0, err
		}
	}

	var confirmed, removed journal.Set
	var expunged uint64
	for _, ch := range m.acks.sent {
		a := <-ch
		if a.err != nil {
			err = errors.Join(err, m.notAcknowledged(a.err))
			continue
		}
		confirmed.AddSet(a.uids)
		if a.deleted {
			removed.AddSet(a.uids)
			expunged += a.expunged
		}
	}

	m.acks.sent = nil
	// MOVE has expunged them itself.
	if !removed.IsEmpty() && !(m.s.a.MoveTo != "" && m.s.has("MOVE")) {
		left, xerr := m.finishExpunge(removed, expunged)
		// What is still there stays pending: it is deleted again next time, and never delivered again.
		if confirmed = confirmed.Minus(left); err == nil {
			err = xerr
		}
	}

	gone := removed.And(confirmed)
	// Recorded even after an error: what the server did confirm is true, whatever else failed.
	if jerr := m.vacateDeleted(ctx, gone); jerr != nil {
		err = errors.Join(err, jerr)
	}
	if told := confirmed.Minus(gone); !told.IsEmpty() {
		if jerr := m.rec.Acknowledged(ctx, told); jerr != nil {
			err = errors.Join(err, fetch.Fail(fetch.KindJournal, jerr))
		}
	}

	return int(gone.Len()), err
}

// sendRest acknowledges, without waiting for the answers, all that is left. No FETCH is under way any more.
func (m *mailbox) sendRest(ctx context.Context) error {
	if err := m.deleteBack(ctx); err != nil {
		return err
	}

	m.sendFull()
	// The rest together with those of earlier retrievals, as it is the same command.
	ready := m.proven(union(m.acks.gather, m.acks.pending))
	doubted := m.acks.gather.Minus(ready)
	m.acks.gather = journal.Set{}
	m.sendAll(ready, m.send)

	if err := m.leaveDoubted(ctx, doubted); err != nil {
		return err
	}

	m.sendAll(m.flushed, m.remove)
	return nil
}

// notAcknowledged says why the server did not take an acknowledgement.
func (m *mailbox) notAcknowledged(err error) error {
	switch {
	case m.s.a.MoveTo != "":
	case m.s.a.Keep:
		return m.s.failed("mark what was delivered as read", err)
	default:
		return m.s.failed("delete what was delivered (it does not come again)", err)
	}
	// TRYCREATE, or NONEXISTENT from servers with the codes of RFC 5530, means that there is no such folder.
	// We make none: the name may be a slip of the pen.
	failed := m.s.failed("move to "+m.s.conn.Quoted([]byte(m.s.a.MoveTo)), err)
	var refused *imap.Error
	if errors.As(err, &refused) && (refused.Code == imap.ResponseCodeTryCreate ||
		refused.Code == imap.ResponseCodeNonExistent) {
		failed = hints.Add(failed, "make that folder on the server, or check moveto in the rc file")
	}
	return failed
}

// makeDurable syncs the records of messages that were delivered, by this retrieval and by earlier ones, and
// that the server is about to forget: a power failure could still take them.
func (m *mailbox) makeDurable(ctx context.Context) error {
	told := union(m.acks.gather, m.acks.pending)
	if m.flushed.IsEmpty() && (told.IsEmpty() || !m.forgets()) {
		return nil
	}
	return fetch.Fail(fetch.KindJournal, m.rec.Sync(ctx))
}

// abandon waits for the commands that a failed retrieval has left under way, before another mailbox is
// selected: a COPY is followed by commands whose UIDs would mean messages there. What was not settled is
// acknowledged again next time.
func (m *mailbox) abandon() {
	for _, ch := range m.acks.sent {
		<-ch
	}
	m.acks.sent = nil
}

// finishExpunge makes sure that our deleted messages are expunged; the server has reported the number
// expunged of them so far. It returns those that are still there.
func (m *mailbox) finishExpunge(ours journal.Set, expunged uint64) (left journal.Set, err error) {
	switch {
	case !m.s.has("UIDPLUS"):
		return m.expunge(ours)
	case expunged < ours.Len():
		return m.expungeAgain(ours)
	}
	return journal.Set{}, nil
}

// expungeAgain finds the messages that are left after UID EXPUNGE, and repeats the command for them. Dovecot
// (2.3.19), while it is still reporting an earlier expunge, executes the next one before it has noticed the
// \Deleted flags that were set just before: it answers OK and removes nothing.
func (m *mailbox) expungeAgain(ours journal.Set) (left journal.Set, err error) {
	if left, err = m.s.exists(ours); err != nil {
		return ours, err
	}
	if left.IsEmpty() {
		return left, nil
	}

	for todo := left; !todo.IsEmpty(); {
		var part journal.Set
		part, todo = headText(todo, todo.Len())
		if err := m.s.client.UIDExpunge(uidSet(part)).Close(); err != nil {
			return left, m.s.failed("expunge", err)
		}
	}

	rest, err := m.s.exists(left)
	if err != nil {
		return left, err
	}

	m.warnKept(rest)
	return rest, nil
}

// expunge removes our deleted messages on a server that can only expunge all deleted ones. If another client
// has marked messages too, nothing is expunged, since those are not ours to remove. It returns what is left.
func (m *mailbox) expunge(ours journal.Set) (left journal.Set, err error) {
	// Asked right before the EXPUNGE. Another client may still mark a message in between; nothing without
	// UIDPLUS can prevent that.
	marked, err := m.s.search(imap.SearchCriteria{Flag: []imap.Flag{imap.FlagDeleted}})
	if err != nil {
		return ours, err
	}
	if others := marked.Minus(ours); !others.IsEmpty() {
		m.s.a.Log.Warn(fetch.EventNotExpunged, "account", m.s.a.Name,
			"mailbox", m.name, "others", others.Len())
		return ours.And(marked), nil
	}

	reported, err := m.s.client.Expunge().Collect()
	if err != nil {
		return ours, m.s.failed("expunge", err)
	}
	// Fewer reports than messages is not proof of failure, so only then is it worth another question.
	if uint64(len(reported)) >= ours.Len() {
		return journal.Set{}, nil
	}

	left, err = m.s.exists(ours)
	m.warnKept(left)
	return left, err
}

// warnKept warns, once for each, of messages that the server keeps although it said that it removed them.
// Each retrieval tries again.
func (m *mailbox) warnKept(left journal.Set) {
	if n := left.Minus(m.acks.pending).Len(); n > 0 {
		m.s.a.Log.Warn(fetch.EventKept, "account", m.s.a.Name, "mailbox", m.name, "count", n)
	}
}
