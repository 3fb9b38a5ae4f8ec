package imap

import (
	"context"
	"errors"

	"github.com/emersion/go-imap/v2"

	"fetchd/fetch"
	"fetchd/fetch/journal"
)

// ackCount is how many acknowledgements are gathered into one command.
const ackCount = 256

// acks are the acknowledgements of one mailbox. Commands are sent while messages are still being received; their
// answers are read by goroutines that settle waits for.
type acks struct {
	pending journal.Set // of earlier retrievals
	gather  journal.Set // delivered, not yet sent
	sent    []chan ack
}

// ack is the outcome of one acknowledgement.
type ack struct {
	uids    journal.Set
	deleted bool
	err     error
}

// Acknowledge implements fetch.Mailbox.
func (m *mailbox) Acknowledge(_ context.Context, items []*fetch.Item) error {
	if m.readOnly {
		return nil
	}
	for _, it := range items {
		m.acks.gather.Add(it.Num)
	}
	limit := uint64(ackCount)
	if m.s.a.Expunge > 0 {
		limit = min(limit, uint64(m.s.a.Expunge))
	}
	if m.acks.gather.Len() >= limit {
		m.sendGathered()
	}
	return nil
}

// sendGathered acknowledges what was gathered, without waiting.
func (m *mailbox) sendGathered() {
	m.sendAll(m.acks.gather, m.send)
	m.acks.gather = journal.Set{}
}

// sendAll calls send for parts of uids that fit a command's line; their outcomes go to settle.
func (m *mailbox) sendAll(uids journal.Set, send func(journal.Set, chan<- ack)) {
	for !uids.IsEmpty() {
		var part journal.Set
		part, uids = headText(uids, uids.Len())
		done := make(chan ack, 1)
		m.acks.sent = append(m.acks.sent, done)
		send(part, done)
	}
}

// send acknowledges uids in the account's way. imapclient's commands have to be drained while they run, hence the
// goroutine; it ends with the connection at the latest.
func (m *mailbox) send(uids journal.Set, done chan<- ack) {
	set, a := uidSet(uids), m.s.a
	switch {
	case a.MoveTo != "" && m.s.has("MOVE"):
		cmd := m.s.client.Move(set, decodeUTF7(a.MoveTo))
		go func() {
			_, err := cmd.Wait()
			done <- ack{uids, true, err}
		}()
	case a.MoveTo != "":
		cmd := m.s.client.Copy(set, decodeUTF7(a.MoveTo))
		go func() {
			if _, err := cmd.Wait(); err != nil {
				done <- ack{uids, true, err}
				return
			}
			m.remove(uids, done)
		}()
	case a.Keep:
		cmd := m.s.client.Store(set, addFlags(imap.FlagSeen), nil)
		go func() { done <- ack{uids, false, cmd.Close()} }()
	default:
		m.remove(uids, done)
	}
}

// remove marks uids deleted and, where the server can expunge exactly these, does so. Without UIDPLUS a later bare
// EXPUNGE decides.
func (m *mailbox) remove(uids journal.Set, done chan<- ack) {
	set := uidSet(uids)
	store := m.s.client.Store(set, addFlags(imap.FlagSeen, imap.FlagDeleted), nil)
	if !m.s.has("UIDPLUS") {
		go func() { done <- ack{uids, true, store.Close()} }()
		return
	}
	expunge := m.s.client.UIDExpunge(set)
	expunged := make(chan error, 1)
	go func() { expunged <- expunge.Close() }() // it takes any EXPUNGE, also those that come before STORE is answered
	go func() {
		err := store.Close()
		done <- ack{uids, true, errors.Join(err, <-expunged)}
	}()
}

func addFlags(flags ...imap.Flag) *imap.StoreFlags {
	return &imap.StoreFlags{Op: imap.StoreFlagsAdd, Silent: true, Flags: flags}
}

// settle sends what is left, waits for all answers and writes into the journal what the server confirmed.
func (m *mailbox) settle(ctx context.Context) (deleted int, err error) {
	if !m.readOnly {
		m.acks.gather.AddSet(m.acks.pending)
		m.sendGathered()
		m.sendAll(m.flushed, m.remove)
	}
	var confirmed, removed journal.Set
	for _, ch := range m.acks.sent {
		a := <-ch
		if a.err != nil {
			err = errors.Join(err, m.s.failed("acknowledge", a.err))
			continue
		}
		confirmed.AddSet(a.uids)
		if a.deleted {
			removed.AddSet(a.uids)
		}
	}
	m.acks.sent = nil
	if err == nil && !removed.IsEmpty() && !m.s.has("UIDPLUS") && !(m.s.a.MoveTo != "" && m.s.has("MOVE")) {
		left, xerr := m.expunge(removed)
		confirmed, err = confirmed.Minus(left), xerr
	}
	if !confirmed.IsEmpty() {
		if jerr := m.rec.Acknowledged(ctx, confirmed); jerr != nil {
			err = errors.Join(err, fetch.Fail(fetch.KindJournal, jerr))
		}
	}
	return int(removed.And(confirmed).Len()), err
}

// expunge removes our deleted messages on a server that can only expunge all deleted ones. Where another client has
// deleted some too, nothing is expunged: they are not ours to remove. It returns what is left.
func (m *mailbox) expunge(ours journal.Set) (left journal.Set, err error) {
	marked, err := m.s.searched(m.s.sendSearch(&imap.SearchCriteria{Flag: []imap.Flag{imap.FlagDeleted}}))
	if err != nil {
		return ours, err
	}
	if others := marked.Minus(ours); !others.IsEmpty() {
		m.s.a.Log.Warn(fetch.EventNotExpunged, "account", m.s.a.Name, "mailbox", m.name, "others", others.Len())
		return ours.And(marked), nil
	}
	if err := m.s.client.Expunge().Close(); err != nil {
		return ours, m.s.failed("expunge", err)
	}
	return journal.Set{}, nil
}
