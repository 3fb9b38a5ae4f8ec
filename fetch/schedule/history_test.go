package schedule

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"
	"unsafe"

	"fetchd/fetch"
)

// mail is the outcome of a retrieval that delivered n messages of 10 bytes.
func mail(n int) Outcome {
	return Outcome{Account: &fetch.Account{}, Result: fetch.Result{Delivered: n, Bytes: int64(10 * n)}}
}

func failed(text string) Outcome {
	return Outcome{Account: &fetch.Account{}, Err: fetch.Fail(fetch.KindNetwork, errors.New(text))}
}

// line is a History in a line: the day, its hours, and the passes.
func (h *History) line() string {
	if h == nil {
		return ""
	}
	out := []string{fmt.Sprintf("%d/%d/%d", h.Day.Messages, h.Day.Bytes, h.Day.Failures)}
	for _, hour := range h.Hours {
		out = append(out, fmt.Sprintf("%d:%d/%d", hour.Start.Unix()/3600, hour.Messages, hour.Failures))
	}
	for _, p := range h.Passes {
		text := fmt.Sprintf("@%d +%d -%d !%d", p.At.Unix()/60, p.Delivered, p.Deleted, p.Undone)
		if f := p.Failure; f != nil {
			text += fmt.Sprintf(" x%d from %d: %s", f.Count, f.Since.Unix()/60, f.Text)
		}
		out = append(out, text)
	}
	return strings.Join(out, ", ")
}

func TestHistory(t *testing.T) {
	t.Parallel()
	const hour = 60
	type step struct {
		minute int
		o      Outcome
	}

	for _, tt := range []struct {
		name  string
		steps []step
		at    int // minute
		want  string
	}{
		{"nothing", []step{{0, mail(0)}, {5, mail(0)}}, 5, ""},
		{"mail", []step{{0, mail(2)}, {5, mail(0)}, {hour, mail(1)}}, hour,
			"3/30/0, 0:2/0, 1:1/0, @0 +2 -0 !0, @60 +1 -0 !0"},
		{"a day later", []step{{0, mail(2)}, {hour, mail(1)}}, 24*hour + 59,
			"1/10/0, 1:1/0, @0 +2 -0 !0, @60 +1 -0 !0"},
		{"two days later", []step{{0, mail(2)}}, 48 * hour, "0/0/0, @0 +2 -0 !0"},
		{"a row of failures is one",
			[]step{{0, failed("down 1")}, {5, failed("down 2")}, {hour, failed("down 3")}},
			hour, "0/0/3, 0:0/2, 1:0/1, @60 +0 -0 !0 x3 from 0: down 3"},
		{"of two kinds", []step{{0, failed("down")}, {1, failed("up")}, {2, failed("down")}}, 2,
			"0/0/3, 0:0/3, @0 +0 -0 !0 x1 from 0: down, " +
				"@1 +0 -0 !0 x1 from 1: up, @2 +0 -0 !0 x1 from 2: down"},
		{"mail in between", []step{{0, failed("down")}, {1, mail(1)}, {2, failed("down")}}, 2,
			"1/10/2, 0:1/2, @0 +0 -0 !0 x1 from 0: down, @1 +1 -0 !0, @2 +0 -0 !0 x1 from 2: down"},
		{"a clock that was put back", []step{{3 * hour, mail(1)}, {hour, mail(1)}}, hour,
			"2/20/0, 3:2/0, @180 +1 -0 !0, @60 +1 -0 !0"},
		{"a clock that was a week ahead", []step{{7 * 24 * hour, mail(1)}, {0, mail(1)}}, 0,
			"1/10/0, 0:1/0, @10080 +1 -0 !0, @0 +1 -0 !0"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			at := func(minute int) time.Time { return time.Unix(int64(minute)*60, 0) }
			var r record
			var without *History // as single passes keep it

			for _, s := range tt.steps {
				r.end(&s.o, at(s.minute))
				without = without.With(s.o, at(s.minute))
			}

			told := r.past.tell(at(tt.at), true)
			if got := told.line(); got != tt.want {
				t.Errorf("%s\nwant %s", got, tt.want)
			}
			if got := without.keep().tell(at(tt.at), true); got.line() != tt.want {
				t.Errorf("without a scheduler: %s\nwant %s", got.line(), tt.want)
			}
			if again := told.keep().tell(at(tt.at), true); told != nil && len(told.Hours) > 0 &&
				!reflect.DeepEqual(again, told) {
				t.Errorf("kept: %s\nwant %s", again.line(), tt.want)
			}
		})
	}
}

// A past is bounded, and an account without mail or failures has none.
func TestHistoryIsSmall(t *testing.T) {
	t.Parallel()
	var r record
	for n := range 300 {
		o := failed(strings.Repeat("é", n))
		o.Result.Delivered = 1
		r.end(&o, time.Unix(int64(n)*600, 0))
	}
	if n := len(r.past.hours); n != dayHours {
		t.Errorf("%d hours", n)
	}
	if n := len(r.past.passes); n != passesMost {
		t.Errorf("%d passes", n)
	}
	for _, p := range r.past.passes {
		if n := len(p.failure.Text); n > passText+len("…") {
			t.Errorf("%d bytes of text", n)
		}
	}
	if n := unsafe.Sizeof(hour{})*dayHours + unsafe.Sizeof(pass{})*passesMost; n > 2300 {
		t.Errorf("%d bytes for an account with much mail", n)
	}
}

// What a scheduler sums up over all accounts.
func TestHoursOfAll(t *testing.T) {
	t.Parallel()
	s := New(Options{})
	now := time.Now()
	for i, name := range []string{"a", "b", "c"} {
		r := &record{state: State{Account: name}}
		o := mail(i)
		r.end(&o, now)
		s.records[name] = r
	}
	if hours := s.Hours(); len(hours) != 1 || hours[0].Messages != 3 || hours[0].Bytes != 30 {
		t.Errorf("%+v", hours)
	}
	states := s.StatesWith(func(name string) bool { return name == "b" })
	if len(states) != 3 || states[0].History != nil || len(states[1].History.Passes) != 1 ||
		states[2].History.Passes != nil || states[2].History.Day.Messages != 2 {
		t.Errorf("%+v", states)
	}
}
