package fetch

import (
	"context"
	"errors"
	"log/slog"
	"testing"

	"fetchd/delivery"
	"fetchd/fetch/fetchtest"
)

// TestDoubtRemains: what a killed run may have delivered is looked for once more until it has been: by the
// retrieval after the next one too, if this one did not come to it.
func TestDoubtRemains(t *testing.T) {
	t.Parallel()
	fails := func(class delivery.Class) func(string) error {
		return func(string) error { return &delivery.Error{Class: class, Err: errors.New("no")} }
	}
	down := &place{refuse: fails(delivery.Unusable)}

	for _, tt := range []struct {
		name            string
		to              delivery.Deliverer
		limit           int
		inDoubt, wanted bool
	}{
		{"delivered", &place{}, 0, true, false},
		{"there is no room for it", &place{refuse: fails(delivery.Temporary)}, 0, true, true},
		{"refused for good", &place{refuse: fails(delivery.Permanent)}, 0, true, false},
		{"there was none", &place{refuse: fails(delivery.Temporary)}, 0, false, false},
		{"one of two is down", delivery.NewSeveral([]delivery.Destination{
			{Key: "a", Deliverer: &place{}}, {Key: "b", Deliverer: down}}), 0, true, true},
		{"too many for one pass", &place{}, 1, true, true},
		{"too many, and there was none", &place{}, 1, false, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			server := &drop{there: []string{"1", "2"}, inDoubt: tt.inDoubt}
			connect := func(context.Context, *Account) (Session, error) { return server, nil }
			_, _ = NewRetriever(&Account{
				Name: "ann@h", Key: "key", Log: slog.New(slog.DiscardHandler),
				Journal: fetchtest.OpenJournal(t), Selection: Selection{FetchLimit: tt.limit},
				Server:   Server{Connect: connect},
				Delivery: Delivery{Recipients: []string{"ann"}, Deliverer: tt.to},
			}).Retrieve(t.Context())
			if len(server.retrieved) == 0 || server.doubt != tt.wanted {
				t.Errorf("doubt %v after %v, want %v", server.doubt, server.retrieved, tt.wanted)
			}
		})
	}
}
