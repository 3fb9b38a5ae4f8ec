package fetch

import (
	"errors"
	"log/slog"
	"testing"
	"time"

	"fetchd/delivery"
	"fetchd/fetch/fetchtest"
)

// A request is obeyed once, whether it came before a daemon knew what is set aside or later, and for these
// messages alone.
func TestRetryRequests(t *testing.T) {
	t.Parallel()
	j := fetchtest.OpenJournal(t)
	account := func() *Account {
		return &Account{Name: "ann@h", Key: "key", Journal: j, Refusals: new(Refusals),
			Log: slog.New(slog.DiscardHandler)}
	}
	count := func(a *Account, mailbox string) int { return len(a.Refusals.aside(mailbox, time.Now())) }

	first := account()
	first.recall(t.Context())
	refused := &delivery.Error{Class: delivery.Permanent, Err: errors.New("no")}
	for _, uid := range []string{"1", "2", "3"} {
		it := &Item{UID: uid, UIDValidity: 7}
		first.Refusals.refuse("a", it, refused, time.Now())
		first.Refusals.setAside("a", []failure{{Ref: it.ref(), class: delivery.Permanent}}, false)
	}
	first.keepRefusals()

	all, err := WaitingMessages(t.Context(), j, "key")
	if err != nil || len(all) != 3 || all[0].Mailbox != "a" || all[0].Ref != (Ref{7, "1"}) {
		t.Fatalf("%+v, %v", all, err)
	}
	request := func(messages ...Waiting) {
		t.Helper()
		if err := RequestRetry(t.Context(), j, "key", messages); err != nil {
			t.Error(err)
		}
	}
	request(all[0])
	request(all[1])
	if !first.ObeyRetry(t.Context()) || count(first, "a") != 1 || first.ObeyRetry(t.Context()) {
		t.Errorf("%d are still set aside by a running daemon, or it obeys twice", count(first, "a"))
	}
	first.keepRefusals()

	request(all[2])
	next := account()
	if !next.ObeyRetry(t.Context()) || count(next, "a") != 0 || next.ObeyRetry(t.Context()) {
		t.Errorf("%d are still set aside by the next daemon, or it obeys twice", count(next, "a"))
	}
	if other := account(); other.ObeyRetry(t.Context()) {
		t.Error("obeyed for another time")
	}
	if single := (&Account{Key: "key", Journal: j}); single.ObeyRetry(t.Context()) {
		t.Error("a single pass obeys, which tries all anyway")
	}
}
