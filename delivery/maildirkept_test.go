package delivery

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// link puts a symbolic link to target where sub of the Maildir is.
func link(t *testing.T, dir, sub, target string) {
	t.Helper()
	if err := os.RemoveAll(filepath.Join(dir, sub)); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(target, filepath.Join(dir, sub)); err != nil {
		t.Fatal(err)
	}
}

// A message that is moved within one directory meets itself there, and must not be removed as the copy of
// itself.
func TestMaildirOfOneDirectory(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, sub, target string }{
		{"tmp is new", "tmp", "new"},
		{"new is tmp", "new", "tmp"},
		{"tmp is cur", "tmp", "cur"},
		{"new is cur", "new", "cur"},
		{"cur is tmp", "cur", "tmp"},
		{"tmp is another's new", "tmp", "../other/new"},
		{"tmp is another's cur", "tmp", "../other/cur"},
		{"new is another's tmp", "new", "../other/tmp"},
		{"cur is another's tmp", "cur", "../other/tmp"},
		{"new is the Maildir", "new", "."},
		{"tmp is in new", "tmp", "new/.x"},
		{"cur is in tmp", "cur", "tmp/.x"},
		{"new is a directory beside it", "new", ".real"},
		{"cur is elsewhere", "cur", "../elsewhere"},
	} {
		for _, repeat := range []bool{false, true} {
			t.Run(tt.name, func(t *testing.T) {
				t.Parallel()
				root := t.TempDir()
				dir, other := filepath.Join(root, "Maildir"), filepath.Join(root, "other")
				m := mailFrom(t, "1", "text\n")
				for _, d := range []string{dir, other} {
					opened(t, NewMaildir(MaildirOptions{Dir: d})).close()
				}
				deliver(t, NewMaildir(MaildirOptions{Dir: other}), m)
				for _, d := range []string{"new/.x", "tmp/.x", ".real", "../elsewhere"} {
					if err := os.Mkdir(filepath.Join(dir, d), 0o700); err != nil {
						t.Fatal(err)
					}
				}
				link(t, dir, tt.sub, tt.target)

				m.Repeat = repeat
				err := NewMaildir(MaildirOptions{Dir: dir}).Deliver(t.Context(), m)
				if ClassOf(err) != Unusable || !strings.Contains(err.Error(), "three directories") {
					t.Errorf("got %v", err)
				}
				if kept := namesIn(t, other, "new"); len(kept) != 1 {
					t.Errorf("in the other Maildir: %q", kept)
				}
			})
		}
	}
}

// TestMaildirIsALink: the Maildir itself may be one.
func TestMaildirIsALink(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	opened(t, NewMaildir(MaildirOptions{Dir: filepath.Join(root, "real")})).close()
	if err := os.Symlink("real", filepath.Join(root, "Maildir")); err != nil {
		t.Fatal(err)
	}
	deliver(t, NewMaildir(MaildirOptions{Dir: filepath.Join(root, "Maildir")}), mailFrom(t, "1", "text\n"))
	if got := namesIn(t, filepath.Join(root, "real"), "new"); len(got) != 1 {
		t.Errorf("in new: %q", got)
	}
}

func TestMaildirOfOneDirectoryElsewhere(t *testing.T) {
	t.Parallel()
	elsewhere := t.TempDir()
	d, _ := recorded(t, syncEach)
	link(t, d.dir, "tmp", elsewhere)
	link(t, d.dir, "new", elsewhere)
	err := d.Deliver(t.Context(), mailFrom(t, "1", "text\n"))
	if ClassOf(err) != Unusable || !strings.Contains(err.Error(), "three directories") {
		t.Errorf("got %v", err)
	}
}

// Even were the check of the directories passed by, what we wrote ourselves is not an earlier copy.
func TestMaildirIsNoCopyOfItself(t *testing.T) {
	t.Parallel()
	for name, move := range map[string]moveCall{"renameat2": moveExclusive, "link": moveByLink} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, _ := recorded(t, syncEach)
			m := mailFrom(t, "1", "text\n")
			g := opened(t, d)
			g.items = make([]maildirItem, 1)
			g.claimNames([]*Message{m})
			g.store(t.Context())
			it := &g.items[0]
			for _, sub := range []string{"new", "cur"} { // links to it: as if they were tmp
				own := filepath.Join(d.dir, "tmp", it.tmp)
				if err := os.Link(own, filepath.Join(d.dir, sub, it.name)); err != nil {
					t.Fatal(err)
				}
			}
			if g.holds(g.new, it.name, it) || g.holdsDurably(g.cur, it.name, it) {
				t.Error("taken for a copy of itself")
			}
			d.sys.move = move
			g.publish(t.Context())
			g.end()
			if err := it.result(); err != nil || len(namesIn(t, d.dir, "tmp")) != 0 {
				t.Errorf("%v, in tmp %q", err, namesIn(t, d.dir, "tmp"))
			}
			if got, err := os.ReadFile(filepath.Join(d.dir, "new", it.name+"-1")); string(got) != "text\n" {
				t.Errorf("in new %q, %v", got, err)
			}
		})
	}
}

