package delivery

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"fetchd/fetch/login/imapline"

	"golang.org/x/sys/unix"
)

func TestFolderName(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ mailbox, want string }{
		{"", ""}, {"INBOX", ""}, {"Inbox", ""},
		{"Work", ".Work"}, {"Work/2026", ".Work.2026"}, {"Work.2026", ".Work.2026"},
		{"INBOX.Sent", ".Sent"}, {"inbox/Sent/x", ".Sent.x"}, {"INBOXES", ".INBOXES"},
		{"Entwürfe", ".Entw&APw-rfe"}, {"Entw&APw-rfe", ".Entw&APw-rfe"},
		{"R&D", ".R&-D"}, {"R&-D", ".R&-D"},
		{"..", "refused"}, {"/", "refused"}, {".", "refused"},
		{"../../etc/passwd", ".etc.passwd"}, {"/etc", ".etc"}, {".hidden", ".hidden"}, {"a..b//c", ".a.b.c"},
		{"new", ".new"}, {"a\nb\x00", ".a&AAo-b&AAA-"}, {"with blanks", ".with blanks"},
		{strings.Repeat("x", 254), "." + strings.Repeat("x", 254)},
		{strings.Repeat("x", 255), "refused"}, {strings.Repeat("Папка/", 20), "refused"},
	} {
		got, ok := folderName(tt.mailbox, "")
		if !ok {
			got = "refused"
		}

		if got != tt.want {
			t.Errorf("%q: %q, want %q", tt.mailbox, got, tt.want)
		}
	}
}

// With the server's separator, what else divides levels on disk is written otherwise, and names that have
// none of it are what they were.
func TestFolderNameOfSeparator(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ mailbox, separator, want string }{
		{"a/b", "/", ".a.b"}, {"a.b", "/", ".a%2eb"}, {"a%2eb", "/", ".a%252eb"}, {"a%25b", "/", ".a%2525b"},
		{"a.b", ".", ".a.b"}, {"a/b", ".", ".a%2fb"}, {"INBOX.Sent", ".", ".Sent"}, {"50%", ".", ".50%"},
		{"a^b.c", "^", ".a.b%2ec"}, {"Entwürfe/x", "/", ".Entw&APw-rfe.x"}, {"..", "/", ".%2e%2e"},
		{"../../etc", "/", ".%2e%2e.%2e%2e.etc"}, {"/", "/", ""},
	} {
		if got, _ := folderName(tt.mailbox, tt.separator); got != tt.want {
			t.Errorf("%q with %q: %q, want %q", tt.mailbox, tt.separator, got, tt.want)
		}
	}
}

// FuzzFolderName: whatever a mailbox is called, its directory is one in the Maildir, and no other's.
func FuzzFolderName(f *testing.F) {
	f.Add("INBOX/../.x", "a.b", "")
	f.Add("&AC8-../a&AC4ALg-", "a/b", "/")
	f.Add("a%2eb", "a.b", "/")
	f.Fuzz(func(t *testing.T, mailbox, other, separator string) {
		dir, ok := folderName(mailbox, separator)
		if !ok || dir == "" {
			return
		}
		second, _ := folderName(other, separator)
		if dir == second && len(separator) == 1 && separator[0] < 0x80 && differ(mailbox, other, separator) {
			t.Errorf("%q and %q both become %q", mailbox, other, dir)
		}
		if !strings.HasPrefix(dir, ".") || strings.HasSuffix(dir, ".") || strings.Contains(dir, "..") ||
			strings.ContainsAny(dir, "/\x00\n") {
			t.Errorf("%q becomes %q", mailbox, dir)
		}
	})
}

// differ tells whether two mailboxes are different ones, but for what no server distinguishes: an INBOX above
// them, levels without a name, and the notations of the same characters.
func differ(a, b, separator string) bool {
	parts := func(name string) []string {
		levels := strings.FieldsFunc(imapline.DecodeName(name),
			func(r rune) bool { return string(r) == separator })
		if len(levels) > 1 && strings.EqualFold(levels[0], "INBOX") {
			levels = levels[1:]
		}
		for i := range levels {
			levels[i] = strings.ToValidUTF8(levels[i], "\uFFFD")
		}
		return levels
	}
	return !slices.Equal(parts(a), parts(b))
}

func TestMaildirFolders(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "Maildir")
	d := NewMaildirFolders(MaildirOptions{Dir: dir})
	if got, want := d.String(), "Maildir "+dir+"/%folder"; got != want {
		t.Errorf("%s, want %s", got, want)
	}

	var ms []*Message
	for i, mailbox := range []string{"Work/x", "INBOX", "Work/x", "..", "Entwürfe"} {
		m := mailFrom(t, fmt.Sprint(i), "x\n")
		m.Mailbox = mailbox
		ms = append(ms, m)
	}
	for range 2 {
		for i, err := range d.DeliverGroup(t.Context(), ms) {
			if refused := i == 3; (err != nil) != refused || refused && ClassOf(err) != Permanent {
				t.Errorf("message %d: %v", i, err)
			}
			ms[i].Repeat = true
		}
		for sub, want := range map[string]int{".": 1, ".Work.x": 2, ".Entw&APw-rfe": 1} {
			if got := namesIn(t, filepath.Join(dir, sub), "new"); len(got) != want {
				t.Errorf("in %s: %v", sub, got)
			}
			_, err := os.Stat(filepath.Join(dir, sub, "maildirfolder"))
			if (err == nil) != (sub != ".") {
				t.Errorf("%s: %v", sub, err)
			}
		}
	}
	if entries, err := os.ReadDir(filepath.Dir(dir)); err != nil || len(entries) != 1 {
		t.Errorf("%v, %v", entries, err)
	}
}

