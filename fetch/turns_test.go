package fetch

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"

	"fetchd/delivery"
)

// turns notes in a story when a turn begins and ends; it is wanted as often as it says.
type turns struct {
	*story
	wanted int
	err    error
}

func (f *turns) Begin(context.Context) error { f.tell("begin"); return f.err }
func (f *turns) End()                        { f.tell("end") }
func (f *turns) Wanted() bool                { return f.wanted > 0 }

// What a retrieval holds in memory comes and goes within its turn; it looks for mail and commits outside.
func TestTransferIsWithinATurn(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		n    int
		err  error
		want string
	}{
		{"new mail", 1, nil,
			"open INBOX; begin; deliver 1; record 1; acknowledge 1; end; commit; close"},
		{"none", 0, nil, "open INBOX; commit; close"},
		{"the wait ends", 1, errors.New("no turn"), "open INBOX; begin; close"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := &story{}
			r := NewRetriever(&Account{
				Log:      slog.New(slog.DiscardHandler),
				Delivery: Delivery{Deliverer: &fakeDeliverer{story: s}},
				Server: Server{Connect: func(context.Context, *Account) (Session, error) {
					return &fakeServer{s, []*fakeMailbox{{name: "INBOX", n: tt.n}}}, nil
				}},
			})
			r.TakeTurns(&turns{story: s, err: tt.err})
			if _, err := r.Retrieve(t.Context()); !errors.Is(err, tt.err) {
				t.Errorf("got %v", err)
			}
			if got := s.String(); got != tt.want {
				t.Errorf("\n got %s\nwant %s", got, tt.want)
			}
		})
	}
}

// Once the turn is wanted nothing more is asked for, and it ends when nothing is held any more.
func TestQueueGivesTheTurnAway(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := &turns{story: &story{}, wanted: 1}
		q := NewQueue(delivery.SpoolOptions{})
		q.turns = f
		q.Put(item(t, q, 1, 3))
		if q.Low() {
			t.Error("more is asked for")
		}
		waited := make(chan error, 1)
		go func() { waited <- q.Wait(t.Context()) }()
		synctest.Wait()
		if got := f.String(); got != "" {
			t.Errorf("with a message in hand: %q", got)
		}
		q.done(q.take(1, 1))
		if err := <-waited; err != nil || f.String() != "end; begin" {
			t.Errorf("%v, %q", err, f)
		}

		f.err = errors.New("no turn")
		if err := q.Wait(t.Context()); !errors.Is(err, f.err) {
			t.Errorf("goes on without a turn: %v", err)
		}
	})
}
