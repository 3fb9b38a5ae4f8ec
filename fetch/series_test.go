package fetch

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"fetchd/delivery"
	"fetchd/fetch/fetchtest"
)

// fakeSeries is a SeriesDeliverer.
type fakeSeries struct {
	*fakeDeliverer
	recipients [][]string // of each delivery
}

func (d *fakeSeries) DeliverSeries(ctx context.Context,
	ms []*delivery.Message, ended func(int, error) error) error {
	for i, m := range ms {
		err := m.Hold()
		if err == nil {
			d.recipients = append(d.recipients, m.Recipients)
			err = d.Deliver(ctx, m)
		}
		if err := ended(i, err); err != nil {
			d.tell("end")
			return err
		}
	}
	return nil
}

// In a series each message is recorded and acknowledged before the next one is delivered, and what ends a
// transfer ends the series.
func TestSeries(t *testing.T) {
	t.Parallel()

	for _, tt := range []struct {
		name   string
		refuse map[string]error
		lost   map[int]bool
		lease  string // ends after it
		want   string
	}{
		{"all", nil, nil, "-", "deliver 1; record 1; acknowledge 1; deliver 2; " +
			"record 2; acknowledge 2; deliver 3; record 3; acknowledge 3; commit"},
		{"one refused", map[string]error{"2": errors.New("no")}, nil, "-",
			"deliver 1; record 1; acknowledge 1; deliver 2; deliver 3; record 3; acknowledge 3; commit"},
		{"one not had", nil, map[int]bool{2: true}, "-",
			"deliver 1; record 1; acknowledge 1; deliver 3; record 3; acknowledge 3; commit"},
		{"unusable", map[string]error{
			"2": &delivery.Error{Class: delivery.Unusable, Err: errors.New("gone")},
		}, nil, "-",
			"deliver 1; record 1; acknowledge 1; deliver 2; end"},
		{"lease ends", nil, nil, "deliver 1", "deliver 1; record 1; end"},
		{"lease ends between", nil, nil, "acknowledge 1", "deliver 1; record 1; acknowledge 1; end"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			told := &story{}
			d := &fakeDeliverer{story: told, refuse: tt.refuse}
			a := leasedAccount(told, &endingLease{story: told, after: tt.lease}, false)
			a.Deliverer = &fakeSeries{fakeDeliverer: d}
			s := &fakeServer{told, []*fakeMailbox{{name: "a", n: 3, lost: tt.lost}}}
			a.Connect = func(context.Context, *Account) (Session, error) { return s, nil }
			_, _ = Retrieve(t.Context(), a)
			got, want := told.String(), "open a; "+tt.want+"; close"
			// It depends on the moment whether the second message is in the same series, which ends then.
			if tt.lease == "acknowledge 1" && !strings.Contains(got, "end") {
				want = strings.Replace(want, "; end", "", 1)
			}
			if got != want {
				t.Errorf("%s\nwant %s", got, want)
			}
		})
	}
}

// A message of a series does not wait for those behind it: each is delivered while the next one comes.
func TestSeriesBeginsAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const step, messages = time.Millisecond, 3
		told := &story{}
		s := &fakeServer{told, []*fakeMailbox{{name: "a", n: messages, pause: step}}}
		a := leasedAccount(told, &endingLease{story: told, after: "-"}, false)
		a.Deliverer = &fakeSeries{fakeDeliverer: &fakeDeliverer{story: told, slow: step}}
		a.Connect = func(context.Context, *Account) (Session, error) { return s, nil }

		start := time.Now()
		res, err := Retrieve(t.Context(), a)
		if d := time.Since(start); d != messages*step || res.Delivered != messages || err != nil {
			t.Errorf("%d delivered after %v: %v", res.Delivered, d, err)
		}
	})
}

// Who has a message that others don't have is known to the next pass, also of another process, and to it
// alone.
func TestSharesSurvive(t *testing.T) {
	t.Parallel()
	j := fetchtest.OpenJournal(t)
	partial := &delivery.PartialError{Delivered: []string{"bob"}, Err: errors.New("ann and eve are full")}
	pass := func(refuse error, want []string, delivered int) {
		t.Helper()
		d := &fakeSeries{
			fakeDeliverer: &fakeDeliverer{story: &story{}, refuse: map[string]error{"1": refuse}},
		}
		s := &fakeServer{d.story, []*fakeMailbox{{name: "a", n: 2}}}
		a := &Account{
			Name: "ann@h", Key: "key", Log: slog.New(slog.DiscardHandler), Journal: j,
			Server:   Server{Connect: func(context.Context, *Account) (Session, error) { return s, nil }},
			Delivery: Delivery{Deliverer: d, Recipients: []string{"ann", "bob", "eve"}},
		}

		res, err := Retrieve(t.Context(), a)
		if (err != nil) != (refuse != nil) || res.Delivered != delivered {
			t.Errorf("%d delivered, %v", res.Delivered, err)
		}
		if len(d.recipients) > 0 && len(want) > 0 && !slices.Equal(d.recipients[0], want) {
			t.Errorf("delivered to %q, want %q", d.recipients[0], want)
		}
		if len(want) > 0 && !slices.Equal(d.recipients[1], a.Recipients) {
			t.Errorf("the other message was delivered to %q", d.recipients[1])
		}
	}

	pass(partial, []string{"ann", "bob", "eve"}, 1)
	partial = &delivery.PartialError{Delivered: []string{"eve"}, Err: errors.New("ann is full")}
	pass(partial, []string{"ann", "eve"}, 1)
	pass(errors.New("all is lost"), []string{"ann"}, 1)
	pass(nil, []string{"ann"}, 2)
	if note, err := j.Shares(t.Context(), "key"); len(note) > 0 || err != nil {
		t.Errorf("still noted: %q, %v", note, err)
	}
	pass(nil, []string{"ann", "bob", "eve"}, 2)
}