// A move within one directory: what was asked for is there, under whatever name.
func TestMaildirMovedWithinOneDirectory(t *testing.T) {
	t.Parallel()
	for name, move := range map[string]moveCall{"renameat2": moveExclusive, "link": moveByLink} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, _ := recorded(t, syncEach)
			m := mailFrom(t, "1", "text\n")
			deliver(t, d, m)
			d.sys.move = func(_ int, from string, dir int, to string) error {
				return move(dir, from, dir, to)
			}
			g := opened(t, d)
			_ = unix.Close(g.tmp)
			g.tmp = -1
			var err error
			if g.tmp, err = openDir(filepath.Join(d.dir, "new")); err != nil {
				t.Fatal(err)
			}

			g.items = make([]maildirItem, 1)
			g.claimNames([]*Message{m})
			g.store(t.Context())
			if !slices.Contains(namesIn(t, d.dir, "new"), messageName(m)) {
				t.Error("a delivered message is taken for what a killed run left in tmp")
			}

			g.publish(t.Context())
			g.end()
			if left := namesIn(t, d.dir, "new"); g.items[0].result() != nil || len(left) != 1 {
				t.Errorf("%v, in new %q", g.items[0].result(), left)
			}
		})
	}
}

func TestMaildirOnTwoFileSystems(t *testing.T) {
	t.Parallel()
	d, r := recorded(t, syncEach)
	r.fail["move"] = unix.EXDEV
	err := d.Deliver(t.Context(), mailFrom(t, "1", "text\n"))
	if ClassOf(err) != Unusable || !strings.Contains(err.Error(), "one file system") {
		t.Errorf("got %v", err)
	}
}

func TestMaildirNotPermitted(t *testing.T) {
	t.Parallel()
	for _, errno := range []unix.Errno{unix.EACCES, unix.EPERM, unix.EROFS} {
		d, r := recorded(t, syncEach)
		r.fail["move"] = errno
		err := d.Deliver(t.Context(), mailFrom(t, "1", "text\n"))
		said := strings.Contains(err.Error(), "write there")
		if ClassOf(err) != Unusable || !errors.Is(err, errno) || !said {
			t.Errorf("got %v", err)
		}
	}
}

// The entries of a Maildir and of its directories are synced before anything counts as delivered, by each
// process, and again and again until that succeeds.
func TestMaildirItselfIsKept(t *testing.T) {
	t.Parallel()
	for _, failing := range []string{"fsync .", "fsync .."} {
		for _, exists := range []bool{false, true} {
			t.Run(failing, func(t *testing.T) {
				t.Parallel()
				d := NewMaildir(MaildirOptions{Dir: filepath.Join(t.TempDir(), "Maildir")})
				if exists { // made by a process that was killed before it synced
					opened(t, NewMaildir(MaildirOptions{Dir: d.dir})).close()
				}

				r := &recorder{how: syncEach, fail: map[string]error{failing: unix.EIO}}
				d.sys = r.calls(d.dir)
				for _, uid := range []string{"1", "2", "3"} {
					err := d.Deliver(t.Context(), mailFrom(t, uid, "text\n"))
					if !errors.Is(err, unix.EIO) || ClassOf(err) != Temporary {
						t.Errorf("message %s: %v", uid, err)
					}
				}

				if _, err := os.Stat(d.dir); !exists && !errors.Is(err, os.ErrNotExist) {
					t.Errorf("what may not last is still there: %v", err)
				}
				clear(r.fail)
				r.events = nil
				deliver(t, d, mailFrom(t, "1", "text\n"))
				deliver(t, d, mailFrom(t, "2", "text\n"))
				want := []string{
					"fsync .", "fsync ..", "fsync file", "move", "fsync new", "fsync file", "move",
					"fsync new",
				}
				if !slices.Equal(r.events, want) {
					t.Errorf("got %q, want %q", r.events, want)
				}
			})
		}
	}
}

// A directory that was made anew, by whomever, has a new entry.
func TestMaildirIsKeptAnew(t *testing.T) {
	t.Parallel()
	for _, sub := range []string{"", "tmp", "new", "cur"} {
		d, r := recorded(t, syncEach)
		aside := filepath.Join(t.TempDir(), "aside") // holds the inode, so that it can't be used again
		if err := os.Rename(filepath.Join(d.dir, sub), aside); err != nil {
			t.Fatal(err)
		}
		opened(t, NewMaildir(MaildirOptions{Dir: d.dir})).close()
		deliver(t, d, mailFrom(t, "1", "text\n"))
		if !slices.Contains(r.events, "fsync .") || !slices.Contains(r.events, "fsync ..") {
			t.Errorf("%q made anew: %q", sub, r.events)
		}
	}
}

