package fetch

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"fetchd/delivery"
	"fetchd/fetch/fetchtest"
)

// tracedSeries notes whom each message went to, and with which warning.
type tracedSeries struct {
	*fakeSeries
	got []string
}

func (d *tracedSeries) Deliver(ctx context.Context, m *delivery.Message) error {
	_, warning, _ := strings.Cut(string(m.Trace), "X-Fetchmail-Warning: ")
	drop := map[bool]string{true: "multi", false: "single"}[strings.Contains(string(m.Trace), "(multi-drop)")]
	d.got = append(d.got, fmt.Sprintf("%s %q %s %.9s", m.UID, m.Recipients, drop, warning))
	return d.fakeSeries.Deliver(ctx, m)
}

func (d *tracedSeries) DeliverSeries(ctx context.Context, ms []*delivery.Message,
	ended func(int, error) error) error {
	for i, m := range ms {
		if err := ended(i, d.Deliver(ctx, m)); err != nil {
			return err
		}
	}
	return nil
}

// The messages of a shared mailbox go to those whom their headers name: what is nobody's to the postmaster,
// what does not say stays, and what some have goes to the others alone, also in the next process.
func TestSharedMailbox(t *testing.T) {
	t.Parallel()
	j := fetchtest.OpenJournal(t)
	heads := map[int]string{1: "X-To: ann@h, bob@h\n", 2: "X-To: eve@h\n", 3: "To: ann@h\n"}

	pass := func(postmaster string, partial error, delivered int, want ...string) {
		t.Helper()
		told := &story{}
		d := &tracedSeries{fakeSeries: &fakeSeries{fakeDeliverer: &fakeDeliverer{story: told,
			refuse: map[string]error{"1": partial}}}}
		s := &fakeServer{told, []*fakeMailbox{{name: "a", n: 3, heads: heads}}}
		a := &Account{
			Name: "ann@h", Key: "key", Log: slog.New(slog.DiscardHandler), Journal: j,
			Server: Server{Connect: func(context.Context, *Account) (Session, error) { return s, nil }},
			Delivery: Delivery{Deliverer: d, Received: true, Multidrop: &delivery.Multidrop{
				Field: "X-To", Hosts: []string{"h"}, Names: map[string]string{"ann": "ann", "bob": "bob"},
				Postmaster: postmaster,
			}},
		}
		res, err := Retrieve(t.Context(), a)
		if err == nil || delivery.ClassOf(err) == delivery.Unusable || res.Delivered != delivered {
			t.Errorf("%d delivered, want %d; %v", res.Delivered, delivered, err)
		}
		if got, want := strings.Join(d.got, "\n"), strings.Join(want, "\n"); got != want {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
	}
	pass("pm", &delivery.PartialError{Delivered: []string{"ann"}, Err: errors.New("bob is full")}, 1,
		`1 ["ann" "bob"] multi `, `2 ["pm"] multi no recipi`)
	pass("pm", errors.New("still full"), 1, `1 ["bob"] multi `, `2 ["pm"] multi no recipi`)
	pass("pm", nil, 2, `1 ["bob"] multi `, `2 ["pm"] multi no recipi`)
	pass("", nil, 2, `1 ["ann" "bob"] multi `) // the other is discarded
}
