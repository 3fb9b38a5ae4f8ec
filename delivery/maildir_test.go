package delivery

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// spoolOf returns a complete spool of s.
func spoolOf(t testing.TB, s string) *Spool {
	t.Helper()
	spool := NewSpool(SpoolOptions{})
	if _, err := spool.Write([]byte(s)); err != nil {
		t.Fatal(err)
	}
	if err := spool.Close(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(spool.Release)
	return spool
}

// mailFrom returns message number uid of an IMAP account.
func mailFrom(t testing.TB, uid, body string) *Message {
	t.Helper()
	return &Message{
		Account: "ann@mail.example.org", Mailbox: "INBOX", UIDValidity: 1700000000, UID: uid,
		Sender: "bob@example.net", Recipients: []string{"ann"}, Body: spoolOf(t, body),
	}
}

// namesIn lists a directory of the Maildir.
func namesIn(t *testing.T, dir, sub string) []string {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(dir, sub))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func deliver(t *testing.T, d Deliverer, m *Message) {
	t.Helper()
	if err := d.Deliver(context.Background(), m); err != nil {
		t.Fatal(err)
	}
}

func TestMaildirMakesWhatIsMissing(t *testing.T) {
	t.Parallel()
	for _, missing := range []string{"", "tmp", "new", "cur"} {
		t.Run("missing "+missing, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), "Maildir")
			d := NewMaildir(MaildirOptions{Dir: dir})
			deliver(t, d, mailFrom(t, "1", "a\n"))
			if err := os.RemoveAll(filepath.Join(dir, missing)); err != nil {
				t.Fatal(err)
			}

			deliver(t, d, mailFrom(t, "2", "b\n"))
			for _, sub := range []string{"", "tmp", "new", "cur"} {
				info, err := os.Stat(filepath.Join(dir, sub))
				if err != nil || info.Mode() != os.ModeDir|0o700 {
					t.Errorf("%q: %v %v", sub, info, err)
				}
			}

			name := namesIn(t, dir, "new")[0]
			if info, err := os.Stat(filepath.Join(dir, "new", name)); err != nil || info.Mode() != 0o600 {
				t.Errorf("message: %v %v", info, err)
			}
		})
	}
}

func TestMaildirRepeat(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		repeat  bool
		between func(t *testing.T, dir, name string)
		body    string
		copies  int
	}{
		{"in new", false, nil, "one\n", 1},
		{"in new, known repeat", true, nil, "one\n", 1},
		{"moved to cur", true, moveToCur(":2,"), "one\n", 1},
		{"moved to cur and read", true, moveToCur(":2,RS"), "one\n", 1},
		{"moved to cur without flags", true, moveToCur(""), "one\n", 1},
		{"same UID, other message", false, nil, "two\n", 2},
		{"same UID, other message, known repeat", true, nil, "two\n", 2},
		{"name taken by other bytes in new", false, overwrite("new"), "one\n", 2},
		{"name taken by other bytes in cur", true, func(t *testing.T, dir, name string) {
			overwrite("new")(t, dir, name)
			moveToCur(":2,S")(t, dir, name)
		}, "one\n", 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			d := NewMaildir(MaildirOptions{Dir: dir})
			deliver(t, d, mailFrom(t, "7", "one\n"))
			if tt.between != nil {
				tt.between(t, dir, namesIn(t, dir, "new")[0])
			}
			again := mailFrom(t, "7", tt.body)
			again.Repeat, again.Trace = tt.repeat, []byte("Received: at another time\n")
			deliver(t, d, again)
			deliver(t, d, again)
			copies := append(namesIn(t, dir, "new"), namesIn(t, dir, "cur")...)
			if len(copies) != tt.copies || len(namesIn(t, dir, "tmp")) != 0 {
				t.Errorf("copies %q, in tmp %q", copies, namesIn(t, dir, "tmp"))
			}
		})
	}
}

