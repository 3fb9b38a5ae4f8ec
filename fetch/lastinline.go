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
// FetchLimit, or the first sessions of its Expunge over POP3, pass after pass, and keep the messages behind
// them from ever coming. Of an account with neither it remembers those that are too large for the room that
// there is, at which a pass may end. It is a note in the journal, so that a single pass knows of it too. It
// decides no more than the order: when nothing else is new, or an hour has gone, they are tried again.
type lastInLine struct {
	failed  map[refusedKey]time.Time // when they were tried
	resting bool                     // some of them in the last retrieval: this one is for the others
	crowded bool                     // they would use up the limit, and other mailboxes get nothing
	due     []Ref                    // of the mailbox, to be tried again; who has waited longest is first
	now     map[refusedKey]bool      // failed in this retrieval, which may have several sessions
	text    string                   // what the journal has
}

// keptFailure is how the journal has one.
type keptFailure struct {
	keptMessage
	Lately bool `json:"lately,omitempty"` // it failed in the last retrieval
}

func lastInLineNote(a *Account) string { return a.Key + " last in line" }

// recallLastInLine reads the note; what can't be read is forgotten. It returns nil without a journal.
func (a *Account) recallLastInLine(ctx context.Context) *lastInLine {
	if a.Journal == nil {
		return nil
	}

	text, err := a.Journal.Note(ctx, lastInLineNote(a))
	var list []keptFailure
	if err == nil && text != "" {
		err = json.Unmarshal([]byte(text), &list)
	}
	if err != nil {
		a.Log.Warn(EventForgotten, "account", a.Name, "err", err)
	}

	l := &lastInLine{
		failed: map[refusedKey]time.Time{}, now: map[refusedKey]bool{}, text: text,
	}

	for _, m := range list {
		if a.now().Sub(m.Last) < obstacleTime {
			l.failed[refusedKey{m.Mailbox, m.ref()}] = m.Last
			l.resting = l.resting || m.Lately
		}
	}

	return l
}

// crowd is told how many messages a pass over so many mailboxes may have, 0 = any number.
func (l *lastInLine) crowd(limit, mailboxes int) {
	if l != nil {
		l.crowded = limit > 0 && mailboxes > 1 && len(l.failed) >= limit
	}
}

// wait returns the messages of a mailbox with so many new ones that let the others pass.
func (l *lastInLine) wait(mailbox string, m Leaver, fresh int, now time.Time) []Ref {
	if l == nil {
		return nil
	}

	failedAt := func(ref Ref) time.Time { return l.failed[refusedKey{mailbox, ref}] }
	var waiting, due []Ref
	for _, ref := range l.stillNew(mailbox, m) {
		switch {
		case l.now[refusedKey{mailbox, ref}]:
		case l.resting || !HasPassed(lastInLineTime, failedAt(ref), now):
			waiting = append(waiting, ref)
		default:
			due = append(due, ref)
		}
	}
	// There are no others to let pass, unless they are in other mailboxes.
	if fresh <= len(waiting) && !(l.resting && l.crowded) {
		waiting, due = nil, waiting
	}

	slices.SortFunc(due, func(a, b Ref) int { return failedAt(a).Compare(failedAt(b)) })
	l.due = due
	return waiting
}

// surplus returns those that are to be tried again for which a limit of n messages has no room: those that
// were tried longest ago come first, or they would never be tried again.
func (l *lastInLine) surplus(n int) []Ref {
	if l == nil {
		return nil
	}
	return l.due[min(max(0, n), len(l.due)):]
}

// stillNew returns the messages of a mailbox that could not be delivered, and forgets those that are not new
// any more: they came, or the user has deleted them.
func (l *lastInLine) stillNew(mailbox string, m Leaver) []Ref {
	var refs []Ref
	for key := range l.failed {
		if key.mailbox == mailbox {
			refs = append(refs, key.Ref)
		}
	}
	if len(refs) == 0 { // the usual case
		return nil
	}

	fresh := m.New(refs)
	isNew := make(map[Ref]bool, len(fresh))
	for _, ref := range fresh {
		isNew[ref] = true
	}
	for _, ref := range refs {
		if key := (refusedKey{mailbox, ref}); !l.now[key] && !isNew[ref] {
			delete(l.failed, key)
		}
	}
	return fresh
}

// tried takes in which messages of a mailbox have failed; limited says that a session takes only so many.
func (l *lastInLine) tried(mailbox string, failed []failure, limited bool, now time.Time) {
	if l == nil {
		return
	}

	for _, f := range failed {
		// Only the order is lost beyond the bound: those messages are tried with the others.
		if (limited || f.tooLarge) && len(l.failed) < refusedMost {
			key := refusedKey{mailbox, f.place}
			l.failed[key], l.now[key] = now, true
		}
	}
}

// keepLastInLine writes the note if it has changed.
func (a *Account) keepLastInLine(l *lastInLine) {
	if l == nil {
		return
	}

	list := make([]keptFailure, 0, len(l.failed))
	for key, last := range l.failed {
		m := keptMessage{key.mailbox, key.UIDValidity, []byte(key.UID), last}
		list = append(list, keptFailure{m, l.now[key]})
	}

	// A map has no order, and the text is compared with what the journal has.
	slices.SortFunc(list, func(a, b keptFailure) int {
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
