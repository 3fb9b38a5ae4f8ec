package imap

import (
	"context"
	"errors"
	"io"
	"strconv"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"

	"fetchd/delivery"
	"fetchd/fetch"
	"fetchd/fetch/journal"
)

// fieldsPage is the number of messages of which fields of the header are asked for at once.
const fieldsPage = 500

func (m *mailbox) ref(uid uint32) fetch.Ref {
	return fetch.Ref{UIDValidity: m.validity, UID: strconv.FormatUint(uint64(uid), 10)}
}

// uids are the UIDs of those messages that are of this mailbox. Under another UIDVALIDITY the same number is
// another message.
func (m *mailbox) uids(messages []fetch.Ref) (set journal.Set) {
	for _, ref := range messages {
		uid, err := strconv.ParseUint(ref.UID, 10, 32)
		if err == nil && ref.UIDValidity == m.validity {
			set.Add(uint32(uid))
		}
	}
	return set
}

// Judgeable implements fetch.Excluder.
func (m *mailbox) Judgeable() (all []fetch.Ref) {
	set := m.todo.Clone()
	if m.s.a.LimitFlush {
		for _, it := range m.counts.Oversized {
			set.Add(it.Num)
		}
	}
	for _, r := range set.Ranges() {
		for uid := uint64(r.First); uid <= uint64(r.Last); uid++ { // Last may be the greatest there is
			all = append(all, m.ref(uint32(uid)))
		}
	}
	return all
}

// Spare implements fetch.Excluder.
func (m *mailbox) Spare(messages []fetch.Ref) { m.flushed = m.flushed.Minus(m.uids(messages)) }

// Headers implements fetch.Excluder. A server that refuses to give them has told of no message.
func (m *mailbox) Headers(
	_ context.Context, of []fetch.Ref, names []string, each func(fetch.Ref, []byte),
) error {
	for left := m.uids(of); !left.IsEmpty(); {
		var part journal.Set
		part, left = headText(left, uint64(min(fieldsPage, m.s.guard.messageLimit())))
		came, err := m.fields(part, names, each)
		var refused *imap.Error
		if errors.As(err, &refused) && m.s.conn.Err() == nil {
			m.s.a.Log.Debug("headers refused", "account", m.s.a.Name, "mailbox", m.name, "err", refused.Text)
			continue
		}
		if err != nil {
			return m.endedAt(part.Minus(came), m.s.failed("fetch headers", err))
		}
	}
	return nil
}

// endedAt adds to err the message at which the session ended, perhaps as it does each time: the next of those
// that did not come.
func (m *mailbox) endedAt(missing journal.Set, err error) error {
	if missing.IsEmpty() {
		return err
	}
	ref := m.ref(missing.Ranges()[0].First)
	return fetch.At(&fetch.Item{UID: ref.UID, UIDValidity: ref.UIDValidity}, err)
}

// fields asks for fields of the headers of uids, and returns of which an answer came.
func (m *mailbox) fields(
	uids journal.Set, names []string, each func(fetch.Ref, []byte),
) (came journal.Set, err error) {
	cmd := m.s.client.Fetch(uidSet(uids), &imap.FetchOptions{
		UID: true,
		// The guard takes a response without it for news of flags.
		RFC822Size: true,
		BodySection: []*imap.FetchItemBodySection{
			{Specifier: imap.PartSpecifierHeader, HeaderFields: names, Peek: true},
		},
	})

	for msg := cmd.Next(); msg != nil; msg = cmd.Next() {
		uid, header, err := readFields(msg)
		// imapclient's reader goes on as soon as a literal fails, and Close would read beside it
		if err != nil {
			_ = m.s.conn.Break(err)
			<-m.s.client.Closed()
			_ = cmd.Close()
			return came, err
		}
		// A server may send what nobody asked for.
		if header != nil && uids.Contains(uid) {
			each(m.ref(uid), header)
		}
		came.Add(uid)
	}
	return came, cmd.Close()
}

// readFields reads what comes of a message; nil = no header came.
func readFields(msg *imapclient.FetchMessageData) (uid uint32, header []byte, err error) {
	for data := msg.Next(); data != nil; data = msg.Next() {
		switch data := data.(type) {
		case imapclient.FetchItemDataUID:
			uid = uint32(data.UID)
		case imapclient.FetchItemDataBodySection:
			if data.Literal == nil || !isHeader(data.Section) {
				continue
			}
			header, err = io.ReadAll(io.LimitReader(data.Literal, delivery.HeaderLimit))
			if err == nil {
				// What is beyond the limit is read too: behind it comes the rest of the response.
				_, err = io.Copy(io.Discard, data.Literal)
			}
			if err != nil {
				return 0, nil, err
			}
		}
	}
	return uid, header, nil
}