func moveToCur(flags string) func(t *testing.T, dir, name string) {
	return func(t *testing.T, dir, name string) {
		err := os.Rename(filepath.Join(dir, "new", name), filepath.Join(dir, "cur", name+flags))
		if err != nil {
			t.Fatal(err)
		}
	}
}

func overwrite(sub string) func(t *testing.T, dir, name string) {
	return func(t *testing.T, dir, name string) {
		if err := os.WriteFile(filepath.Join(dir, sub, name), []byte("eno\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestMaildirReplacesLeftoverInTmp(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	d := NewMaildir(MaildirOptions{Dir: dir})
	deliver(t, d, mailFrom(t, "1", "first\n"))
	m := mailFrom(t, "2", "short\n")
	if err := os.WriteFile(filepath.Join(dir, "tmp", messageName(m)+firstTry),
		[]byte("half of a longer message"), 0o600); err != nil {
		t.Fatal(err)
	}
	deliver(t, d, m)
	got, err := os.ReadFile(filepath.Join(dir, "new", messageName(m)))
	if err != nil || string(got) != "short\n" {
		t.Errorf("got %q, %v", got, err)
	}
}

// Another process may be at work on the same message: what it finds under its name in tmp is its own file or
// none.
func TestMaildirLeavesNoHalfFileToOthers(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	d, other := NewMaildir(MaildirOptions{Dir: dir}), NewMaildir(MaildirOptions{Dir: dir})
	deliver(t, d, mailFrom(t, "1", "first\n"))
	m := mailFrom(t, "2", "text\n")
	first, second := opened(t, d), opened(t, other)
	for _, g := range []*maildirGroup{first, second} {
		g.items = make([]maildirItem, 1)
		g.claimNames([]*Message{m})
	}
	first.store(t.Context())
	fd, err := second.createTmp(&second.items[0]) // and nothing is written yet
	if err != nil {
		t.Fatal(err)
	}
	second.items[0].state = stored
	first.publish(t.Context())
	if files := namesIn(t, dir, "new"); len(files) != 1 || !errors.Is(first.items[0].err, os.ErrNotExist) {
		t.Errorf("new holds %q, the first one's error %v", files, first.items[0].err)
	}
	first.end()
	second.end()
	if err := os.NewFile(uintptr(fd), "").Close(); err != nil {
		t.Error(err)
	}
	if left := namesIn(t, dir, "tmp"); len(left) > 0 {
		t.Errorf("left in tmp: %q", left)
	}
}

func TestMaildirUnusable(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	loop := filepath.Join(t.TempDir(), "loop")
	if err := os.Symlink(loop, loop); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ name, dir, says string }{
		{"home is not mounted", filepath.Join(t.TempDir(), "home", "Maildir"), "is it mounted?"},
		{"a file", file, "must be a directory"},
		{"below a file", filepath.Join(file, "Maildir"), "must be a directory"},
		{"a loop", loop, "must be a directory"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			d := NewMaildir(MaildirOptions{Dir: tt.dir})
			ms := []*Message{mailFrom(t, "1", "a"), mailFrom(t, "2", "b")}
			for _, err := range d.DeliverGroup(context.Background(), ms) {
				if ClassOf(err) != Unusable || !strings.Contains(fmt.Sprint(err), tt.says) {
					t.Errorf("got %v", err)
				}
			}
		})
	}
}

func TestMaildirOneBadMessage(t *testing.T) {
	t.Parallel()
	for _, n := range []int{3, 20} { // fsync each, syncfs
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			d := NewMaildir(MaildirOptions{Dir: dir})
			var ms []*Message
			for i := range n {
				ms = append(ms, mailFrom(t, fmt.Sprint(i), fmt.Sprintf("body %d\n", i)))
			}
			deliver(t, d, mailFrom(t, "first", "x"))
			if err := os.MkdirAll(filepath.Join(dir, "tmp", messageName(ms[1])+firstTry), 0o700); err != nil {
				t.Fatal(err)
			}
			ms[2] = ms[0] // the same message twice in one group
			for i, err := range d.DeliverGroup(context.Background(), ms) {
				if bad := i == 1 || i == 2; bad != (err != nil) {
					t.Errorf("message %d: %v", i, err)
				}
			}
			if got := len(namesIn(t, dir, "new")); got != n-1 {
				t.Errorf("%d messages in new, want %d", got, n-1)
			}
			if len(d.busy) != 0 {
				t.Errorf("names still claimed: %v", d.busy)
			}
		})
	}
}

