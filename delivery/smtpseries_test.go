package delivery_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"fetchd/delivery"
	"fetchd/delivery/deliverytest"
)

// TestSMTPSeries: the next message's commands come behind the dot, an unfinished transaction is reset before
// the next, and no dot comes before the message before it is settled.
func TestSMTPSeries(t *testing.T) {
	t.Parallel()
	const next = "C: MAIL FROM:<bob@example.net>\nC: RCPT TO:<ann@localhost>\nC: DATA\n"

	for _, tt := range []struct {
		name, dialogue string
		batch          int
		want           string // + delivered, - not
	}{
		{"three", pipelined + "S: 250 a\nS: 250 b\nS: 354 c\n" +
			content + next + "S: 250 d\nS: 250 a\nS: 250 b\nS: 354 c\n" +
			content + next + "S: 250 d\nS: 250 a\nS: 250 b\nS: 354 c\n" +
			content + "S: 250 d\n" + farewell, 0, "+++"},
		{"the second is refused", pipelined + "S: 250 a\nS: 250 b\nS: 354 c\n" +
			content + next + "S: 250 d\nS: 250 a\nS: 550 b\nS: 554 c\n" +
			"C: RSET\n" + next + "S: 250 r\nS: 250 a\nS: 250 b\nS: 354 c\n" +
			content + "S: 250 d\n" + farewell, 0, "+-+"},
		{"the first is refused at the dot", pipelined + "S: 250 a\nS: 250 b\nS: 354 c\n" +
			content + next + "S: 554 d\nS: 250 a\nS: 250 b\nS: 354 c\n" +
			content + next + "S: 250 d\nS: 250 a\nS: 250 b\nS: 354 c\n" +
			content + "S: 250 d\n" + farewell, 0, "-++"},
		{"RSET refused", pipelined + "S: 250 a\nS: 550 b\nS: 554 c\n" +
			"C: RSET\n" + next + "S: 550 r\n", 0, "---"},
		{"one answer too many at a dot", pipelined + "S: 250 a\nS: 250 b\nS: 354 c\n" + content + next +
			"S: 250 d\nS: 250 d\nS: 250 a\nS: 250 b\nS: 354 c\n", 0, "+--"},
		{"an answer before a dot, which is refused", pipelined + "S: 250 a\nS: 250 b\nS: 354 c\n" +
			content + next + "S: 250 c\nS: 554 d\nS: 250 a\nS: 250 b\nS: 354 c\n", 0, "---"},
		{"no answer to a dot", pipelined + "S: 250 a\nS: 250 b\nS: 354 c\n" + content + next +
			"S: 250 a\nS: 250 b\nS: 354 c\n", 0, "---"},
		{"no answer to a dot, and the next is refused", pipelined + "S: 250 a\nS: 250 b\nS: 354 c\n" +
			content + next + "S: 250 a\nS: 550 b\nS: 503 c\nSTALL", 0, "---"},
		{"the next is welcome, and an end", pipelined + "S: 250 a\nS: 250 b\nS: 354 c\n" + content + next +
			"S: 250 d\nS: 250 a\nS: 250 b\nCLOSE", 0, "+--"},
		{"an end behind a dot", pipelined + "S: 250 a\nS: 250 b\nS: 354 c\n" + content + next +
			"S: 250 d\nCLOSE", 0, "+--"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dialogue := strings.ReplaceAll(tt.dialogue, "C:\x20\n", "C: ~^$\n")
			d := peerTo(t, dialogue, func(o *delivery.SMTPOptions) { o.Batch = tt.batch })
			got := ""

			err := d.DeliverSeries(t.Context(), newMails(t, "1", "2", "3"), func(i int, err error) error {
				if i != len(got) {
					t.Errorf("message %d ended after %s", i, got)
				}
				if err == nil {
					got += "+"
				} else {
					got += "-"
				}
				return nil
			})
			if got != tt.want || err != nil {
				t.Errorf("%s, %v; want %s", got, err, tt.want)
			}
		})
	}
}

// TestSMTPSeriesStops: what ends a series ends it before the next dot.
func TestSMTPSeriesStops(t *testing.T) {
	t.Parallel()
	stop := errors.New("the journal is full")
	sink := &deliverytest.Sink{Offer: []string{"PIPELINING"}}
	d := sinkTo(t, sink, nil)
	calls := 0
	err := d.DeliverSeries(t.Context(), newMails(t, "1", "2"), func(int, error) error {
		calls++
		return stop
	})
	if !errors.Is(err, stop) || calls != 1 || len(sink.Got()) != 1 {
		t.Errorf("%v after %d calls, %d delivered", err, calls, len(sink.Got()))
	}
	if err := d.Deliver(t.Context(), newMail(t, "2")); err != nil {
		t.Error(err)
	}
	if n, _ := sink.Sessions(); n != 2 { // the first one waits for the second message
		t.Errorf("%d connections, want 2", n)
	}
}

