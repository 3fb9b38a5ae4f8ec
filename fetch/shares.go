package fetch

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"fetchd/delivery"
)

// shares remembers of messages that some recipients have and others don't who has them, so that only the
// others are tried again. The journal has a note of each, written before anything else is done, so that a
// single pass knows of it too. An account with one recipient needs none. A nil shares is one that nothing is
// known of.
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

	awaits []string // keys of the destinations that don't have it because they can't be used
}

// id is the journal's name for the message: a UIDL may be any bytes.
func (k refusedKey) id() string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%q %d %q", k.mailbox, k.UIDValidity, k.UID))
	return hex.EncodeToString(sum[:16])
}

// recall reads the note, once. Without it a message might come twice, so an error ends the retrieval.
func (s *shares) recall(ctx context.Context, a *Account) error {
	if s == nil || !a.hasSeveral() && len(a.Keys) == 0 || a.Journal == nil {
		return nil
	}

	s.mu.Lock()
	defer s.mu.Unlock()
	if s.a != nil {
		return nil
	}

	notes, err := a.Journal.Shares(ctx, a.Key)
	if err != nil {
		return Fail(KindJournal, err)
	}

	had := make(map[refusedKey]*share, len(notes))
	for id, text := range notes {
		h := new(share)
		if err := json.Unmarshal([]byte(text), h); err != nil {
			return Fail(KindJournal, err)
		}
		if a.now().Sub(h.Last) < sharesForget {
			had[refusedKey{h.Mailbox, Ref{h.UIDValidity, string(h.UID)}}] = h
			continue
		}
		// It is gone from the server, as it would have been tried again.
		if err := a.Journal.SetShare(ctx, a.Key, id, ""); err != nil {
			return Fail(KindJournal, err)
		}
	}

	s.a, s.had = a, had
	return nil
}

// left are the recipients that don't have the message yet, at a destination that was called key as one of
// several.
func (s *shares) left(mailbox string, it *Item, key string, recipients []string) []string {
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
		return slices.Contains(h.Recipients, r) || slices.Contains(h.Recipients, delivery.NameAt(key, r))
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
		key := refusedKey{mailbox, it.ref()}
		s.add(key, delivered)
		return s.write(ctx, key)
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

	for i, it := range items {
		key := refusedKey{mailbox, it.ref()}
		if err := s.noteOne(ctx, key, results[i]); err != nil {
			return err
		}
		s.setAwaited(key, delivery.Awaits(results[i]))
	}
	return nil
}

// noteOne is note for one message; s.mu is held.
func (s *shares) noteOne(ctx context.Context, key refusedKey, result error) error {
	partial, isPartial := errors.AsType[*delivery.PartialError](result)
	switch {
	case isPartial && len(partial.Delivered) > 0:
		if !s.add(key, partial.Delivered) {
			return nil
		}
	case s.had[key] == nil:
		return nil
	case result == nil:
		delete(s.had, key)
	case HasPassed(setAsideTime, s.had[key].Last, s.a.now()): // still there, and not to be forgotten
		s.had[key].Last = s.a.now()
	default:
		return nil
	}
	return s.write(ctx, key)
}

// add notes who has a message, and tells whether that is worth writing: most was noted when it happened.
func (s *shares) add(key refusedKey, recipients []string) (changed bool) {
	h := s.had[key]
	if h == nil {
		h = &share{Mailbox: key.mailbox, UIDValidity: key.UIDValidity, UID: []byte(key.UID)}
		s.had[key] = h
	}

	now := s.a.now()
	changed = HasPassed(setAsideTime, h.Last, now)
	for _, r := range recipients {
		if !slices.Contains(h.Recipients, r) {
			h.Recipients, changed = append(h.Recipients, r), true
		}
	}
	if changed {
		h.Last = now
	}
	return changed
}

// write writes the note of a message; one that all have needs none.
func (s *shares) write(ctx context.Context, key refusedKey) error {
	text := []byte(nil)
	var err error
	if h := s.had[key]; h != nil {
		text, err = json.Marshal(h)
	}
	if err == nil {
		err = s.a.Journal.SetShare(ctx, s.a.Key, key.id(), string(text))
	}
	return Fail(KindJournal, err)
}