func TestMaildirCancelled(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	d := NewMaildir(MaildirOptions{Dir: dir})
	deliver(t, d, mailFrom(t, "1", "a"))
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	err := d.Deliver(ctx, mailFrom(t, "2", "b"))
	if !errors.Is(err, context.Canceled) || ClassOf(err) != Temporary {
		t.Errorf("got %v", err)
	}
	if got := len(namesIn(t, dir, "new")) + len(namesIn(t, dir, "tmp")); got != 1 {
		t.Errorf("%d files", got)
	}
}

func TestMessageName(t *testing.T) {
	t.Parallel()
	body := spoolOf(t, "x")
	base := Message{Account: "a@h", Mailbox: "INBOX", UIDValidity: 1, UID: "12", Body: body}
	const want = "U0000000012.dl4li06476b0t8f62r1rul0k.1Ca93c5f93.fetchd"
	if got := messageName(&base); got != want {
		t.Errorf("got %q: a new format breaks the repeat after an upgrade, want %q", got, want)
	}

	seen := map[string]string{}
	for name, m := range map[string]Message{
		"base":           base,
		"other account":  {Account: "b@h", Mailbox: "INBOX", UIDValidity: 1, UID: "12", Body: body},
		"other mailbox":  {Account: "a@h", Mailbox: "Work", UIDValidity: 1, UID: "12", Body: body},
		"shifted":        {Account: "a@hI", Mailbox: "NBOX", UIDValidity: 1, UID: "12", Body: body},
		"other validity": {Account: "a@h", Mailbox: "INBOX", UIDValidity: 2, UID: "12", Body: body},
		"leading zero":   {Account: "a@h", Mailbox: "INBOX", UIDValidity: 1, UID: "012", Body: body},
		"punctuation":    {Account: "a@h", Mailbox: "INBOX", UIDValidity: 1, UID: "1/2", Body: body},
		"other body": {
			Account: "a@h", Mailbox: "INBOX", UIDValidity: 1, UID: "12", Body: spoolOf(t, "y"),
		},
		"long UIDL":        {Account: "a@h", UID: strings.Repeat("x", 1<<20), Body: body},
		"other long UIDL":  {Account: "a@h", UID: strings.Repeat("x", 1<<20) + "y", Body: body},
		"no UID":           {Account: "a@h", Body: body},
		"dots and slashes": {Account: "a@h", UID: "../../etc/passwd", Body: body},
	} {
		got := messageName(&m)
		if other, clash := seen[got]; clash {
			t.Errorf("%s and %s are both %q", name, other, got)
		}
		seen[got] = name
		checkName(t, got)
	}
}

func checkName(t *testing.T, name string) {
	t.Helper()
	if len(name) > 128 || name[0] != 'U' {
		t.Errorf("unsafe name %q", name)
	}
	for i := range len(name) {
		if c := name[i]; c != '.' && !isAlnum(c) {
			t.Fatalf("unsafe name %q", name)
		}
	}
}

func FuzzMessageName(f *testing.F) {
	f.Add("a@h", "INBOX", uint32(1), "12")
	f.Add("", "", uint32(0), "\x00:/,\n../é")
	f.Fuzz(func(t *testing.T, account, mailbox string, validity uint32, uid string) {
		m := &Message{
			Account: account, Mailbox: mailbox, UIDValidity: validity, UID: uid, Body: spoolOf(t, uid),
		}
		name := messageName(m)
		checkName(t, name)
		if name != messageName(m) {
			t.Error("not the same at a second time")
		}
	})
}
