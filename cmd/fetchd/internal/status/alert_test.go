package status

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"fetchd/fetch"
	"fetchd/fetch/schedule"
)

// TestAlerts: what does not pass by itself is told at once, what may is told after an hour; both once a day,
// and the recovery of what was told.
func TestAlerts(t *testing.T) {
	t.Parallel()
	s := NewAlerts(Report{})
	for _, step := range []struct {
		after time.Duration // noon
		name  string
		kind  fetch.Kind
		fails bool
		want  string
	}{
		{0, "ann", fetch.KindAuth, true, "ann login refused"},
		{0, "bob", fetch.KindNetwork, true, ""},
		{time.Minute, "ann", fetch.KindAuth, true, ""},
		{59 * time.Minute, "bob", fetch.KindNetwork, true, ""},
		{time.Hour, "bob", fetch.KindNetwork, true, "bob backing off"},
		{2 * time.Hour, "bob", 0, false, "bob ok"},
		{3 * time.Hour, "bob", 0, false, ""},
		{3 * time.Hour, "eve", fetch.KindServer, true, ""},
		{4 * time.Hour, "eve", 0, false, ""}, // nobody was told of the trouble
		{23 * time.Hour, "ann", fetch.KindAuth, true, ""},
		{24 * time.Hour, "ann", fetch.KindAuth, true, "ann login refused"},
	} {
		at := noon.Add(step.after)
		state := schedule.State{Account: step.name, Failing: step.fails, Success: at}
		if step.fails {
			state.Failure = schedule.Failure{Kind: step.kind, Text: "no", Since: noon, Last: at, Count: 1}
			if step.name == "eve" {
				state.Failure.Since = at
			}
		}
		report := Of([]schedule.State{state}, nil, at)
		var got []string
		for _, a := range s.Take(&report) {
			got = append(got, a.Account+" "+a.State)
		}
		if got := strings.Join(got, ", "); got != step.want {
			t.Errorf("after %v %s: %q, want %q", step.after, step.name, got, step.want)
		}
	}
}

// TestAlertsAreFew: a server of 25 accounts that is down costs ten alerts an hour, and none is lost.
func TestAlertsAreFew(t *testing.T) {
	t.Parallel()
	refused := map[string]string{}
	for i := range 25 {
		refused[fmt.Sprint("user", i)] = "gone"
	}
	told := map[string]int{}
	report := Report{}
	for hour, want := range []int{10, 10, 5, 0} {
		at := noon.Add(time.Duration(hour) * time.Hour)
		var alerts []Alert
		report, alerts = alertsAfter(report, refused, at)
		for _, a := range alerts {
			told[a.Account]++
		}
		var more []Alert
		report, more = alertsAfter(report, refused, at.Add(time.Minute))
		if len(alerts) != want || len(more) != 0 {
			t.Errorf("hour %d: %d alerts, then %d", hour, len(alerts), len(more))
		}
	}
	if len(told) != 25 {
		t.Errorf("%d accounts are told of: %v", len(told), told)
	}

	// A daemon goes on from there.
	next := Of(nil, refused, noon.Add(5*time.Hour))
	if alerts := NewAlerts(report).Take(&next); len(alerts) != 0 {
		t.Errorf("a daemon tells all again: %v", alerts)
	}
}

// alertsAfter is a pass in which the accounts of refused are refused, and what is told after it.
func alertsAfter(before Report, refused map[string]string, at time.Time) (Report, []Alert) {
	report := AfterPass(before, nil, refused, all, at)
	return report, NewAlerts(before).Take(&report)
}

func TestAlertEnvironment(t *testing.T) {
	t.Parallel()
	a := Alert{Account: "ann@h", State: "login refused", Since: noon.UTC(), Text: "first\nsecond\x00\x1b"}
	for _, line := range a.Environment() {
		if strings.ContainsAny(line, "\n\x00\x1b") {
			t.Errorf("%q", line)
		}
	}
}

// TestAlertsAfterAClockThatWasAhead: what was told in a year from now is told again.
func TestAlertsAfterAClockThatWasAhead(t *testing.T) {
	t.Parallel()
	later := noon.AddDate(1, 0, 0)
	before := Report{
		Accounts: []Account{{Name: "ann", Told: map[string]time.Time{topicFailure: later}}},
		Alerts:   slices.Repeat([]time.Time{later}, maxAlerts),
	}
	report := Of(nil, map[string]string{"ann": "no"}, noon)
	if got := NewAlerts(before).Take(&report); len(got) != 1 {
		t.Errorf("told: %v", got)
	}
}
