package fetch

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"sync"
	"time"

	"fetchd/delivery"
)

// shares remembers of messages that some recipients have and others don't who has them, so that only the
// others are tried again. It is a note in the journal, written before anything else is done, so that a single
// pass knows of it too. An account with one recipient needs none. A nil shares is one that nothing is known
// of.
type shares struct {
	mu  sync.Mutex // guards what follows
	a   *Account   // nil = nothing was recalled
	had map[refusedKey]*share
}

// sharesForget is longer than a machine is off, after which a forgotten message would come twice.
const sharesForget = 60 * 24 * time.Hour

// share is one message.
type share struct {
	Mailbox     string    `json:"mailbox,omitempty"`
	UIDValidity uint32    `json:"uidvalidity,omitempty"`
	UID         []byte    `json:"uid"` // a UIDL may be any bytes
	Recipients  []string  `json:"recipients"`
	Last        time.Time `json:"last"`
}

// sharesNote is the journal's name for it, beside what Refusals keep under the account's own.
func sharesNote(a *Account) string { return a.Key + " shares" }

// recall reads the note, once. Without it a message might come twice, so an error ends the retrieval.
func (s *shares) recall(ctx context.Context, a *Account) error {
	if s == nil || !a.hasSeveral() || a.Journal == nil {
		return nil
	}

	s.mu.Lock()
	defer s.mu.Unlock()
	if s.a != nil {
		return nil
	}

	text, err := a.Journal.Note(ctx, sharesNote(a))
	var list []*share
	if err == nil && text != "" {
		err = json.Unmarshal([]byte(text), &list)
	}
	if err != nil {
		return Fail(KindJournal, err)
	}

	s.a, s.had = a, make(map[refusedKey]*share, len(list))
	for _, h := range list {
		// else it is gone from the server, as it would have been tried again
		if a.now().Sub(h.Last) < sharesForget {
			s.had[refusedKey{h.Mailbox, Ref{h.UIDValidity, string(h.UID)}}] = h
		}
	}

	return nil
}

// left are the recipients that don't have the message yet.
func (s *shares) left(mailbox string, it *Item, recipients []string) []string {
	if s == nil {
		return recipients
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	h := s.had[refusedKey{mailbox, it.ref()}]
	if h == nil {
		return recipients
	}
	return slices.DeleteFunc(slices.Clone(recipients), func(r string) bool {
		return slices.Contains(h.Recipients, r)
	})
}

// who are those that have the message, in the words of its destination.
func (s *shares) who(mailbox string, it *Item) []string {
	if s == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if h := s.had[refusedKey{mailbox, it.ref()}]; h != nil {
		return slices.Clone(h.Recipients)
	}
	return nil
}

// noter returns a function that notes who else has the message, before its delivery goes on; nil = nobody
// needs to know.
func (s *shares) noter(ctx context.Context, mailbox string, it *Item) func([]string) error {
	if s == nil {
		return nil
	}

	s.mu.Lock()
	defer s.mu.Unlock()
	if s.a == nil {
		return nil
	}

	return func(delivered []string) error {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.add(refusedKey{mailbox, it.ref()}, delivered)
		return s.write(ctx)
	}
}

// note remembers who got the items for which that is only some, and forgets those that all have.
func (s *shares) note(ctx context.Context, mailbox string, items []*Item, results []error) error {
	if s == nil {
		return nil
	}

	s.mu.Lock()
	defer s.mu.Unlock()
	if s.a == nil {
		return nil
	}

	changed := false
	for i, it := range items {
		key := refusedKey{mailbox, it.ref()}
		partial, isPartial := errors.AsType[*delivery.PartialError](results[i])
		switch {
		case isPartial && len(partial.Delivered) > 0:
			s.add(key, partial.Delivered)
		case s.had[key] == nil:
			continue
		case results[i] == nil:
			delete(s.had, key)
		case s.a.now().Sub(s.had[key].Last) > setAsideTime: // still there, and not to be forgotten
			s.had[key].Last = s.a.now()
		default:
			continue
		}
		changed = true
	}

	if !changed {
		return nil
	}

	return s.write(ctx)
}

func (s *shares) add(key refusedKey, recipients []string) {
	h := s.had[key]
	if h == nil {
		h = &share{Mailbox: key.mailbox, UIDValidity: key.UIDValidity, UID: []byte(key.UID)}
		s.had[key] = h
	}

	h.Last = s.a.now()
	for _, r := range recipients {
		if !slices.Contains(h.Recipients, r) {
			h.Recipients = append(h.Recipients, r)
		}
	}
}

// write writes the note.
func (s *shares) write(ctx context.Context) error {
	list := make([]*share, 0, len(s.had))
	for _, h := range s.had {
		list = append(list, h)
	}

	slices.SortFunc(list, func(a, b *share) int {
		return cmp.Or(cmp.Compare(a.Mailbox, b.Mailbox), cmp.Compare(a.UIDValidity, b.UIDValidity),
			slices.Compare(a.UID, b.UID))
	})

	// No shares are no note: most accounts never have one.
	text := []byte(nil)
	var err error
	if len(list) > 0 {
		text, err = json.Marshal(list)
	}
	if err == nil {
		err = s.a.Journal.SetNote(ctx, sharesNote(s.a), string(text))
	}

	return Fail(KindJournal, err)
}
