package delivery_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"fetchd/delivery"
	"fetchd/delivery/deliverytest"
	"fetchd/tlsverify/hints"

	"golang.org/x/sys/unix"
)

// mboxMail returns messages as a retrieval after a crash has them.
func mboxMail(t *testing.T, subjects ...string) []*delivery.Message {
	t.Helper()
	var ms []*delivery.Message
	for i, subject := range subjects {
		m := deliverytest.NewMessage(t, strconv.Itoa(i), mboxBody(subject))
		m.Repeat = true
		ms = append(ms, m)
	}
	return ms
}

func mboxBody(subject string) []byte {
	return []byte("From: bob@example.net\nSubject: " + subject + "\n\nFrom here\n\n>From there\n" + subject +
		"\n\n")
}

// deliverMbox delivers the messages as a group, and fails unless each is delivered.
func deliverMbox(t *testing.T, path string, ms ...*delivery.Message) {
	t.Helper()
	if err := errors.Join(delivery.NewMbox(path).DeliverGroup(t.Context(), ms)...); err != nil {
		t.Fatal(err)
	}
}

// expectMbox compares the subjects of the messages that are in the mbox, and what they are.
func expectMbox(t *testing.T, path string, subjects ...string) {
	t.Helper()
	got := messagesIn(t, path)
	if len(got) != len(subjects) {
		t.Errorf("%d messages, want %d", len(got), len(subjects))
		return
	}
	for i, subject := range subjects {
		if _, body, _ := strings.Cut(string(got[i]), "; now\n"); body != string(mboxBody(subject)) {
			t.Errorf("message %d is %q", i+1, got[i])
		}
	}
}

func mboxPath(t *testing.T) string { return filepath.Join(t.TempDir(), "mbox") }

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestMboxFromLine(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 7, 1, 2, 3, 0, time.FixedZone("", 3600))
	for _, tt := range []struct{ name, header, sender, want string }{
		{"of the header", "Return-Path: <ann@example.org>\n", "x@y",
			"From ann@example.org Sat Nov  7 00:02:03 2026\n"},
		{"of the envelope", "", "x@y", "From x@y Sat Nov  7 00:02:03 2026\n"},
		{"a bounce", "Return-Path: <>\n", "x@y", "From MAILER-DAEMON Sat Nov  7 00:02:03 2026\n"},
		{"none", "", "", "From MAILER-DAEMON Sat Nov  7 00:02:03 2026\n"},
		{"blanks", "", "a b\n@c", "From a_b_@c Sat Nov  7 00:02:03 2026\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			d := delivery.NewMbox(mboxPath(t))
			delivery.SetNow(d, func() time.Time { return now })
			m := deliverytest.NewMessage(t, "1", []byte(tt.header+"\nbody\n"))
			m.Sender, m.Trace = tt.sender, nil
			if err := d.Deliver(t.Context(), m); err != nil {
				t.Fatal(err)
			}
			path := strings.TrimPrefix(d.String(), "mbox ")
			if got, want := readFile(t, path), tt.want+tt.header+"\nbody\n\n"; got != want {
				t.Errorf("%q, want %q", got, want)
			}
			if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("%v, %v", info.Mode(), err)
			}
		})
	}
}

// TestMboxBehindOthers: what was in the file stays as it is, and is separated from what comes.
func TestMboxBehindOthers(t *testing.T) {
	t.Parallel()
	const other = "From x Sat Nov  7 00:02:03 2026\nSubject: other\n\nbody"
	for _, tt := range []struct{ before, want string }{
		{"", ""}, {other, other + "\n\n"}, {other + "\n", other + "\n\n"}, {other + "\n\n", other + "\n\n"},
		{other + "\n\n\n", other + "\n\n\n"},
	} {
		path := mboxPath(t)
		writeFile(t, path, tt.before)
		deliverMbox(t, path, mboxMail(t, "a", "b")...)
		got, ok := strings.CutPrefix(readFile(t, path), tt.want)
		if !ok {
			t.Fatalf("%q does not begin with %q", readFile(t, path), tt.want)
		}
		writeFile(t, path, got)
		expectMbox(t, path, "a", "b")
	}
}