// A folder that can't be used ends no retrieval: mail of the others has its place. A Maildir that can't be
// used does.
func TestMaildirFolderUnusable(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "Maildir")
	d := NewMaildirFolders(MaildirOptions{Dir: dir})
	to := func(mailbox string) error {
		m := mailFrom(t, "1", "x\n")
		m.Mailbox = mailbox
		return d.Deliver(t.Context(), m)
	}
	if err := to("INBOX"); err != nil {
		t.Fatal(err)
	}

	for _, make := range []func(path string) error{
		func(path string) error { return os.WriteFile(path, nil, 0o600) },
		func(path string) error { return os.Symlink("nowhere", path) },
		func(path string) error {
			return errors.Join(os.Mkdir(path, 0o700), os.Symlink("../new", path+"/new"),
				os.Mkdir(path+"/cur", 0o700), os.Mkdir(path+"/tmp", 0o700))
		},
	} {
		if err := make(dir + "/.Work"); err != nil {
			t.Fatal(err)
		}
		if err := to("Work"); err == nil || ClassOf(err) != Temporary {
			t.Errorf("class %d: %v", ClassOf(err), err)
		}
		if err := os.RemoveAll(dir + "/.Work"); err != nil {
			t.Fatal(err)
		}
	}

	if err := errors.Join(os.RemoveAll(dir), os.WriteFile(dir, nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	for _, mailbox := range []string{"INBOX", "Work"} {
		if err := to(mailbox); ClassOf(err) != Unusable {
			t.Errorf("class %d: %v", ClassOf(err), err)
		}
	}
}

// A folder whose directories could not be made durable is made anew, with its mark.
func TestMaildirFolderMadeAnew(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "Maildir")
	folders := NewMaildirFolders(MaildirOptions{Dir: dir})
	d := folders.of(".x")
	fail := true
	fsync := d.sys.fsync
	d.sys.fsync = func(fd int) error {
		if fail {
			return unix.EIO
		}
		return fsync(fd)
	}

	m := mailFrom(t, "1", "x\n")
	m.Mailbox = "x"
	if err := folders.Deliver(t.Context(), m); !errors.Is(err, unix.EIO) {
		t.Fatal(err)
	}
	if _, err := os.Stat(dir); err == nil {
		t.Error("the Maildir is left")
	}
	fail = false
	if err := folders.Deliver(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dir + "/.x/maildirfolder"); err != nil {
		t.Error(err)
	}
}

func TestMaildirKeepsFlags(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		flags []string
		want  string // what the name ends in; "" = it is new
	}{
		{"none", nil, ""},
		{"others", []string{`\Recent`, `\Deleted`, "$Junk"}, ""},
		{"seen", []string{`\Seen`}, ":2,S"},
		{"all", []string{`\SEEN`, `\Flagged`, `\Answered`, "$forwarded", `\Draft`, `\Seen`}, ":2,DFPRS"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			for _, keep := range []bool{true, false} {
				d := NewMaildir(MaildirOptions{Dir: filepath.Join(t.TempDir(), "Maildir"), KeepFlags: keep})
				m := mailFrom(t, "1", "x\n")
				m.Flags = tt.flags
				sub, suffix := "new", ""
				if keep && tt.want != "" {
					sub, suffix = "cur", tt.want
				}
				for range 3 { // once more without Repeat, and with other flags and Repeat
					if err := d.Deliver(t.Context(), m); err != nil {
						t.Fatal(err)
					}
					got := append(namesIn(t, d.dir, "new"), namesIn(t, d.dir, "cur")...)
					if len(got) != 1 || got[0] != messageName(m)+suffix || len(namesIn(t, d.dir, sub)) != 1 {
						t.Errorf("%v", got)
					}
					if m.Repeat {
						m.Flags = []string{`\Draft`}
					}
					m.Repeat = true
				}
			}
		})
	}
}

// A message in cur counts when cur is durable.
func TestMaildirKeepsFlagsDurably(t *testing.T) {
	t.Parallel()
	d, r := recorded(t, syncNothing)
	d.keepsFlags = true
	ms := threeMails(t)
	ms[1].Flags = []string{`\Seen`}
	r.fail["fsync cur"] = unix.EIO
	for i, err := range d.DeliverGroup(t.Context(), ms[1:2]) {
		if !errors.Is(err, unix.EIO) {
			t.Errorf("message %d: %v", i, err)
		}
	}
	delete(r.fail, "fsync cur")
	if err := errors.Join(d.DeliverGroup(t.Context(), ms)...); err != nil {
		t.Error(err)
	}
	if got := namesIn(t, d.dir, "cur"); len(got) != 1 {
		t.Errorf("in cur: %v", got)
	}
	if got := namesIn(t, d.dir, "new"); len(got) != 2 {
		t.Errorf("in new: %v", got)
	}
}

func TestMaildirKeepsDate(t *testing.T) {
	t.Parallel()
	came := time.Date(2001, 2, 3, 4, 5, 6, 0, time.UTC)
	for _, tt := range []struct {
		name string
		keep bool
		date time.Time
		want bool
	}{{"kept", true, came, true}, {"none", true, time.Time{}, false}, {"not asked for", false, came, false}} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			d := NewMaildir(MaildirOptions{Dir: filepath.Join(t.TempDir(), "Maildir"), KeepDate: tt.keep})
			m := mailFrom(t, "1", "x\n")
			m.InternalDate = tt.date
			if err := d.Deliver(t.Context(), m); err != nil {
				t.Fatal(err)
			}
			info, err := os.Stat(filepath.Join(d.dir, "new", messageName(m)))
			if err != nil || info.ModTime().Equal(came) != tt.want {
				t.Errorf("%v, %v", info.ModTime(), err)
			}
		})
	}
}
