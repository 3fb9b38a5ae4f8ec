package delivery

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// recorder notes what a Maildir does to be durable, and fails where it is told to.
type recorder struct {
	how  syncHow
	fail map[string]error // by event

	mu     sync.Mutex
	events []string
}

func (r *recorder) calls(dir string) syncCalls {
	real := systemCalls()
	return syncCalls{
		plan: func(int, int) syncHow { return r.how },
		fsync: func(fd int) error {
			return errors.Join(r.note("fsync "+r.kind(dir, fd)), real.fsync(fd))
		},
		syncfs:  func(fd int) error { return errors.Join(r.note("syncfs"), real.syncfs(fd)) },
		close:   func(fd int) error { return errors.Join(r.note("close"), real.close(fd)) },
		move:    r.moves("move", real.move),
		replace: r.moves("replace", real.replace),
	}
}

func (r *recorder) moves(event string, real moveCall) moveCall {
	return func(fromDir int, from string, toDir int, to string) error {
		if err := r.note(event); err != nil {
			return err
		}
		return real(fromDir, from, toDir, to)
	}
}

func (r *recorder) note(event string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if event != "close" {
		r.events = append(r.events, event)
	}
	return r.fail[event]
}

// kind tells the directories from files.
func (r *recorder) kind(dir string, fd int) string {
	var st, sub unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return err.Error()
	}
	for _, name := range []string{"new", "cur", ".", ".."} {
		err := unix.Stat(filepath.Join(dir, name), &sub)
		if err == nil && sub.Ino == st.Ino && sub.Dev == st.Dev {
			return name
		}
	}
	return "file"
}

// recorded returns a Maildir that exists, with a recorder under it.
func recorded(t *testing.T, how syncHow) (*Maildir, *recorder) {
	t.Helper()
	d := NewMaildir(MaildirOptions{Dir: filepath.Join(t.TempDir(), "Maildir")})
	opened(t, d).close()
	r := &recorder{how: how, fail: make(map[string]error)}
	d.sys = r.calls(d.dir)
	return d, r
}

// opened returns a group of no messages with the directories of d open.
func opened(t *testing.T, d *Maildir) *maildirGroup {
	t.Helper()
	g := &maildirGroup{dir: d, tmp: -1, new: -1, cur: -1}
	if err := g.prepare(); err != nil {
		t.Fatal(err)
	}
	return g
}

func threeMails(t *testing.T) []*Message {
	t.Helper()
	return []*Message{mailFrom(t, "1", "one\n"), mailFrom(t, "2", "two\n"), mailFrom(t, "3", "three\n")}
}

func TestMaildirSyncsBeforeItMoves(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		how  syncHow
		want []string
	}{
		{"fsync each", syncEach, []string{
			"fsync file", "fsync file", "fsync file", "move", "move", "move", "fsync new",
		}},
		{"syncfs", syncWhole, []string{"syncfs", "move", "move", "move", "fsync new"}},
		{"in memory", syncNothing, []string{"move", "move", "move", "fsync new"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			d, r := recorded(t, tt.how)
			if err := errors.Join(d.DeliverGroup(context.Background(), threeMails(t))...); err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(r.events, tt.want) {
				t.Errorf("got %q, want %q", r.events, tt.want)
			}
		})
	}
}

func TestMaildirFoundInCurIsMadeDurable(t *testing.T) {
	t.Parallel()
	d, r := recorded(t, syncEach)
	m := mailFrom(t, "1", "one\n")
	deliver(t, d, m)
	moveToCur(":2,S")(t, d.dir, messageName(m))
	m.Repeat, r.events = true, nil
	deliver(t, d, m)
	if want := []string{"fsync file", "fsync cur"}; !slices.Equal(r.events, want) {
		t.Errorf("got %q, want %q", r.events, want)
	}
}