// TestMboxUnusable: each case makes what is in the file's place.
func TestMboxUnusable(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		make func(path string) error
		want string
	}{
		{"a link", func(path string) error { return os.Symlink("elsewhere", path) }, "symbolic link"},
		{"a pipe", func(path string) error { return unix.Mkfifo(path, 0o600) }, "regular file"},
		{"a directory", func(path string) error { return os.Mkdir(path, 0o700) }, "regular file"},
		{"two names", func(path string) error {
			return errors.Join(os.WriteFile(path+"1", nil, 0o600), os.Link(path+"1", path))
		}, "hard links"},
		{"all write", func(path string) error {
			return errors.Join(os.WriteFile(path, nil, 0o600), os.Chmod(path, 0o606))
		}, "chmod o-w"},
		{"something else", func(path string) error { return os.WriteFile(path, []byte("notes\n"), 0o600) },
			"no mbox"},
		{"a beginning of something else",
			func(path string) error { return os.WriteFile(path, []byte("Fr"), 0o600) }, "no mbox"},
		{"no directory", func(path string) error { return os.Remove(filepath.Dir(path)) },
			"directory that it is in"},
		{"below a file", func(path string) error {
			return errors.Join(os.Remove(filepath.Dir(path)), os.WriteFile(filepath.Dir(path), nil, 0o600))
		}, "name another"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "dir", "mbox")
			if err := errors.Join(os.Mkdir(filepath.Dir(path), 0o700), tt.make(path)); err != nil {
				t.Fatal(err)
			}

			before := contentOf(path)
			if err := delivery.CheckMbox(path); err == nil ||
				!strings.Contains(hints.Text(err.Error(), hints.Of(err)), tt.want) {
				t.Errorf("seen beforehand: %v", err)
			}

			err := delivery.NewMbox(path).Deliver(t.Context(), mboxMail(t, "x")[0])
			if delivery.ClassOf(err) != delivery.Unusable || !strings.Contains(err.Error(), tt.want) ||
				strings.Contains(hints.Of(err), "; ") {
				t.Errorf("class %v, %v", delivery.ClassOf(err), err)
			}
			if problem, _ := hints.Split(err); strings.Count(problem, path) != 1 {
				t.Errorf("the path once: %s", problem)
			}
			if after := contentOf(path); after != before {
				t.Errorf("it has %q now", after)
			}
		})
	}
}

// contentOf reads what is a file.
func contentOf(path string) string {
	if info, err := os.Lstat(path); err != nil || !info.Mode().IsRegular() {
		return ""
	}
	data, _ := os.ReadFile(path)
	return string(data)
}

// TestMboxOfAGroup: a group may write, as in /var/mail.
func TestMboxOfAGroup(t *testing.T) {
	t.Parallel()
	path := mboxPath(t)
	writeFile(t, path, "")
	if err := os.Chmod(path, 0o660); err != nil {
		t.Fatal(err)
	}
	deliverMbox(t, path, mboxMail(t, "x")...)
	expectMbox(t, path, "x")
}

// TestMboxFullBuffer: between two messages there is one empty line, also where the buffer was written just
// before that line. A second one would belong to the message, and a repeated delivery would not know it
// again.
func TestMboxFullBuffer(t *testing.T) {
	t.Parallel()
	path := mboxPath(t)
	var ms []*delivery.Message
	// Each is read in one piece, and with the end of one of them the buffer is full.
	text := "\n\n" + strings.Repeat("x", 50_000) + "\n"
	for i := range 2 * delivery.SpoolMemory / len(text) {
		m := deliverytest.NewMessage(t, strconv.Itoa(i), []byte("Subject: "+strconv.Itoa(i)+text))
		m.Repeat = true
		ms = append(ms, m)
	}
	deliverMbox(t, path, ms...)

	// As after a kill: the same messages again.
	deliverMbox(t, path, ms...)

	got := messagesIn(t, path)
	if len(got) != len(ms) {
		t.Errorf("%d messages, want %d", len(got), len(ms))
	}
	for i, text := range got {
		if !strings.HasSuffix(string(text), "x\n") {
			t.Errorf("message %d ends in %q", i+1, text[max(0, len(text)-5):])
		}
	}
}

