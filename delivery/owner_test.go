package delivery

import (
	"errors"
	"io/fs"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// tree is a file system for firstStranger.
type tree map[string]pathEntry

func (t tree) look(path string) (pathEntry, error) {
	if strings.HasPrefix(path, "/file/") {
		return pathEntry{}, unix.ENOTDIR
	}
	e, ok := t[path]
	if !ok {
		return e, &os.PathError{Op: "look at", Path: path, Err: fs.ErrNotExist}
	}
	return e, nil
}

func TestFirstStranger(t *testing.T) {
	t.Parallel()
	const ann, bob, mail, open, sticky = 1000, 1001, 8, 0o777, 0o1777
	dir := func(uid uint32) pathEntry { return pathEntry{uid: uid, gid: uid, mode: 0o755} }
	link := func(uid uint32, to string) pathEntry { return pathEntry{uid: uid, link: to} }
	system := tree{
		"/": dir(0), "/file": dir(0), "/home": dir(0), "/home/ann": dir(ann), "/home/ann/Maildir": dir(bob),
		"/home/ann/link": link(0, "/etc"), "/etc": dir(0), "/root": dir(0), "/root/Maildir": dir(0),
		"/chroot": dir(0), "/chroot/Maildir": dir(ann),
		"/mail": link(0, "srv/mail"), "/srv": dir(0), "/srv/mail": dir(0), "/srv/mail/bob": dir(bob),
		"/srv/mail/up": link(0, "../../home/ann"), "/srv/mail/abs": link(0, "/home/ann"),
		"/srv/mail/theirs": link(bob, "/etc"), "/loop": link(0, "/loop"),
		"/spool": {mode: 0o775, gid: mail}, "/spool/ann": dir(ann), "/spool/root": dir(0),
		"/tmp": {mode: sticky}, "/tmp/root": dir(0), "/tmp/ann": dir(ann), "/tmp/link": link(ann, "/etc"),
		"/open": {mode: open}, "/open/root": dir(0), "/staff": {mode: 0o775}, "/staff/root": dir(0),
		"/tmp/up": link(0, "../open"),
	}
	for _, tt := range []struct {
		path, at string
		uid      uint32
		err      error
	}{
		{"/root/Maildir", "", 0, nil},
		{"/root/New", "", 0, nil},
		{"/", "", 0, nil},
		{"/home/ann/Maildir/tmp", "/home/ann", ann, nil}, // though it is bob's
		{"/home/ann/link/tmp", "/home/ann", ann, nil},    // though the link is root's
		{"/home/ann/missing", "/home/ann", ann, nil},
		{"/home//./ann/../ann/Maildir", "/home/ann", ann, nil},
		{"/home/zoe/Maildir", "", 0, nil},
		{"/file/Maildir/tmp", "", 0, nil},
		{"/chroot/Maildir/tmp", "/chroot/Maildir", ann, nil},
		{"/mail/bob/tmp", "/srv/mail/bob", bob, nil},
		{"/mail/up/Maildir", "/home/ann", ann, nil},
		{"/mail/abs/Maildir", "/home/ann", ann, nil},
		{"/mail/theirs/Maildir", "/srv/mail/theirs", bob, nil},
		{"/mail/new", "", 0, nil},
		{"/loop", "", 0, unix.ELOOP},
		{"/spool/ann/tmp", "/spool/ann", ann, nil},
		{"/spool/root/tmp", "", 0, errOpenToSwap},
		{"/spool/new/tmp", "", 0, errOpenToSwap},
		{"/tmp/root/x", "", 0, nil},
		{"/tmp/ann/x", "/tmp/ann", ann, nil},
		{"/tmp/link/x", "/tmp/link", ann, nil},
		{"/tmp/new/x", "", 0, errOpenToSwap},
		{"/open/root/x", "", 0, errOpenToSwap},
		{"/tmp/up/root", "", 0, errOpenToSwap},
		{"/staff/root", "", 0, nil}, // the group is root's
		{"/staff/new", "", 0, nil},
	} {
		at, e, err := firstStranger(tt.path, system.look)
		if at != tt.at || !errors.Is(err, tt.err) || at != "" && e.uid != tt.uid {
			t.Errorf("%s: %q of %d, %v; want %q of %d, %v", tt.path, at, e.uid, err, tt.at, tt.uid, tt.err)
		}
	}
	system["/"] = dir(ann)
	if at, _, err := firstStranger("/root/Maildir", system.look); at != "/" || err != nil {
		t.Errorf("a root directory of somebody else's: %q, %v", at, err)
	}
	denied := func(string) (pathEntry, error) { return pathEntry{}, unix.EACCES }
	if at, _, err := firstStranger("/x", denied); at != "" || !errors.Is(err, unix.EACCES) {
		t.Errorf("what can't be looked at: %q, %v", at, err)
	}
}

func TestLookAt(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.Symlink("/nowhere", dir+"/link"); err != nil {
		t.Fatal(err)
	}
	if e, err := inspectEntry(dir + "/link"); err != nil ||
		e.link != "/nowhere" || int(e.uid) != os.Geteuid() {
		t.Errorf("link: %+v, %v", e, err)
	}
	if e, err := inspectEntry(dir); err != nil || e.link != "" || e.mode&0o700 != 0o700 {
		t.Errorf("directory: %+v, %v", e, err)
	}
	if _, err := inspectEntry(dir + "/none"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("nothing: %v", err)
	}
}

func TestLookUpOwner(t *testing.T) {
	t.Parallel()
	o, err := lookUpOwner("/x", pathEntry{uid: 0, gid: 12345})
	if err != nil || o.gid != 0 || o.String() != "root, who owns /x" || len(o.groups) == 0 {
		t.Errorf("known: %v, %v", o, err)
	}
	o, err = lookUpOwner("/x", pathEntry{uid: 54321, gid: 12345})
	if err != nil || o.uid != 54321 || o.gid != 12345 || len(o.groups) != 0 || o.name != "user 54321" {
		t.Errorf("unknown: %v, %v", o, err)
	}
}

// Where the rights of an owner can't be had, nothing is done with other rights.
func TestOwnersRightsThatCannotBeHad(t *testing.T) {
	t.Parallel()
	o := &owner{uid: 54321, gid: 12345, groups: []int{-1}, name: "ann", owns: "/home/ann"}
	ran := false
	err := o.run(func() error { ran = true; return nil })
	if ran || !errors.Is(err, errRights) || !strings.Contains(err.Error(), "ann, who owns /home/ann") {
		t.Errorf("ran %v, %v", ran, err)
	}
	d := NewMaildir(MaildirOptions{Dir: "/home/ann/Maildir"})
	for _, tt := range []struct {
		writer *owner
		err    error
		says   string
	}{
		{o, err, "start fetchd as"},
		{nil, errOpenToSwap, "give it to its user"},
		{o, unix.EACCES, "let ann, who owns /home/ann, write"},
		{nil, unix.EACCES, "the user that fetchd runs as"},
	} {
		err := d.explain(tt.writer, "open", 0, tt.err)
		if ClassOf(err) != Unusable || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("got %v, want %q", err, tt.says)
		}
	}
}

// Workers that could not work leave nothing that looks delivered.
func TestMaildirWorkersWithoutRights(t *testing.T) {
	t.Parallel()
	d, _ := recorded(t, syncEach)
	g := opened(t, d)
	ms := threeMails(t)
	g.items = make([]maildirItem, len(ms))
	g.writer = &owner{uid: 54321, groups: []int{-1}}
	g.claimNames(ms)
	g.store(t.Context())
	g.publish(t.Context())
	g.end()
	for i := range g.items {
		if err := g.items[i].result(); !errors.Is(err, errRights) {
			t.Errorf("message %d: %v", i, err)
		}
	}
}

func TestNobodysRights(t *testing.T) {
	t.Parallel()
	var o *owner
	ran := false
	if err := o.run(func() error { ran = true; return unix.EIO }); !ran || !errors.Is(err, unix.EIO) {
		t.Errorf("ran %v, %v", ran, err)
	}
}
