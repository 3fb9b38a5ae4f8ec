package delivery_test

import (
	"errors"
	"strings"
	"testing"

	"fetchd/delivery"
	"fetchd/delivery/deliverytest"
)

// TestTooManyRecipients: recipients that a server refuses as too many get the message in a transaction of
// their own, at once.
func TestTooManyRecipients(t *testing.T) {
	t.Parallel()
	const all = "ann bob eve fay gil"
	for _, tt := range []struct {
		name         string
		offer        string
		most         int    // recipients that a transaction may have
		answer       string // to those that are too many
		full         string // a recipient that is refused always
		change       func(*delivery.SMTPOptions)
		transactions int
		delivered    string
		class        delivery.Class
		says         string // "" = all have it
	}{
		{"452", "SIZE", 2, "452 4.5.3 too many", "", nil, 3, all, 0, ""},
		{"552", "SIZE", 2, "552 too many", "", nil, 3, all, 0, ""},
		{"pipelined", "PIPELINING", 2, "452 too many", "", nil, 3, all, 0, ""},
		{"one at a time", "PIPELINING", 1, "452 too many", "", nil, 5, all, 0, ""},
		{"a connection for each", "PIPELINING", 4, "452 too many", "",
			func(o *delivery.SMTPOptions) { o.Batch = 1 }, 2, all, 0, ""},
		{"one is full", "PIPELINING", 9, "", "bob", nil, 2, "ann eve fay gil", delivery.Temporary, "bob@"},
		{"the first is full", "PIPELINING", 9, "", "ann", nil, 1, "bob eve fay gil", delivery.Temporary,
			"ann@"},
		{"the last is full", "SIZE", 2, "452 too many", "gil", nil, 3, "ann bob eve fay", delivery.Temporary,
			"gil@"},
		{"it means spam", "SIZE", 4, "452 spam", "",
			func(o *delivery.SMTPOptions) { o.AntiSpam = []int{452} }, 1, "ann bob eve fay",
			delivery.Permanent, "as spam"},
		{"another code", "SIZE", 4, "451 later", "", nil, 1, "ann bob eve fay", delivery.Temporary, "later"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			begun, named := 0, 0
			sink := &deliverytest.Sink{LMTP: true, Offer: []string{tt.offer}, Answer: func(to string) string {
				switch {
				case strings.HasPrefix(to, "MAIL "):
					begun, named = begun+1, 0
				case tt.full != "" && strings.HasPrefix(to, "RCPT TO:<"+tt.full):
					return "452 no room"
				case strings.HasPrefix(to, "RCPT "):
					if named++; named > tt.most {
						return tt.answer
					}
				}
				return ""
			}}

			d := sinkTo(t, sink, tt.change)
			ms := newMails(t, "1", "2")
			ms[0].Recipients = strings.Fields(all)
			errs := make([]error, len(ms))
			_ = d.DeliverSeries(t.Context(), ms, func(i int, err error) error {
				errs[i] = err
				return nil
			})

			var got []string
			for _, m := range sink.Got() {
				name, _, _ := strings.Cut(strings.TrimPrefix(m.To, "TO:<"), "@")
				got = append(got, name)
			}
			next := "ann"
			if tt.full == next {
				next = ""
			}
			want := strings.Fields(tt.delivered + " " + next)
			if strings.Join(got, " ") != strings.Join(want, " ") || begun != tt.transactions+1 {
				t.Errorf("delivered to %q in %d transactions, want %q", got, begun, want)
			}

			err, partial := errs[0], (*delivery.PartialError)(nil)
			if tt.says == "" {
				if err != nil {
					t.Error(err)
				}
			} else if !errors.As(err, &partial) || delivery.ClassOf(err) != tt.class ||
				!strings.Contains(err.Error(), tt.says) ||
				strings.Join(partial.Delivered, " ") != tt.delivered {
				t.Errorf("class %d: %v", delivery.ClassOf(err), err)
			}
		})
	}
}
