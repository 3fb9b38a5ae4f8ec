package fetch

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"time"
)

// lastInLineTime is how long a message that could not be delivered lets the others pass.
const lastInLineTime = time.Hour

// lastInLine remembers which messages of an account could not be delivered, so that they don't use up its
// FetchLimit, or the first session of its Expunge, pass after pass, and keep the messages behind them from
// ever coming. Of an account with neither it remembers those that are too large for the room that there is,
// at which a pass may end. It is a note in the journal, so that a single pass knows of it too. It decides no
// more than the order: when nothing else is new, or an hour has gone, they are tried again.
type lastInLine struct {
	limited bool                     // there is a FetchLimit, or an Expunge
	failed  map[refusedKey]time.Time // when they were tried
	waiting map[refusedKey]bool      // left out of this retrieval
	now     map[refusedKey]bool      // failed in this retrieval, which may have several sessions
	text    string                   // what the journal has
}

func lastInLineNote(a *Account) string { return a.Key + " last in line" }

// recallLastInLine reads the note; what can't be read is forgotten. It returns nil without a journal.
func (a *Account) recallLastInLine(ctx context.Context) *lastInLine {
	if a.Journal == nil {
		return nil
	}

	text, err := a.Journal.Note(ctx, lastInLineNote(a))
	var list []keptMessage
	if err == nil && text != "" {
		err = json.Unmarshal([]byte(text), &list)
	}
	if err != nil {
		a.Log.Warn(EventForgotten, "account", a.Name, "err", err)
	}

	l := &lastInLine{
		limited: a.FetchLimit > 0 || a.Expunge > 0,
		failed:  map[refusedKey]time.Time{}, waiting: map[refusedKey]bool{}, now: map[refusedKey]bool{},
		text: text,
	}

	for _, m := range list {
		if a.now().Sub(m.Last) < forgetTime {
			l.failed[refusedKey{m.Mailbox, Ref{m.UIDValidity, string(m.UID)}}] = m.Last
		}
	}

	return l
}

// wait returns the messages of a mailbox with so many new ones that let the others pass.
func (l *lastInLine) wait(mailbox string, fresh int, now time.Time) []Ref {
	if l == nil {
		return nil
	}

	var refs []Ref
	for key, last := range l.failed {
		if key.mailbox == mailbox && !l.now[key] && now.Sub(last) < lastInLineTime {
			refs = append(refs, key.Ref)
		}
	}

	if fresh <= len(refs) { // there are no others to let pass
		return nil
	}

	for _, ref := range refs {
		l.waiting[refusedKey{mailbox, ref}] = true
	}

	return refs
}

// tried takes in what became of the messages of a mailbox that did not wait.
func (l *lastInLine) tried(mailbox string, failed []failure, now time.Time) {
	if l == nil {
		return
	}

	for key := range l.failed {
		// It was tried, and is not among those that failed: it came, or the user has deleted it.
		if key.mailbox == mailbox && !l.waiting[key] && !l.now[key] {
			delete(l.failed, key)
		}
	}

	for _, f := range failed {
		// Only the order is lost beyond the bound: those messages are tried with the others.
		if (l.limited || f.tooLarge) && len(l.failed) < refusedMost {
			key := refusedKey{mailbox, f.Ref}
			l.failed[key], l.now[key] = now, true
		}
	}
}

// keepLastInLine writes the note if it has changed.
func (a *Account) keepLastInLine(l *lastInLine) {
	if l == nil {
		return
	}

	list := make([]keptMessage, 0, len(l.failed))
	for key, last := range l.failed {
		list = append(list, keptMessage{key.mailbox, key.UIDValidity, []byte(key.UID), last})
	}

	// A map has no order, and the text is compared with what the journal has.
	slices.SortFunc(list, func(a, b keptMessage) int {
		return cmp.Or(cmp.Compare(a.Mailbox, b.Mailbox), cmp.Compare(a.UIDValidity, b.UIDValidity),
			slices.Compare(a.UID, b.UID))
	})

	var text []byte
	var err error
	if len(list) > 0 {
		text, err = json.Marshal(list)
	}
	if err == nil && string(text) != l.text {
		// Not ctx: it may have ended, and what was learnt by this pass would be lost.
		err = a.Journal.SetNote(context.Background(), lastInLineNote(a), string(text))
	}
	if err != nil {
		a.Log.Warn(EventNotKept, "account", a.Name, "err", err)
	}
}
