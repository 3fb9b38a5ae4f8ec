package fetch

import (
	"errors"
	"testing"
	"time"

	"fetchd/delivery"
)

func TestHasPassed(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

	for _, tt := range []struct {
		name string
		then time.Time
		want bool
	}{
		{"never", time.Time{}, true},
		{"just now", now, false},
		{"less", now.Add(time.Second - time.Hour), false},
		{"exactly", now.Add(-time.Hour), true},
		{"the clock was set back a little", now.Add(30 * time.Second), false},
		{"a year ahead", now.AddDate(1, 0, 0), true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := HasPassed(time.Hour, tt.then, now); got != tt.want {
				t.Errorf("%v, want %v", got, tt.want)
			}
		})
	}
}

// allNew leaves all messages out that it is told to.
type allNew struct{ Leaver }

func (allNew) New(messages []Ref) []Ref { return messages }

// TestClockWasAhead: what was put off while the clock was a year ahead is not put off for a year.
func TestClockWasAhead(t *testing.T) {
	t.Parallel()
	now := time.Now().Round(0)
	it, key := &Item{UID: "1"}, refusedKey{"INBOX", Ref{UID: "1"}}

	for name, isPutOff := range map[string]func(then time.Time) bool{
		"a message that is set aside": func(then time.Time) bool {
			m := new(Refusals)
			m.refuse("INBOX", it, errors.New("refused"), then)
			m.setAside("INBOX", []failure{{Ref: key.Ref, class: delivery.Permanent}}, true)
			return len(m.aside("INBOX", now)) > 0
		},
		"one that lets others pass": func(then time.Time) bool {
			l := &lastInLine{failed: map[refusedKey]time.Time{key: then}}
			return len(l.wait("INBOX", allNew{}, 2, now)) > 0
		},
		"one that can't be had": func(then time.Time) bool {
			o := new(obstacles)
			for range obstacleTries {
				o.died("INBOX", &AtMessage{Ref: key.Ref}, then).Others = true
			}
			return len(o.due(now, false)) == 0
		},
		"a notice of large mail": func(then time.Time) bool {
			a := noticeAccount(new(post))
			a.Now = func() time.Time { return now }
			a.Refusals.skipped("INBOX", []*Item{{Size: 5000}}, false)
			a.Refusals.told = then
			return len(a.Refusals.dueNotices(a, nil)) == 0
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if !isPutOff(now) {
				t.Error("it is not put off at all")
			}
			if isPutOff(now.AddDate(1, 0, 0)) {
				t.Error("it waits for a year")
			}
		})
	}
}
