package fetch

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"fetchd/fetch/fetchtest"
)

// endings is an account with some mailboxes that is polled by single passes.
type endings struct {
	*Account
	boxes []*fakeMailbox
}

func newEndings(t *testing.T, names string) *endings {
	e := &endings{}
	for name := range strings.FieldsSeq(names) {
		e.boxes = append(e.boxes, &fakeMailbox{name: name})
	}
	now := time.Date(2026, 11, 28, 0, 0, 0, 0, time.UTC)
	e.Account = &Account{
		Name: "ann@h", Key: "key", Log: slog.New(slog.DiscardHandler), Journal: fetchtest.OpenJournal(t),
		Now: func() time.Time { now = now.Add(time.Minute); return now },
	}
	return e
}

// pass gives the mailboxes that a pass opens, and its error.
func (e *endings) pass(t *testing.T) (string, error) {
	t.Helper()
	s := &fakeServer{&story{}, e.boxes}
	e.Connect = func(context.Context, *Account) (Session, error) { return s, nil }
	_, err := Retrieve(t.Context(), e.Account)
	var opened []string
	for line := range strings.SplitSeq(s.String(), "; ") {
		if name, ok := strings.CutPrefix(line, "open "); ok {
			opened = append(opened, name)
		}
	}
	return strings.Join(opened, " "), err
}

func (e *endings) noted(t *testing.T) string {
	t.Helper()
	text, err := e.Journal.Obstacles(t.Context(), e.Key)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// A mailbox at which the server ends the session keeps those behind it from coming twice, and is visited
// after them then, as long as it does so.
func TestMailboxThatEndsTheSession(t *testing.T) {
	t.Parallel()
	gone := Fail(KindNetwork, errors.New("examine: the server says BYE"))
	for _, tt := range []struct {
		name, ends string
		err        error
		want       []string // what the passes open
	}{
		{"one", "b", gone, []string{"a b", "a b", "a c d b", "a c d b"}},
		{"the first", "a", gone, []string{"a", "a", "b c d a", "b c d a"}},
		{"two take turns", "b c", gone,
			[]string{"a b", "a b", "a c", "a c", "a d b", "a d c", "a d b"}},
		{"no right to it", "b", Fail(KindAuth, errors.New("NO, BYE")), []string{"a b", "a b", "a c d b"}},
		{"out of step", "b", Fail(KindProtocol, errors.New("what")), []string{"a b", "a b", "a c d b"}},
		{"refused", "b", Fail(KindServer, errors.New("NO")), []string{"a b c d", "a b c d", "a b c d"}},
		{"the journal fails", "b", Fail(KindJournal, errors.New("disk")), []string{"a b", "a b", "a b"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			e := newEndings(t, "a b c d")
			for _, b := range e.boxes {
				if strings.Contains(tt.ends, b.name) {
					b.open = tt.err
				}
			}
			for i, want := range tt.want {
				if got, err := e.pass(t); got != want || err == nil {
					t.Errorf("pass %d opens %q, %v; want %q", i+1, got, err, want)
				}
			}

			for _, b := range e.boxes {
				b.open = nil
			}
			_, _ = e.pass(t)
			if got, err := e.pass(t); got != "a b c d" || err != nil || e.noted(t) != "" {
				t.Errorf("at last it opens %q, %v; noted %s", got, err, e.noted(t))
			}
		})
	}
}

// The error of a mailbox at which sessions end names it, and what can be done. It is no trouble of an account
// that has only one.
func TestErrorOfAMailboxThatEndsTheSession(t *testing.T) {
	t.Parallel()
	for names, want := range map[string]string{"a b": `each time "b" is opened`, "b": ""} {
		e := newEndings(t, names)
		e.boxes[len(e.boxes)-1].open = Fail(KindNetwork, errors.New("BYE"))
		for i := range 3 {
			_, err := e.pass(t)
			if err == nil || strings.Contains(err.Error(), "each time") != (i > 0 && want != "") ||
				i > 0 && !strings.Contains(err.Error(), want) {
				t.Errorf("%s: pass %d says %v", names, i+1, err)
			}
		}
		if (e.noted(t) == "") != (want == "") {
			t.Errorf("%s: noted %s", names, e.noted(t))
		}
	}
}

// It keeps no message from being tried at which sessions have ended.
func TestMailboxThatEndsTheSessionBesideAMessage(t *testing.T) {
	t.Parallel()
	e := newEndings(t, "a b")
	now := time.Date(2026, 11, 27, 0, 0, 0, 0, time.UTC)
	text, err := json.Marshal(keptObstacles{
		List:      []obstacle{{keptMessage: keptMessage{"a", 0, []byte("1"), now}, Deaths: 2}},
		Mailboxes: []mailboxEnd{{"b", 2, now}},
	})
	if err == nil {
		err = e.Journal.SetObstacles(t.Context(), e.Key, string(text))
	}
	if err != nil {
		t.Fatal(err)
	}

	e.boxes[1].open = Fail(KindNetwork, errors.New("BYE"))
	if got, err := e.pass(t); got != "a b a" || err == nil {
		t.Errorf("opens %q, %v", got, err)
	}
}
