package fetch

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"time"
)

// kept is the part of Refusals that outlives a daemon: what was set aside, and what the owner was told. It is
// a note in the journal. Failures that are not the message's own yet are counted from zero.
type kept struct {
	Aside      []keptMessage      `json:"aside,omitempty"`
	Login      bool               `json:"login,omitempty"`     // it is refused, and the owner was told so
	Told       time.Time          `json:"told,omitzero"`       // of messages that are too large
	Oversized  map[string][]int64 `json:"oversized,omitempty"` // their sizes, by mailbox
	Untold     []string           `json:"untold,omitempty"`
	UntoldMore int                `json:"untold_more,omitempty"`
}

type keptMessage struct {
	Mailbox     string    `json:"mailbox,omitempty"`
	UIDValidity uint32    `json:"uidvalidity,omitempty"`
	UID         []byte    `json:"uid"` // a UIDL may be any bytes
	Last        time.Time `json:"last"`
}

// recall fills the account's Refusals, before its first use, with what an earlier daemon knew. What can't be
// read is forgotten: then messages are tried again and notices repeated. It tells whether somebody has asked
// for that meanwhile.
func (a *Account) recall(ctx context.Context) (asked bool) {
	if a.Refusals == nil || a.Journal == nil {
		return false
	}

	m := a.Refusals
	m.keeping.Lock()
	defer m.keeping.Unlock()
	if m.recalled {
		return false
	}

	text, err := a.Journal.Note(ctx, a.Key)
	var k kept
	if err == nil && text != "" {
		err = json.Unmarshal([]byte(text), &k)
	}
	if ctx.Err() != nil { // the next retrieval tries again
		return false
	}

	// An unreadable note is not read again: each retrieval would warn of it.
	if m.recalled = true; err != nil {
		a.Log.Warn(EventForgotten, "account", a.Name, "err", err)
		return false
	}

	m.note = text
	m.fill(k)
	return a.takeRequest(ctx)
}

func (m *Refusals) fill(k kept) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.login, m.told, m.oversized = k.Login, k.Told, k.Oversized
	if m.retried { // before it was known what
		return
	}
	m.untold, m.untoldMore = k.Untold, k.UntoldMore
	m.refused = make(map[refusedKey]*refusal, len(k.Aside))
	for _, f := range k.Aside {
		key := refusedKey{f.Mailbox, Ref{f.UIDValidity, string(f.UID)}}
		m.refused[key] = &refusal{aside: true, last: f.Last}
	}
}

// keepRefusals writes into the journal what is worth keeping, if that has changed.
func (a *Account) keepRefusals() {
	if a.Refusals == nil || a.Journal == nil {
		return
	}

	m := a.Refusals
	m.keeping.Lock()
	defer m.keeping.Unlock()
	if !m.recalled { // else what an earlier daemon knew would be lost
		return
	}

	text, err := m.text()
	if err == nil && text == m.note {
		return
	}
	if err == nil {
		// Not a context of the retrieval: this is called at the end of the daemon too.
		err = a.Journal.SetNote(context.Background(), a.Key, text)
	}
	if err != nil {
		a.Log.Warn(EventNotKept, "account", a.Name, "err", err)
		return
	}

	// Only a note that was written is not written again.
	m.note = text
}

// text is what is to be kept, "" for nothing, and always the same for the same.
func (m *Refusals) text() (string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()

	k := kept{
		Login: m.login, Told: m.told, Oversized: m.oversized,
		Untold: m.untold, UntoldMore: m.untoldMore,
	}

	for key, r := range m.refused {
		if r.aside {
			k.Aside = append(k.Aside, keptMessage{key.mailbox, key.UIDValidity, []byte(key.UID), r.last})
		}
	}

	// The usual case. No text means that the journal has no note, and an idle poll writes nothing.
	if len(k.Aside)+len(k.Oversized)+len(k.Untold)+k.UntoldMore == 0 && !k.Login && k.Told.IsZero() {
		return "", nil
	}

	// A map has no order, and an unchanged note must give the same text.
	slices.SortFunc(k.Aside, func(a, b keptMessage) int {
		return cmp.Or(cmp.Compare(a.Mailbox, b.Mailbox), cmp.Compare(a.UIDValidity, b.UIDValidity),
			slices.Compare(a.UID, b.UID))
	})

	text, err := json.Marshal(k)
	return string(text), err
}
