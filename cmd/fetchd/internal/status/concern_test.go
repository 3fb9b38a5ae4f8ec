package status

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"fetchd/fetch"
	"fetchd/fetch/schedule"
	"fetchd/tlsverify"
)

// told is what Take returns, in short: + for what lasts, - for what is over.
func told(alerts []Alert) string {
	var out []string
	for _, a := range alerts {
		sign := "+"
		if a.Text == "" {
			sign = "-"
		}
		out = append(out, sign+a.Account+" "+a.topic)
	}
	return strings.Join(out, ", ")
}

func TestConcerns(t *testing.T) {
	t.Parallel()
	failed := func(kind fetch.Kind, since time.Time, folders ...string) schedule.State {
		return schedule.State{Account: "ann", Mailboxes: folders, Failing: true, Next: noon.Add(time.Hour),
			Failure: schedule.Failure{Kind: kind, Text: "no", Since: since, Count: 1}}
	}
	well := func(folders ...string) schedule.State {
		return schedule.State{Account: "ann", Mailboxes: folders, Success: noon, Next: noon.Add(time.Hour)}
	}
	setAside := well()
	setAside.SetAside = 2
	silent := schedule.State{Account: "ann", Success: noon.Add(-25 * time.Hour),
		Activity: schedule.Retrieving}
	watched, rests := silent, silent
	watched.Activity, rests.Next = schedule.Watching, noon.Add(time.Hour)
	tests := []struct {
		name          string
		before, after []schedule.State
		want          string
	}{
		{"well", []schedule.State{well()}, []schedule.State{well()}, "; "},
		{"set aside, and delivered", []schedule.State{setAside}, []schedule.State{well()},
			"+ann set aside; -ann set aside"},
		{"silent, and heard of", []schedule.State{silent}, []schedule.State{well()},
			"+ann silence; -ann silence"},
		{"watched for long", []schedule.State{watched}, []schedule.State{watched}, "; "},
		{"not due for long", []schedule.State{rests}, []schedule.State{rests}, "; "},
		{"refused, then out of reach", []schedule.State{failed(fetch.KindAuth, noon)},
			[]schedule.State{failed(fetch.KindNetwork, noon)}, "+ann failure; "},
		{"folders fail together", []schedule.State{failed(fetch.KindAuth, noon, "A"),
			failed(fetch.KindAuth, noon, "B")},
			[]schedule.State{failed(fetch.KindAuth, noon, "A"), well("B")}, "+ann failure; "},
		{"folders recover together", []schedule.State{failed(fetch.KindAuth, noon, "A"), well("B")},
			[]schedule.State{well("A"), well("B")}, "+ann failure; -ann failure"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			alerts := NewAlerts(Report{})
			take := func(states []schedule.State, at time.Time) string {
				report := Of(states, nil, at)
				report.PID, report.Started = 1, noon.Add(-48*time.Hour)
				return told(alerts.Take(&report))
			}
			got := take(tt.before, noon) + "; " + take(tt.after, noon.Add(time.Minute))
			if got != tt.want {
				t.Errorf("%q, want %q", got, tt.want)
			}
		})
	}
}

// What could not be told stays due, both the beginning and the end of it.
func TestUndoneAlertsStayDue(t *testing.T) {
	t.Parallel()
	alerts := NewAlerts(Report{})
	refused := map[string]string{"ann": "no such protocol"}
	for i, step := range []struct {
		refused map[string]string
		fails   bool
		want    string
	}{
		{refused, true, "+ann failure"},
		{refused, false, "+ann failure"},
		{refused, false, ""},
		{nil, true, "-ann failure"},
		{nil, false, "-ann failure"},
		{nil, false, ""},
	} {
		var states []schedule.State
		if step.refused == nil {
			states = []schedule.State{{Account: "ann", Success: noon}}
		}
		report := Of(states, step.refused, noon.Add(time.Duration(i)*time.Minute))
		taken := alerts.Take(&report)
		if got := told(taken); got != step.want {
			t.Errorf("step %d: %q, want %q", i, got, step.want)
		}
		if step.fails {
			alerts.Undo(taken)
		}
	}
}

