package status

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"fetchd/fetch"
	"fetchd/fetch/schedule"
)

var (
	noon  = time.Date(2026, 5, 1, 12, 0, 0, 0, time.Local)
	later = noon.Add(time.Hour)
)

func outcome(name string, delivered int, err error) schedule.Outcome {
	return schedule.Outcome{
		Account: &fetch.Account{Name: name, Refusals: new(fetch.Refusals)},
		Result:  fetch.Result{Delivered: delivered, Bytes: int64(100 * delivered)}, Err: err,
	}
}

func all(string) bool { return true }

// TestAfterPass: a failure has begun at the first pass that had it, and a pass says nothing of what it left
// out.
func TestAfterPass(t *testing.T) {
	t.Parallel()
	refused := fetch.Fail(fetch.KindAuth, errors.New("no"))
	first := AfterPass(Report{}, []schedule.Outcome{outcome("ann@h", 2, nil),
		outcome("bob@h", 0, refused)},
		map[string]string{"eve@h": "auth ntlm"}, all, noon)
	second := AfterPass(first, []schedule.Outcome{outcome("bob@h", 0, refused)}, nil,
		func(name string) bool { return name != "eve@h" }, later)
	third := AfterPass(second, []schedule.Outcome{outcome("ann@h", 0, errors.New("down")),
		outcome("bob@h", 1, nil)},
		nil, all, later)

	for i, want := range []string{
		"ann@h ok 2; bob@h login refused x1 12:00; eve@h disabled x1 12:00",
		"ann@h ok 2; bob@h login refused x2 12:00",
		"ann@h failing x1 13:00; bob@h ok 1",
	} {
		var got []string
		for _, a := range []Report{first, second, third}[i].Accounts {
			text := a.Name + " " + a.State
			if a.Messages > 0 {
				text += " " + string(rune('0'+a.Messages))
			}
			if a.Trouble {
				text += " x" + string(rune('0'+a.Failure.Count)) + " " + a.Failure.Since.Format(today)
			}
			got = append(got, text)
		}
		if got := strings.Join(got, "; "); got != want {
			t.Errorf("pass %d: %s, want %s", i+1, got, want)
		}
	}
	if a := third.Accounts[0]; !a.Success.Equal(noon) {
		t.Errorf("ann's last success was %v", a.Success)
	}
}

func TestOutput(t *testing.T) {
	t.Parallel()
	r := Report{At: later, Accounts: []Account{
		{Name: "ann@h", State: "ok", Success: noon, Messages: 3, Bytes: 300},
		{Name: "bob@h", Mailboxes: []string{"INBOX"}, State: "login refused", Trouble: true, SetAside: 1,
			Failure: &Failure{"login", "no\x1b[2J | entry", noon.AddDate(0, 0, -1), later, 12}},
		{Name: "bob@h", Mailboxes: []string{"Lists"}, State: "ok"},
	}}
	const want = `2 accounts, 1 in trouble; no daemon runs; as of 13:00
login refused        bob@h INBOX: 1 set aside
                     since Apr 30 12:00, 12 times: no\x1b[2J | entry
ok                   ann@h: last success 12:00; 3 messages, 300 bytes
ok                   bob@h Lists
`
	var b bytes.Buffer
	if err := r.Text(&b, false); err != nil || b.String() != want {
		t.Errorf("%v\n%s", err, b.String())
	}

	const line = "FETCHD WARNING - 2 accounts, 1 in trouble: bob@h login refused | " +
		"accounts=2 trouble=1 set_aside=1 messages=3c"
	if got := r.Line(); got != line {
		t.Errorf("line %q", got)
	}

	b.Reset()
	var back Report
	if err := r.JSON(&b); err != nil || json.Unmarshal(b.Bytes(), &back) != nil || back.Line() != line {
		t.Errorf("%v\n%s", err, b.String())
	}
}

func TestSelect(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ names, want, unknown string }{
		{"", "ann@x.org@h bob@h bob@i", ""},
		{"h", "ann@x.org@h bob@h", ""},
		{"bob", "bob@h bob@i", ""},
		{"bob@i h", "bob@i ann@x.org@h bob@h", ""},
		{"bob@i bob", "bob@i bob@h", ""},
		{"ann@x.org", "ann@x.org@h", ""},
		{"eve bob@h", "bob@h", "eve"},
	} {
		r := Report{Accounts: []Account{{Name: "ann@x.org@h"}, {Name: "bob@h"}, {Name: "bob@i"}}}
		unknown := r.Select(strings.Fields(tt.names))
		var got []string
		for _, a := range r.Accounts {
			got = append(got, a.Name)
		}
		if strings.Join(got, " ") != tt.want || strings.Join(unknown, " ") != tt.unknown {
			t.Errorf("%q: %q, unknown %q", tt.names, got, unknown)
		}
	}
}

func TestSaveAndLoad(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "status")
	if _, err := Load(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}

	for n := range 2 {
		r := Report{At: noon, Accounts: []Account{{Name: "ann@h", Messages: int64(n)}}}
		if _, err := r.Save(path); err != nil {
			t.Fatal(err)
		}
		back, err := Load(path)
		if err != nil || len(back.Accounts) != 1 || back.Accounts[0].Messages != int64(n) ||
			!back.At.Equal(noon) {
			t.Errorf("%+v, %v", back, err)
		}
	}
	if files, _ := os.ReadDir(dir); len(files) != 1 {
		t.Errorf("files left: %v", files)
	}

	if err := os.WriteFile(path, []byte(`{"accounts": [`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(path); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("half a file: %v", err)
	}
}