func TestMaildirCallFails(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		event string
		how   syncHow
		inNew int // messages there after the failure
	}{
		{"fsync file", syncEach, 0},
		{"close", syncEach, 0}, // NFS tells of a full disk there
		{"close", syncWhole, 0},
		{"syncfs", syncWhole, 0},
		{"move", syncWhole, 0},
		{"fsync new", syncEach, 3},
	} {
		t.Run(fmt.Sprint(tt.event, tt.how), func(t *testing.T) {
			t.Parallel()
			d, r := recorded(t, tt.how)
			r.fail[tt.event] = unix.EIO
			ms := threeMails(t)
			for i, err := range d.DeliverGroup(context.Background(), ms) {
				if !errors.Is(err, unix.EIO) || ClassOf(err) != Temporary {
					t.Errorf("message %d: %v", i, err)
				}
			}
			if n := len(namesIn(t, d.dir, "new")); n != tt.inNew || len(namesIn(t, d.dir, "tmp")) != 0 {
				t.Errorf("%d messages in new, %q in tmp", n, namesIn(t, d.dir, "tmp"))
			}
			clear(r.fail)
			if err := errors.Join(d.DeliverGroup(context.Background(), ms)...); err != nil {
				t.Fatal(err)
			}
			if n := len(namesIn(t, d.dir, "new")); n != 3 {
				t.Errorf("%d messages after the repeat", n)
			}
		})
	}
}

func TestMaildirNoSpace(t *testing.T) {
	t.Parallel()
	d, r := recorded(t, syncEach)
	r.fail["fsync file"] = unix.ENOSPC
	err := d.Deliver(context.Background(), mailFrom(t, "1", "one\n"))
	if !errors.Is(err, unix.ENOSPC) || ClassOf(err) != Unusable {
		t.Errorf("got %v", err)
	}
}

func TestMoveByLink(t *testing.T) {
	t.Parallel()
	d, _ := recorded(t, syncEach)
	d.sys.move = moveByLink // what other systems and old file systems use
	m := mailFrom(t, "1", "one\n")
	for range 2 {
		deliver(t, d, m)
		overwrite("new")(t, d.dir, messageName(m))
	}
	if n := len(namesIn(t, d.dir, "new")); n != 2 || len(namesIn(t, d.dir, "tmp")) != 0 {
		t.Errorf("%d messages in new, %q in tmp", n, namesIn(t, d.dir, "tmp"))
	}
}

func TestMaildirLargeMessage(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	d := NewMaildir(MaildirOptions{Dir: dir})
	data := make([]byte, 3*copyStep+12345)
	for i := range data {
		data[i] = byte(i * i >> 7)
	}
	m := mailFrom(t, "1", "")
	m.Trace = []byte("Received: x\n")
	for _, tmp := range []string{dir, ""} { // the same file system, perhaps another one
		m.Body = fill(t, SpoolOptions{KeepCR: true, Dir: tmp}, data, 1<<20)
		m.UID = "in " + tmp
		deliver(t, d, m)
		got, err := os.ReadFile(filepath.Join(dir, "new", messageName(m)))
		if err != nil || string(got) != "Received: x\n"+string(data) {
			t.Errorf("%d bytes, %v", len(got), err)
		}
	}
}

func TestCopyFileWithoutTheKernel(t *testing.T) {
	t.Parallel()
	data := []byte(fmt.Sprint(make([]int, 200_000)))
	src := fill(t, SpoolOptions{Memory: -1}, data, 1<<20)
	file, _ := src.File()
	out, err := os.OpenFile(filepath.Join(t.TempDir(), "out"), os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	// copy_file_range refuses a file opened for appending, as it refuses some pairs of file systems.
	if err := copyFile(context.Background(), int(out.Fd()), file, 5, int64(len(data))-5); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(out.Name())
	if err != nil || string(got) != string(data[5:]) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	if err := copyFile(context.Background(), int(out.Fd()), file, 0, int64(len(data))+1); err == nil {
		t.Error("a short file looks complete")
	}
}
