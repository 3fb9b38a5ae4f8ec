package fetch

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"time"

	"fetchd/fetch/journal"
)

// Waiting is a message that stays on the server because it was refused, or can't be had.
type Waiting struct {
	Mailbox string
	Ref
	Last time.Time // when it was last tried
}

// WaitingMessages are those of the account that has this key in the journal: what its last retrieval has left
// there.
func WaitingMessages(ctx context.Context, j *journal.Journal, key string) ([]Waiting, error) {
	var k kept
	if err := readNote(ctx, j, key, &k); err != nil {
		return nil, err
	}

	list := k.Aside
	text, err := j.Obstacles(ctx, key)
	var o keptObstacles
	if err == nil && text != "" {
		err = json.Unmarshal([]byte(text), &o)
	}
	if err != nil {
		return nil, Fail(KindJournal, err)
	}
	for _, b := range o.List {
		if b.Deaths >= obstacleTries {
			list = append(list, b.keptMessage)
		}
	}

	all := make([]Waiting, len(list))
	for i, m := range list {
		all[i] = Waiting{m.Mailbox, m.ref(), m.Last}
	}
	sortWaiting(all)
	return all, nil
}

func sortWaiting(list []Waiting) {
	slices.SortFunc(list, func(a, b Waiting) int {
		return cmp.Or(cmp.Compare(a.Mailbox, b.Mailbox), cmp.Compare(a.UID, b.UID))
	})
}

// retryNote is the journal's name for the messages that somebody wants to be tried again.
func retryNote(key string) string { return key + " retry" }

// RequestRetry has the messages tried again by the next retrieval that obeys it, see ObeyRetry.
func RequestRetry(ctx context.Context, j *journal.Journal, key string, messages []Waiting) error {
	var list []keptMessage
	if err := readNote(ctx, j, retryNote(key), &list); err != nil {
		return err
	}
	for _, w := range messages {
		list = append(list, keptMessage{w.Mailbox, w.UIDValidity, []byte(w.UID), w.Last})
	}
	return writeNote(ctx, j, retryNote(key), list)
}

// readNote reads what is noted under that name; nothing changes nothing.
func readNote(ctx context.Context, j *journal.Journal, name string, what any) error {
	text, err := j.Note(ctx, name)
	if err == nil && text != "" {
		err = json.Unmarshal([]byte(text), what)
	}
	return Fail(KindJournal, err)
}

// writeNote notes what under that name, for readNote.
func writeNote(ctx context.Context, j *journal.Journal, name string, what any) error {
	text, err := json.Marshal(what)
	if err == nil {
		err = j.SetNote(ctx, name, string(text))
	}
	return Fail(KindJournal, err)
}

// ObeyRetry makes the account try again what was requested since the last time, and tells whether there was
// anything to try, or a decision about a mailbox that was stopped. Each request is obeyed once, by a running
// daemon or the next one; a single pass tries all anyway.
func (a *Account) ObeyRetry(ctx context.Context) bool {
	obeyed := a.recall(ctx)
	return a.takeRequest(ctx) || obeyed || a.isDecided(ctx)
}

// takeRequest is ObeyRetry once the Refusals are filled.
func (a *Account) takeRequest(ctx context.Context) bool {
	if a.Refusals == nil || a.Journal == nil {
		return false
	}

	var list []keptMessage
	err := readNote(ctx, a.Journal, retryNote(a.Key), &list)
	if err == nil && len(list) > 0 {
		a.Refusals.retry(list)
		err = a.Journal.SetNote(ctx, retryNote(a.Key), "")
	}
	if err != nil {
		a.Log.Warn(EventForgotten, "account", a.Name, "err", err)
	}
	return len(list) > 0
}

// retry forgets that these messages were set aside. Those that can't be had are all tried again.
func (m *Refusals) retry(messages []keptMessage) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, w := range messages {
		delete(m.refused, refusedKey{w.Mailbox, w.ref()})
	}
	m.tryAll = true
}
