package status

import (
	"bytes"
	"encoding/json"
	"errors"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"fetchd/fetch"
	"fetchd/fetch/schedule"
	"fetchd/tlsverify"
)

// detailed is an account of which there is much to tell, on what a hostile server could say.
func detailed() Account {
	leaf := tlsverify.SeenCertificate{
		Subject: "CN=<b>\x1b[2J", Issuer: "CN=ca", Fingerprint: "sha256:AB",
		NotAfter: later.AddDate(0, 0, 9).UTC(),
	}
	root := tlsverify.SeenCertificate{
		Subject: "CN=ca", Issuer: "CN=ca", Fingerprint: "sha256:CD", NotAfter: noon.AddDate(0, 0, -1).UTC(),
	}
	a := Account{
		Name: "ann@h", State: "login refused", Trouble: true, SetAside: 3,
		Failure: &Failure{"auth", "no", noon, later, 2},
		Grant:   &fetch.Grant{Until: later.Add(time.Hour), Renews: true},
		Waiting: []Waiting{{"<i>", "\x1b4711", noon}, {"", "12", noon}},
	}
	var h *schedule.History
	for _, o := range []schedule.Outcome{
		outcome("ann@h", 2, nil), outcome("ann@h", 0, errors.New("<script>1")),
		outcome("ann@h", 0, errors.New("<script>2")),
	} {
		h = h.With(o, noon.Add(30*time.Minute))
	}
	a.setHistory(h)
	a.setSeen(tlsverify.NewSeen([]tlsverify.SeenCertificate{leaf, root}, false), later)
	return a
}

func TestDetails(t *testing.T) {
	t.Parallel()
	r := Report{At: later, Accounts: []Account{detailed()}}
	var b bytes.Buffer
	if err := r.Text(&b, true); err != nil {
		t.Fatal(err)
	}
	_, got, _ := strings.Cut(b.String(), ": no\n")
	want := strings.ReplaceAll(`last 24 hours: 2 messages, 200 bytes, 2 failed retrievals
grant: access token until 14:00, then the next one
certificate CN=<b>\x1b[2J, ends in 9 days, on 2026-05-10, sha256:AB
issuer CN=ca, ended on 2026-04-30, sha256:CD
set aside: <i> \x1b4711, last tried 12:00
set aside: 12, last tried 12:00
set aside: 1 more
12:30 to 12:30 2 times unknown: <script>2
12:30 2 messages, 200 bytes
`, "\n", "\n"+strings.Repeat(" ", 21))
	if want = strings.Repeat(" ", 21) + strings.TrimRight(want, " "); got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
}

func TestGrantInWords(t *testing.T) {
	t.Parallel()
	r := Report{At: noon}
	for want, g := range map[string]fetch.Grant{
		"grant: needs a login: fetchd login ann@h":           {Until: later, NeedsLogin: true},
		"grant: no access token yet":                         {Renews: true},
		"grant: access token until 13:00, then the next one": {Until: later, Renews: true},
		"grant: until 13:00, then it needs a login":          {Until: later},
	} {
		if got := r.grant(&Account{Name: "ann@h", Grant: &g}); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// TestReportKeepsThePast: what a daemon leaves behind is what the next one knows, once.
func TestReportKeepsThePast(t *testing.T) {
	t.Parallel()
	r := Report{At: later, Accounts: []Account{detailed(), {Name: "bob@h", Mailboxes: []string{"A", "B"}}}}
	path := filepath.Join(t.TempDir(), "status")
	if _, err := r.Save(path); err != nil {
		t.Fatal(err)
	}
	back, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}

	pasts := back.Pasts()
	ann := &fetch.Account{Name: "ann@h"}
	p := pasts(ann)
	var again Account
	again.setHistory(p.History.At(later))
	again.setSeen(p.Seen, later)
	if want := r.Accounts[0]; !reflect.DeepEqual(again.Certificates, want.Certificates) || !again.Refused ||
		len(again.Passes) != 2 || again.DayMessages != 2 || again.DayFailures != 2 ||
		*again.Passes[1].Failure != *want.Passes[1].Failure &&
			!again.Passes[1].Failure.Since.Equal(want.Passes[1].At) {
		t.Errorf("%+v\nwant %+v", again, want)
	}
	if p := pasts(ann); p.Seen != (tlsverify.Seen{}) || p.History != nil {
		t.Errorf("told again: %+v", p)
	}
}

func TestShorten(t *testing.T) {
	t.Parallel()
	ann, bob := detailed(), detailed()
	bob.Name = "bob@i"
	r := Report{Accounts: []Account{ann, bob}}
	r.Shorten(Named([]string{"h"}))
	if a := r.Accounts[0]; len(a.Hours) == 0 || len(a.Passes) != 2 || len(a.Certificates) != 2 {
		t.Errorf("whole: %+v", a)
	}
	a := r.Accounts[1]
	if a.Hours != nil || a.Passes != nil || len(a.Certificates) != 1 || a.DayMessages != 2 ||
		len(a.Waiting) != 2 {
		t.Errorf("short: %+v", a)
	}
}

// TestPassKeepsHistory: what is in the file of the last pass is continued, and grows older in those that a
// pass leaves out.
func TestPassKeepsHistory(t *testing.T) {
	t.Parallel()
	first := AfterPass(Report{}, []schedule.Outcome{outcome("ann@h", 2, nil), outcome("bob@h", 1, nil)}, nil,
		all, noon)
	text, err := json.Marshal(first)
	if err != nil {
		t.Fatal(err)
	}
	var back Report
	if err := json.Unmarshal(text, &back); err != nil {
		t.Fatal(err)
	}
	next := AfterPass(back, []schedule.Outcome{outcome("ann@h", 3, nil)}, nil, all, noon.Add(25*time.Hour))
	ann, bob := next.Accounts[0], next.Accounts[1]
	if ann.DayMessages != 3 || len(ann.Passes) != 2 || bob.DayMessages != 0 || len(bob.Passes) != 1 {
		t.Errorf("ann %+v\nbob %+v", ann, bob)
	}
}