// TestMboxFails: whatever fails, the file is as it was before, or has whole messages; a retry delivers the
// rest.
func TestMboxFails(t *testing.T) {
	t.Parallel()
	large := strings.Repeat("x", 2<<20)
	for _, tt := range []struct {
		name     string
		calls    map[string]int // the number of the call that fails
		subjects []string
		want     []string // what is delivered all the same
	}{
		{"lock", map[string]int{"lock": 1}, []string{"a", "b"}, nil},
		{"dotlock", map[string]int{"make": 1}, []string{"a", "b"}, nil},
		{"write", map[string]int{"write": 1}, []string{"a", "b"}, nil},
		{"half of a write", map[string]int{"half": 1}, []string{"a", "b"}, nil},
		{"the second write", map[string]int{"half": 2}, []string{"a" + large, "b"}, []string{}},
		{"a later write", map[string]int{"half": 12}, []string{"a" + large, "b" + large, "c"},
			[]string{"a" + large}},
		{"sync", map[string]int{"fsync": 1}, []string{"a", "b"}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			path := mboxPath(t)
			deliverMbox(t, path, mboxMail(t, "before")...)
			d := delivery.NewMbox(path)
			delivery.Interpose(d, failing(tt.calls, unix.EIO))
			ms := mboxMail(t, tt.subjects...)
			for i, err := range d.DeliverGroup(t.Context(), ms) {
				if i >= len(tt.want) && (!errors.Is(err, unix.EIO) ||
					delivery.ClassOf(err) != delivery.Temporary) ||
					i < len(tt.want) && err != nil {
					t.Errorf("message %d: %v", i, err)
				}
			}
			expectMbox(t, path, append([]string{"before"}, tt.want...)...)
			if _, err := os.Stat(path + ".lock"); err == nil {
				t.Error("it is still locked")
			}
			if err := errors.Join(d.DeliverGroup(t.Context(), ms[len(tt.want):])...); err != nil {
				t.Fatal(err)
			}
			expectMbox(t, path, append([]string{"before"}, tt.subjects...)...)
		})
	}
}

// failing returns a step that fails at the given numbers of calls.
func failing(calls map[string]int, failure error) func(string) error {
	count := map[string]int{}
	return func(call string) error {
		if count[call]++; count[call] == calls[call] {
			return failure
		}
		return nil
	}
}

// TestMboxCannotBeShortened: what could not be taken back is not taken for a delivery, and the next message
// is apart from it.
func TestMboxCannotBeShortened(t *testing.T) {
	t.Parallel()
	path := mboxPath(t)
	d := delivery.NewMbox(path)
	delivery.Interpose(d, failing(map[string]int{"fsync": 1, "truncate": 1}, unix.EIO))
	ms := mboxMail(t, "a")
	err := d.Deliver(t.Context(), ms[0])
	if !errors.Is(err, unix.EIO) || !strings.Contains(fmt.Sprint(err), "shorten it to 0 bytes") {
		t.Fatal(err)
	}
	if err := d.Deliver(t.Context(), ms[0]); err != nil {
		t.Fatal(err)
	}
	expectMbox(t, path, "a", "a")
}

// mboxExchangedAt delivers into a file that another program moves to path.old, and makes anew, before the
// first system call of this name.
func mboxExchangedAt(path, name string) *delivery.Mbox {
	d := delivery.NewMbox(path)
	exchanged := false
	delivery.Interpose(d, func(call string) error {
		if call != name || exchanged {
			return nil
		}
		exchanged = true
		return errors.Join(os.Rename(path, path+".old"), os.WriteFile(path, nil, 0o600))
	})
	return d
}

// TestMboxExchanged: a file that a reader has replaced while we waited for its lock is not written.
func TestMboxExchanged(t *testing.T) {
	t.Parallel()
	path := mboxPath(t)
	deliverMbox(t, path, mboxMail(t, "a")...)
	d := mboxExchangedAt(path, "lock")
	if err := d.Deliver(t.Context(), mboxMail(t, "b")[0]); err != nil {
		t.Fatal(err)
	}
	expectMbox(t, path, "b")
	expectMbox(t, path+".old", "a")
}