// A directory above that can't be read or synced by itself is synced with all of its file system.
func TestMaildirAboveCannotBeSynced(t *testing.T) {
	t.Parallel()
	for _, errno := range []unix.Errno{unix.EINVAL, unix.EACCES} {
		for _, syncfs := range []error{nil, unix.EIO} {
			d, r := recorded(t, syncEach)
			d.kept = maildirIDs{}
			r.fail["fsync .."], r.fail["syncfs"] = errno, syncfs
			err := d.Deliver(t.Context(), mailFrom(t, "1", "text\n"))
			if !errors.Is(err, syncfs) || r.events[2] != "syncfs" {
				t.Errorf("%v: %v; did %q", errno, err, r.events)
			}
		}
	}
}

// A sync that failed is not believed when it succeeds later: Linux tells of a lost write once.
func TestMaildirFailedSyncIsNotBelieved(t *testing.T) {
	t.Parallel()
	rewritten := []string{"fsync file", "move", "replace", "fsync new"}
	for _, tt := range []struct {
		name           string
		repeat, others bool // the second try is by another process
		want           []string
	}{
		{"same process", false, false, rewritten},
		{"same process, known repeat", true, false, rewritten},
		{"other process", false, true, rewritten},
		{"other process, known repeat", true, true, []string{"fsync file", "fsync new"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			d, r := recorded(t, syncEach)
			r.fail["fsync new"] = unix.EIO
			m := mailFrom(t, "1", "text\n")
			if err := d.Deliver(t.Context(), m); !errors.Is(err, unix.EIO) {
				t.Errorf("got %v", err)
			}
			before := inode(t, d.dir, "new")
			if tt.others {
				kept := d.kept
				d = NewMaildir(MaildirOptions{Dir: d.dir})
				d.kept, d.sys = kept, r.calls(d.dir)
			}
			clear(r.fail)
			r.events, m.Repeat = nil, tt.repeat
			deliver(t, d, m)
			if !slices.Equal(r.events, tt.want) {
				t.Errorf("got %q, want %q", r.events, tt.want)
			}
			if anew := inode(t, d.dir, "new") != before; anew != (len(tt.want) > 2) {
				t.Errorf("written anew: %v", anew)
			}
			if len(d.doubted) != 0 {
				t.Errorf("still doubted: %v", d.doubted)
			}
		})
	}
}

// inode identifies the one file in a directory of the Maildir.
func inode(t *testing.T, dir, sub string) fileID {
	t.Helper()
	names := namesIn(t, dir, sub)
	if len(names) != 1 {
		t.Fatalf("in %s: %q", sub, names)
	}
	var st unix.Stat_t
	if err := unix.Stat(filepath.Join(dir, sub, names[0]), &st); err != nil {
		t.Fatal(err)
	}
	return idOf(&st)
}

// A copy that was found but can't be made durable does not count: the message is written anew.
func TestMaildirFoundCopyThatCannotBeSynced(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, event string
		in          string // where the copy is
		inNew       int    // messages there afterwards
	}{
		{"file in new", "fsync file", "new", 1},
		{"new", "fsync new", "new", 1},
		{"file in cur", "fsync file", "cur", 1},
		{"cur", "fsync cur", "cur", 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			d, r := recorded(t, syncEach)
			m := mailFrom(t, "1", "text\n")
			deliver(t, d, m)
			if tt.in == "cur" {
				moveToCur(":2,S")(t, d.dir, messageName(m))
			}
			before := inode(t, d.dir, tt.in)
			d.sys.fsync = failOnce(d.sys.fsync, func(fd int) bool {
				return "fsync "+r.kind(d.dir, fd) == tt.event
			})
			m.Repeat = true
			deliver(t, d, m)
			if after := inode(t, d.dir, "new"); after == before {
				t.Error("the doubtful copy counts")
			}
			if len(namesIn(t, d.dir, "new")) != tt.inNew || len(namesIn(t, d.dir, "tmp")) != 0 {
				t.Errorf("new %q, tmp %q", namesIn(t, d.dir, "new"), namesIn(t, d.dir, "tmp"))
			}
		})
	}
}

// failOnce fails the first call about such a file.
func failOnce(call func(int) error, about func(fd int) bool) func(int) error {
	failed := false
	return func(fd int) error {
		if !failed && about(fd) {
			failed = true
			return unix.EIO
		}
		return call(fd)
	}
}

// Nothing counts as delivered by being forgotten.
func TestMaildirResult(t *testing.T) {
	t.Parallel()
	for state := waiting; state <= done; state++ {
		it := &maildirItem{state: state}
		if err := it.result(); (err == nil) != (state == done) {
			t.Errorf("state %d: %v", state, err)
		}
		it.err = context.Canceled
		if !errors.Is(it.result(), context.Canceled) {
			t.Errorf("state %d hides an error", state)
		}
	}
}
