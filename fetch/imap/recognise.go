package imap

import (
	"context"
	"strconv"

	"fetchd/fetch"
	"fetchd/fetch/journal"
)

// recognised are messages that look new at the first contact and are not to be delivered.
type recognised struct {
	known     journal.Set
	delivered journal.Set // of known: the others are not, but the user wants them to count as such
}

// recognise finds them, and takes them out of v.found. An error means that it can't be told what is new, and
// that nothing may be recorded of the mailbox.
func (m *mailbox) recognise(ctx context.Context, v *view) (r recognised, err error) {
	if m.moved == 0 && m.rec.Repeat() { // a first contact that was cut off: it was here a moment ago
		return r, nil
	}

	var uids []string
	for _, part := range v.found.Ranges() {
		for uid := uint64(part.First); uid <= uint64(part.Last); uid++ { // Last may be the greatest there is
			uids = append(uids, strconv.FormatUint(uid, 10))
		}
	}
	is, err := m.s.a.Recognise(ctx, fetch.Unknown{
		Mailbox: m.name, Separator: m.s.separator, UIDValidity: m.validity, New: uids,
		Delivered: int(m.moved),
		Flagged:   m.s.a.MarkSeen && !v.seen.IsEmpty(),
		Looks:     func(context.Context) (map[string]string, error) { return m.s.looks(v.found) },
	})
	if err != nil {
		return r, err
	}

	r.delivered = parseUIDs(is.Delivered)
	r.known = union(r.delivered, parseUIDs(is.Adopted))
	v.found = v.found.Minus(r.known)
	return r, nil
}

// recordDelivered records the messages that were delivered before. All that are known are adopted already: a
// crash in between must not make any of them new.
func (m *mailbox) recordDelivered(ctx context.Context, delivered journal.Set) error {
	if delivered.IsEmpty() {
		return nil
	}
	if err := m.rec.Claim(ctx); err != nil {
		return fetch.Fail(fetch.KindJournal, err)
	}
	return fetch.Fail(fetch.KindJournal, m.rec.Record(ctx, delivered, false, false))
}

// parseUIDs is the set of UIDs in decimal, as recognise wrote them.
func parseUIDs(uids []string) (set journal.Set) {
	for _, text := range uids {
		uid, _ := strconv.ParseUint(text, 10, 32)
		set.Add(uint32(uid))
	}
	return set
}

// looks asks what messages look like, by UID in decimal.
func (s *session) looks(uids journal.Set) (map[string]string, error) {
	out := map[string]string{}
	err := s.headerPages(uids, func(_ journal.Set, looks map[uint32]string) {
		for uid, is := range looks {
			if is != "" {
				out[strconv.FormatUint(uint64(uid), 10)] = is
			}
		}
	})
	return out, err
}