// TestMboxTorn: wherever a killed run has stopped, the retrieval that delivers the messages again leaves each
// once, and changes nothing of what was there before.
func TestMboxTorn(t *testing.T) {
	t.Parallel()
	for _, trace := range []string{"Received: from a\n\tby b\n\tfor c; now\n", "X: y\nReceived: a; now\n",
		""} {
		t.Run(trace, func(t *testing.T) {
			t.Parallel()
			path := mboxPath(t)
			deliverMbox(t, path, mboxMail(t, "before")...)
			before := readFile(t, path)
			ms := mboxMail(t, "a", "b", "c")
			for _, m := range ms {
				m.Trace = []byte(trace)
			}
			deliverMbox(t, path, ms...)
			whole := readFile(t, path)
			for n := len(before); n <= len(whole); n++ {
				writeFile(t, path, whole[:n])
				for _, m := range ms {
					m.Trace = []byte(strings.Replace(trace, "now", "later", 1))
				}
				deliverMbox(t, path, ms...)
				got := readFile(t, path)
				all, err := deliverytest.ReadMbox([]byte(got))
				if err != nil || len(all) != 4 || !strings.HasPrefix(got, before) {
					t.Fatalf("after %q: %d messages, %v in %q", whole[len(before):n], len(all), err, got)
				}
			}
		})
	}
}

// TestMboxTornOfOthers: what others have written is never removed, even if it looks like the beginning of one
// of ours.
func TestMboxTornOfOthers(t *testing.T) {
	t.Parallel()
	const line = "From bob@example.net Sat Nov  7 00:02:03 2026\n"
	for _, tt := range []struct{ name, last string }{
		{"another sender", "From x@example.net Sat Nov  7 00:02:03 2026\n"},
		{"another trace", line + "Received: from mail.example.org\n\n"},
		{"another field", line + "Recent: x\n"},
		{"another text", line + "Received: from mail.example.org\n\tby localhost; then\nFrom: eve\n"},
		{"more text", line + "Received: from mail.example.org\n\tby localhost; then\n" +
			string(mboxBody("a")) + "more\n"},
		{"within a message", "x\nFrom bob@exam"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			path := mboxPath(t)
			before := line + "Subject: x\n\n" + tt.last
			writeFile(t, path, before)
			deliverMbox(t, path, mboxMail(t, "a")...)
			if got := readFile(t, path); !strings.HasPrefix(got, before) ||
				!strings.Contains(got, "Subject: a") {
				t.Errorf("%q", got)
			}
		})
	}
}

// TestMboxRepeatAmongOthers: messages of an earlier run are found between others, with what Dovecot and mutt
// write into them.
func TestMboxRepeatAmongOthers(t *testing.T) {
	t.Parallel()
	path := mboxPath(t)
	deliverMbox(t, path, mboxMail(t, "a", "b", "c")...)
	text := readFile(t, path)
	text = strings.Replace(text, "Subject: a\n", "Subject: a\nX-IMAPbase: 1 2\nX-UID: 1\nStatus: RO\n", 1)
	text = strings.Replace(text, "Subject: b\n", "Subject: b\nX-UID: 2\nStatus: O\n", 1)
	text = strings.Replace(text, "Subject: c\n", "Subject: changed\n", 1)
	text += "From x@y Sat Nov  7 00:02:03 2026\nSubject: later\n\nx\n\n"
	writeFile(t, path, text)
	deliverMbox(t, path, mboxMail(t, "a", "b", "c")...)
	got, ok := strings.CutPrefix(readFile(t, path), text)
	if !ok {
		t.Fatal("what was there has changed")
	}
	writeFile(t, path, got)
	expectMbox(t, path, "c")
}

// TestMboxCopyThatCannotBeSynced: a copy counts when it is durable.
func TestMboxCopyThatCannotBeSynced(t *testing.T) {
	t.Parallel()
	path := mboxPath(t)
	deliverMbox(t, path, mboxMail(t, "a")...)
	d := delivery.NewMbox(path)
	delivery.Interpose(d, failing(map[string]int{"fsync": 1}, unix.EIO))
	if err := d.Deliver(t.Context(), mboxMail(t, "a")[0]); !errors.Is(err, unix.EIO) {
		t.Error(err)
	}
	// which no longer believes the first one
	if err := d.Deliver(t.Context(), mboxMail(t, "a")[0]); err != nil {
		t.Error(err)
	}
	expectMbox(t, path, "a", "a")
}