func TestSocket(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "lock.sock")
	if _, err := Ask(t.Context(), path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no socket: %v", err)
	}

	for range 2 { // the second finds what the first, killed, has left behind
		s, err := Serve(path, func(whole func(string) bool) Report {
			if !whole("ann@h") || whole("bob@h") {
				t.Error("another account's history was asked for")
			}
			return Report{PID: 7, Accounts: []Account{{Name: "ann@h"}}}
		})
		if err != nil {
			t.Fatal(err)
		}
		info, err := os.Lstat(path)
		if err != nil || info.Mode() != fs.ModeSocket|0o600 {
			t.Errorf("%v, %v", info, err)
		}
		for range 3 {
			if r, err := Ask(t.Context(), path, "ann"); err != nil || r.PID != 7 || len(r.Accounts) != 1 {
				t.Errorf("%+v, %v", r, err)
			}
		}
		s.l.(interface{ SetUnlinkOnClose(bool) }).SetUnlinkOnClose(false)
		s.Close()
	}
	if _, err := Ask(t.Context(), path); err == nil {
		t.Error("a closed server answers")
	}

	other := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(other, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if s, err := Serve(other, nil); err == nil {
		s.Close()
		t.Error("a file that is no socket was replaced")
	}
}

// A daemon that hangs, or was stopped, takes what it is asked or not, and says nothing.
func TestSilentDaemon(t *testing.T) {
	t.Parallel()
	for _, takes := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			ours, theirs := net.Pipe()
			defer ours.Close()
			defer theirs.Close()
			if takes {
				go func() { _, _ = io.Copy(io.Discard, theirs) }()
			}
			_, err := askThrough(ours, "lock.sock", nil)
			want := "lock.sock does not answer within 5s; hint: "
			if text := fmt.Sprint(err); !strings.Contains(text, want) {
				t.Errorf("takes %v: %s", takes, text)
			}
		})
	}
}

// What a report says is not believed: nothing in it reaches a terminal as it is, nor ends the program.
func TestReportOfOthers(t *testing.T) {
	t.Parallel()
	const evil = `"\u001b[2J\n"`
	path := filepath.Join(t.TempDir(), "status")
	for name, text := range map[string]string{
		"without a failure": `{"accounts": [{"account": "ann@h", "state": "disabled", "trouble": true}]}`,
		"escapes": `{"accounts": [{"account": ` + evil + `, "mailboxes": [` + evil + `], "state": ` + evil +
			`, "trouble": true, "failure": {"kind": ` + evil +
			`, "text": ` + evil + `}, "passes": [{"failure":
			{"kind": ` + evil + `, "text": ` + evil + `}}], "certificates": [{"subject": ` + evil + `}],
			"set_aside_messages": [{"uid": ` + evil + `}]}]}`,
		"null": `{"accounts": null}`,
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		before, err := Load(path)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}

		var out strings.Builder
		if err := errors.Join(before.Text(&out, true), before.JSON(&out)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if shown := out.String() + before.Line(); strings.ContainsRune(shown, '\x1b') {
			t.Errorf("%s: %q", name, shown)
		}
		after := AfterPass(before, nil, map[string]string{"ann@h": "no"}, all, noon)
		after.Continue(before)
	}
}

// Nobody is asked who could have put a socket of their own into a place like /tmp.
func TestSocketOfAnotherUser(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root can give files away")
	}
	const stranger = 12345
	dir := t.TempDir()
	path := filepath.Join(dir, "lock.sock")
	s, err := Serve(path, func(func(string) bool) Report { return Report{PID: 7} })
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()

	if err := os.Lchown(path, stranger, -1); err != nil {
		t.Fatal(err)
	}
	if _, err := Ask(t.Context(), path); err == nil ||
		!strings.Contains(err.Error(), "no daemon's of yours") {
		t.Errorf("a stranger's socket: %v", err)
	}
	// The directory of a service that runs as another user.
	if err := os.Chown(dir, stranger, -1); err != nil {
		t.Fatal(err)
	}
	if r, err := Ask(t.Context(), path); err != nil || r.PID != 7 {
		t.Errorf("%+v, %v", r, err)
	}
}

// What is added replaces what was there of its accounts; a part that a crash has torn costs that part alone.
func TestAppend(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "status")
	var whole Report
	for n := range 2*chunk + 1 {
		whole.Accounts = append(whole.Accounts, Account{Name: fmt.Sprintf("u%03d@h", n)})
	}
	whole.Accounts[1].Mailboxes = []string{"INBOX"}
	later := Report{At: noon, Accounts: []Account{{Name: "u001@h", Mailboxes: []string{"INBOX"}, Messages: 7},
		{Name: "new@h"}}}
	_, err1 := whole.Save(path)
	size, err2 := later.Append(path)
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}

	check := func(what string, messages int64) {
		t.Helper()
		got, err := Load(path)
		if err != nil || len(got.Accounts) != 2*chunk+2 || !got.At.Equal(noon) ||
			got.Accounts[2].Messages != messages || got.Accounts[0].Name != "new@h" {
			t.Errorf("%s: %v, %d accounts, %+v", what, err, len(got.Accounts), got.Accounts[:3])
		}
	}
	check("appended", 7)

	later.Accounts[0].Messages = 8
	torn, err := later.Append(path)
	if err != nil {
		t.Fatal(err)
	}
	check("appended again", 8)
	if err := os.Truncate(path, (size+torn)/2); err != nil {
		t.Fatal(err)
	}
	check("torn", 7)
}