// A certificate that ends soon is told of one account of its server, and so is its renewal.
func TestExpiringCertificates(t *testing.T) {
	t.Parallel()
	alerts := NewAlerts(Report{})
	day := 24 * time.Hour
	for i, step := range []struct {
		left time.Duration
		want string
	}{
		{15 * day, ""},
		{13 * day, "+ann certificate"},
		{13 * day, ""},
		{90 * day, "-ann certificate"},
		{90 * day, ""},
		{13 * day, "+ann certificate"},
	} {
		at := noon.Add(time.Duration(i) * time.Minute)
		seen := tlsverify.NewSeen([]tlsverify.SeenCertificate{
			{Subject: "CN=h", Fingerprint: "sha256//x", NotAfter: at.Add(step.left)}}, true)
		report := Of([]schedule.State{
			{Account: "ann", Success: at, Seen: seen}, {Account: "bob", Success: at, Seen: seen},
		}, nil, at)
		if got := told(alerts.Take(&report)); got != step.want {
			t.Errorf("step %d: %q, want %q", i, got, step.want)
		}
	}
}

// An authority on the way that ends before the server's certificate is what is told of, wherever one looks;
// of a server that we refuse it is the server's own.
func TestAuthorityEndsFirst(t *testing.T) {
	t.Parallel()
	day := 24 * time.Hour
	chain := []tlsverify.SeenCertificate{
		{Subject: "CN=h", Fingerprint: "sha256//h", NotAfter: noon.Add(90 * day)},
		{Subject: "CN=well", Fingerprint: "sha256//w", NotAfter: noon.Add(900 * day)},
		{Subject: "CN=ends", Fingerprint: "sha256//e", NotAfter: noon.Add(5 * day)},
	}
	of := func(trusted bool) Report {
		seen := tlsverify.NewSeen(chain, trusted)
		r := Of([]schedule.State{{Account: "ann", Success: noon, Seen: seen}}, nil, noon)
		r.Shorten(nil)
		return r
	}

	r := of(true)
	alerts := NewAlerts(Report{}).Take(&r)
	const ends = `on which the server's depends, "CN=ends" ends on `
	if len(alerts) != 1 || !strings.Contains(alerts[0].Text, ends) {
		t.Errorf("%+v", alerts)
	}
	if got := r.row(&r.Accounts[0]); got.Ends != "5 days" || !got.EndsSoon {
		t.Errorf("the page says %q, %t", got.Ends, got.EndsSoon)
	}
	var b strings.Builder
	err := r.WriteMetrics(&b)
	if err != nil || !strings.Contains(b.String(), `{account="ann",subject="CN=ends"} `) {
		t.Errorf("%v, %s", err, b.String())
	}
	err = r.Text(&b, true)
	if err != nil || !strings.Contains(b.String(), "issuer CN=ends, ends in 5 days") {
		t.Errorf("%v, %s", err, b.String())
	}

	refused := of(false)
	alerts = NewAlerts(Report{}).Take(&refused)
	if len(alerts) != 0 || refused.row(&refused.Accounts[0]).Ends != "90 days" {
		t.Errorf("%+v", alerts)
	}
}

func TestNotice(t *testing.T) {
	t.Parallel()
	begins := Alert{"ann@h", "login refused", noon.UTC(), "the server says " + strings.Repeat("no ", 40),
		topicFailure, ""}
	ends := Alert{"bob@h", "ok", noon, "", topicFailure, ""}
	for want, alerts := range map[string][]Alert{
		"fetchd: ann@h: login refused":                       {begins},
		"fetchd: bob@h: ok":                                  {ends},
		"fetchd: 2 accounts need somebody":                   {begins, begins},
		"fetchd: 2 are well again":                           {ends, ends},
		"fetchd: 1 account needs somebody, 2 are well again": {ends, begins, ends},
	} {
		n := Notice(alerts, &Report{At: noon})
		if n.Subject != want {
			t.Errorf("subject %q, want %q", n.Subject, want)
		}
		for _, line := range n.Lines {
			if len(line) > mailWidth+2 {
				t.Errorf("a long line: %q", line)
			}
		}
		if last := n.Lines[len(n.Lines)-2]; last != "In all: 0 accounts." {
			t.Errorf("it ends in %q", last)
		}
	}
	if got := fmt.Sprint(ends.lines()); got != "[bob@h is well again: ok.]" {
		t.Error(got)
	}
}
