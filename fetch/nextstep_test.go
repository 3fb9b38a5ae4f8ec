package fetch_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"

	"fetchd/delivery"
	"fetchd/fetch"
	"fetchd/fetch/fetchtest"
	"fetchd/tlsverify/hints"
)

// failuresLog hands on the errors of what is logged as an error.
type failuresLog struct {
	slog.Handler
	heard func(error)
}

func (failuresLog) Enabled(context.Context, slog.Level) bool { return true }

func (l failuresLog) Handle(_ context.Context, r slog.Record) error {
	r.Attrs(func(a slog.Attr) bool {
		if err, ok := a.Value.Any().(error); ok {
			l.heard(err)
		}
		return true
	})
	return nil
}

// Whatever a destination says of a message, what the user reads ends in a next step.
func TestRefusedMessageHasANextStep(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		err  error
		want string // "" = that of the table
	}{
		{"no class", errors.New("odd"), ""},
		{"for good", &delivery.Error{Class: delivery.Permanent, Err: errors.New("odd")}, ""},
		{"for now", &delivery.Error{Class: delivery.Temporary, Err: errors.New("odd")}, ""},
		{"unusable", &delivery.Error{Class: delivery.Unusable, Err: errors.New("odd")}, ""},
		{"its own", hints.Errorf("oil it", "odd"), "oil it"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r, p, _ := pickyRig(t, fetch.POP3)

			heard := 0
			r.a.Log = slog.New(failuresLog{slog.DiscardHandler, func(err error) {
				heard++
				if hint := hints.Of(err); hint == "" || tt.want != "" && hint != tt.want {
					t.Errorf("logged: %v", err)
				}
			}})

			p.refuse["message"] = tt.err
			r.append(t, "INBOX", numbered(1)...)
			_, err := fetch.Retrieve(t.Context(), r.a)
			if err == nil || heard == 0 {
				t.Errorf("%d heard, and then %v", heard, err)
			}
			fetchtest.CheckNextStep(t, err)
		})
	}
}
