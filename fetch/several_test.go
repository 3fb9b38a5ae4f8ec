package fetch

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"fetchd/delivery"
	"fetchd/fetch/fetchtest"
)

// noting delivers to one who has the message at once, and then fails, until it is told not to.
type noting struct {
	delivery.Deliverer
	had  [][]string // at the beginning of each delivery
	fail bool
}

func (d *noting) Deliver(_ context.Context, m *delivery.Message) error {
	d.had = append(d.had, m.Had)
	if len(m.Had) > 0 && d.fail {
		return errors.New("the other is full")
	}
	if !d.fail {
		return nil
	}
	if err := m.Note([]string{"first"}); err != nil {
		return err
	}
	return &delivery.PartialError{Delivered: []string{"first"}, Err: errors.New("the other is full")}
}

// What a destination has noted outlives the process, and time in which it is tried in vain, or not at all.
func TestNotesOfDestinationsSurvive(t *testing.T) {
	t.Parallel()
	j := fetchtest.OpenJournal(t)
	now := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	d := &noting{fail: true}
	pass := func(wait time.Duration) {
		now = now.Add(wait)
		s := &fakeServer{&story{}, []*fakeMailbox{{story: &story{}, name: "a", n: 1}}}
		a := &Account{
			Name: "ann@h", Key: "key", Log: slog.New(slog.DiscardHandler), Journal: j,
			Now:    func() time.Time { return now },
			Server: Server{Connect: func(context.Context, *Account) (Session, error) { return s, nil }},
			// several recipients, so that who has it is remembered
			Delivery: Delivery{Deliverer: d, Recipients: []string{"ann", "bob"}},
		}
		if _, err := Retrieve(t.Context(), a); (err != nil) != d.fail {
			t.Errorf("%v", err)
		}
	}
	const day = 24 * time.Hour
	for _, wait := range []time.Duration{0, time.Hour, 50 * day, 50 * day, 50 * day} {
		pass(wait)
	}
	d.fail = false
	pass(50 * day)
	if note, err := j.Shares(t.Context(), "key"); len(note) > 0 || err != nil {
		t.Errorf("still noted: %q, %v", note, err)
	}
	want := [][]string{nil, {"first"}, {"first"}, {"first"}, {"first"}, {"first"}}
	if !slices.EqualFunc(d.had, want, slices.Equal) {
		t.Errorf("had %q, want %q", d.had, want)
	}
}

// A mailbox with a destination of its own goes there; INBOX is the same in any case, and a maildrop's name.
func TestMailboxesHaveDestinations(t *testing.T) {
	t.Parallel()
	rest, inbox, spam := &noting{}, &noting{}, &noting{}
	a := &Account{Delivery: Delivery{Deliverer: rest, Folders: map[string]delivery.Deliverer{"INBOX": inbox,
		"Spam": spam}}}
	for mailbox, want := range map[string]*noting{
		"Spam": spam, "spam": rest, "INBOX": inbox, "inbox": inbox, "": inbox, "Spam/2": rest,
	} {
		if got := a.delivererOf(mailbox); got != want {
			t.Errorf("%q goes elsewhere", mailbox)
		}
	}
	several := delivery.NewSeveral([]delivery.Destination{{Deliverer: rest}, {Deliverer: spam}})
	a.Folders["Spam"] = several
	if !a.hasSeveral() {
		t.Error("who has a message of one folder is not remembered")
	}
}

// A destination that can't be used keeps no mail from those of other folders.
func TestFoldersOfOtherDestinations(t *testing.T) {
	t.Parallel()
	told := &story{}
	down := &delivery.Error{Class: delivery.Unusable, Err: errors.New("nobody answers")}
	var boxes []*fakeMailbox
	for _, name := range []string{"a", "b", "c", "d"} {
		boxes = append(boxes, &fakeMailbox{story: told, name: name, n: 1})
	}
	broken := &fakeDeliverer{story: told, refuse: map[string]error{"1": down}}
	works := &fakeDeliverer{story: told}
	a := &Account{
		Name: "ann@h", Key: "key", Log: slog.New(slog.DiscardHandler), Journal: fetchtest.OpenJournal(t),
		Server: Server{Connect: func(context.Context, *Account) (Session, error) {
			told.tell("connect")
			return &fakeServer{told, boxes}, nil
		}},
		Delivery: Delivery{Deliverer: works, Recipients: []string{"ann"},
			Folders: map[string]delivery.Deliverer{"b": broken, "c": broken}},
	}

	res, err := Retrieve(t.Context(), a)
	if !delivery.EndsRetrieval(err) || res.Delivered != 2 || res.Failed != 1 {
		t.Errorf("%+v, %v", res, err)
	}
	opened := slices.DeleteFunc(told.lines, func(e string) bool {
		return e != "connect" && !strings.HasPrefix(e, "open")
	})
	if got := strings.Join(opened, ", "); got != "connect, open a, open b, connect, open d" {
		t.Error(got)
	}
}

// A destination that stands alone now gets nothing again that it got when another stood beside it.
func TestLoneDestinationHasItsMail(t *testing.T) {
	t.Parallel()
	j := fetchtest.OpenJournal(t)
	told := &story{}
	first := &fakeDeliverer{story: told}
	second := &fakeDeliverer{story: told, refuse: map[string]error{"1": errors.New("full")}}
	both := delivery.NewSeveral([]delivery.Destination{
		{Key: "a", Deliverer: first}, {Key: "b", Deliverer: second},
	})
	pass := func(to delivery.Deliverer, key string) (delivered int, got string) {
		told.lines = nil
		s := &fakeServer{&story{}, []*fakeMailbox{{story: &story{}, name: "x", n: 1}}}
		a := &Account{
			Name: "ann@h", Key: "key", Log: slog.New(slog.DiscardHandler), Journal: j,
			Server:   Server{Connect: func(context.Context, *Account) (Session, error) { return s, nil }},
			Delivery: Delivery{Deliverer: to, Keys: map[string]string{"": key}, Recipients: []string{"ann"}},
		}
		res, _ := Retrieve(t.Context(), a)
		return res.Delivered, told.String()
	}

	if n, got := pass(both, ""); n != 0 || got != "deliver 1; deliver 1" {
		t.Errorf("to both: %d, %s", n, got)
	}
	if n, got := pass(second, "b"); n != 0 || got != "deliver 1" {
		t.Errorf("to the one that refused it: %d, %s", n, got)
	}
	if n, got := pass(first, "a"); n != 1 || got != "" {
		t.Errorf("to the one that has it: %d, %s", n, got)
	}
	if notes, err := j.Shares(t.Context(), "key"); len(notes) != 0 || err != nil {
		t.Errorf("still noted: %q, %v", notes, err)
	}
}