// TestSMTPLostBehindTheDot: what may have been delivered is not delivered again at once.
func TestSMTPLostBehindTheDot(t *testing.T) {
	t.Parallel()
	for _, offer := range [][]string{nil, {"PIPELINING"}} {
		sink := &deliverytest.Sink{Offer: offer}
		d := sinkTo(t, sink, nil)
		dots := 0
		sink.SetAnswer(func(to string) string {
			if to == "." {
				if dots++; dots == 2 {
					return deliverytest.Close
				}
			}
			return ""
		})

		want := []bool{true, false, true} // by its number, is it delivered?
		err := d.DeliverSeries(t.Context(), newMails(t, "1", "2", "3"), func(i int, err error) error {
			if (err == nil) != want[i] {
				t.Errorf("message %d: %v", i, err)
			}
			return nil
		})
		if err != nil || dots != 3 {
			t.Errorf("%v, %d messages were sent", err, dots)
		}
	}
}

// TestSMTPConnections: a connection is kept from one delivery to the next, for as many messages as it may
// have, and a dead one is replaced.
func TestSMTPConnections(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name     string
		offer    []string
		batch    int
		sessions int
		answer   func() func(string) string
	}{
		{"kept", []string{"PIPELINING"}, 0, 1, nil},
		{"kept, one by one", nil, 0, 1, nil},
		{"batchlimit", []string{"PIPELINING"}, 2, 3, nil},
		{"MAILMAX", []string{"PIPELINING", "LIMITS MAILMAX=3 X=1 RCPTMAX=junk"}, 0, 2, nil},
		{"closed after each", []string{"PIPELINING"}, 0, 6, func() func(string) string {
			return func(to string) string {
				if to == "." {
					return "~250 ok"
				}
				return ""
			}
		}},
		{"421 to the next", nil, 0, 6, func() func(string) string {
			mails := 0
			return func(to string) string {
				switch {
				case to == "greeting":
					mails = 0
				case strings.HasPrefix(to, "MAIL"):
					if mails++; mails > 1 {
						return "~421 enough"
					}
				}
				return ""
			}
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			sink := &deliverytest.Sink{Offer: tt.offer}
			if tt.answer != nil {
				sink.Answer = tt.answer()
			}

			d := sinkTo(t, sink, func(o *delivery.SMTPOptions) { o.Batch = tt.batch })
			for range 3 {
				if err := d.Deliver(t.Context(), newMail(t, "1")); err != nil {
					t.Error(err)
				}
			}

			err := d.DeliverSeries(t.Context(), newMails(t, "1", "2", "3"),
				func(_ int, err error) error { return err })
			if err != nil {
				t.Error(err)
			}
			if n := len(sink.Got()); n != 6 {
				t.Errorf("%d messages, want 6", n)
			}
			if n, _ := sink.Sessions(); n != tt.sessions {
				t.Errorf("%d connections, want %d", n, tt.sessions)
			}

			_ = d.Close()
			if n, farewells := sink.Sessions(); tt.answer == nil && farewells != n {
				t.Errorf("%d of %d connections ended with QUIT", farewells, n)
			}
		})
	}
}

// TestSMTPPanic: a connection on which something was cut short is not used again.
func TestSMTPPanic(t *testing.T) {
	t.Parallel()

	for _, offer := range [][]string{nil, {"PIPELINING"}} {
		sink := &deliverytest.Sink{Offer: offer}
		d := sinkTo(t, sink, nil)
		start := time.Now()
		m := newMail(t, "1")
		m.Lease = func() error { panic("a mistake of ours") }
		func() {
			defer func() { _ = recover() }()
			_ = d.Deliver(t.Context(), m)
		}()
		if err := d.Deliver(t.Context(), newMail(t, "2")); err != nil {
			t.Error(err)
		}
		if n, _ := sink.Sessions(); n != 2 || len(sink.Got()) != 1 {
			t.Errorf("%d connections, %d messages", n, len(sink.Got()))
		}
		if took := time.Since(start); took > 15*time.Second { // the time-out is 20
			t.Errorf("it took %v", took)
		}
	}
}
