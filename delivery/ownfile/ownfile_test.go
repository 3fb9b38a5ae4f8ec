package ownfile

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// TestMain becomes another user where TestAsUser asks for it.
func TestMain(m *testing.M) {
	if uid, err := strconv.Atoi(os.Getenv("OWNFILE_UID")); err == nil {
		if err := syscall.Setuid(uid); err != nil {
			panic(err)
		}
	}
	m.Run()
}

// TestAsUser: for root all files of root's are its own, so that root can't see every mistake.
func TestAsUser(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("the tests run as a user")
	}
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestOwnersAndBits$", "-test.v")
	child.Env = append(os.Environ(), "OWNFILE_UID="+strconv.Itoa(stranger))
	out, err := child.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: TestOwnersAndBits") {
		t.Errorf("%v\n%s", err, out)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// stranger is a user that the tests give files to.
const stranger = 54321

// give makes path the stranger's. Only root can.
func give(t *testing.T, path string) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can give files away")
	}
	must(t, os.Lchown(path, stranger, stranger))
}

func write(t *testing.T, path string, mode fs.FileMode) {
	t.Helper()
	must(t, os.WriteFile(path, []byte("precious"), 0o600))
	must(t, os.Chmod(path, mode))
}

func TestOpen(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		make func(t *testing.T, path string)
		want string // "" = it is opened
	}{
		{"nothing", func(*testing.T, string) {}, ""},
		{"ours", func(t *testing.T, path string) { write(t, path, 0o644) }, ""},
		{"others write", func(t *testing.T, path string) { write(t, path, 0o602) }, "chmod go-w"},
		{"a link", func(t *testing.T, path string) {
			write(t, path+"x", 0o600)
			must(t, os.Symlink(path+"x", path))
		}, "symbolic link"},
		{"a link to nowhere", func(t *testing.T, path string) {
			must(t, os.Symlink(path+"x", path))
		}, "symbolic link"},
		{"a second name", func(t *testing.T, path string) {
			write(t, path+"x", 0o600)
			must(t, os.Link(path+"x", path))
		}, "2 names"},
		{"a pipe", func(t *testing.T, path string) { must(t, syscall.Mkfifo(path, 0o600)) }, "regular file"},
		{"a pipe with a reader", func(t *testing.T, path string) {
			must(t, syscall.Mkfifo(path, 0o600))
			f, err := os.OpenFile(path, os.O_RDWR, 0)
			must(t, err)
			t.Cleanup(func() { f.Close() })
		}, "regular file"},
		{"a directory", func(t *testing.T, path string) { must(t, os.Mkdir(path, 0o700)) }, "regular file"},
		{"a stranger's", func(t *testing.T, path string) {
			write(t, path, 0o666)
			give(t, path)
		}, "belongs to uid 54321"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "file")
			tt.make(t, path)
			for name, open := range map[string]func() (*os.File, error){
				"Append": func() (*os.File, error) { return Append(path) },
				"Open":   func() (*os.File, error) { return Open(path, os.O_RDWR|os.O_CREATE) },
			} {
				f, err := open()
				if tt.want == "" {
					must(t, err)
					f.Close()
					continue
				}
				unsafe, ok := errors.AsType[*Error](err)
				if !ok || !strings.Contains(unsafe.Error(), tt.want) || unsafe.Path != path {
					t.Errorf("%s: %v, want %q", name, err, tt.want)
				}
			}
			if _, err := os.Lstat(path + "x"); errors.Is(err, fs.ErrNotExist) {
				return
			}
			if text, err := os.ReadFile(path + "x"); err == nil && string(text) != "precious" {
				t.Errorf("what is behind it was changed: %q", text)
			}
		})
	}
}

func TestOpenMakesPrivateFiles(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "file")
	f, err := Append(path)
	must(t, err)
	defer f.Close()
	info, err := f.Stat()
	must(t, err)
	if info.Mode() != 0o600 {
		t.Errorf("mode %v", info.Mode())
	}
	if _, err := f.WriteString("x"); err != nil {
		t.Error(err)
	}
}

// TestDevices: a log may go to a device; what is locked or read back may not.
func TestDevices(t *testing.T) {
	t.Parallel()
	f, err := Append(os.DevNull)
	must(t, err)
	f.Close()
	if f, err := Open(os.DevNull, os.O_RDWR); err == nil {
		f.Close()
		t.Error("/dev/null is no regular file")
	}
	if f, err := Append("/dev/fd/2"); err == nil { // a link on Linux, a device elsewhere
		f.Close()
	} else if _, ok := errors.AsType[*Error](err); !ok {
		t.Error(err)
	}
}

func TestLook(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "file")
	must(t, CheckPath(path))
	write(t, path, 0o600)
	must(t, CheckPath(path))
	must(t, os.Symlink(path, path+"x"))
	if CheckPath(path+"x") == nil {
		t.Error("a link passes")
	}
}

// described is the description of a file of somebody.
type described struct {
	fs.FileInfo
	mode     fs.FileMode
	uid, gid int
}

func (d described) Mode() fs.FileMode { return d.mode }
func (d described) Sys() any {
	return &syscall.Stat_t{Uid: uint32(d.uid), Gid: uint32(d.gid), Nlink: 1}
}

func TestOwnersAndBits(t *testing.T) {
	t.Parallel()
	me := os.Geteuid()
	tests := []struct {
		name                  string
		info                  described
		written, dir, planted bool // what is refused
	}{
		{"mine", described{mode: 0o600, uid: me}, false, false, false},
		{"others read", described{mode: 0o644, uid: me}, false, false, false},
		{"root's", described{mode: 0o644}, false, false, me != 0},
		{"a stranger's", described{mode: 0o600, uid: me + 1}, true, true, true},
		{"all write", described{mode: 0o602, uid: me}, true, true, true},
		{"all write, sticky", described{mode: fs.ModeSticky | 0o777, uid: me}, true, true, true},
		{"a group writes", described{mode: 0o620, uid: me, gid: stranger}, true, true, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if err := written(tt.info, "rc"); (err != nil) != tt.written {
				t.Errorf("read: %v", err)
			}
			if err := writtenDir(tt.info, "rc"); (err != nil) != tt.dir {
				t.Errorf("directory: %v", err)
			}
			if err := planted(tt.info, "rc"); (err != nil) != tt.planted {
				t.Errorf("own: %v", err)
			}
		})
	}
}

// TestOwnGroup: the group that has the user's name is not others for directories and own files, but is for
// an rc file.
func TestOwnGroup(t *testing.T) {
	t.Parallel()
	info := described{mode: 0o660, uid: os.Geteuid(), gid: os.Getegid()}
	if !isOwnGroup(info) {
		t.Skip("this user has no such group")
	}
	must(t, writtenDir(info, "d"))
	must(t, planted(info, "f"))
	if written(info, "rc") == nil {
		t.Error("fetchmail refuses such an rc file")
	}
	for _, tt := range []struct {
		group user.Group
		own   bool
	}{
		{user.Group{Gid: "7", Name: "ann"}, true},
		{user.Group{Gid: "7", Name: "users"}, false},
		{user.Group{Gid: "8", Name: "ann"}, false},
	} {
		if got := isOf(&tt.group, &user.User{Gid: "7", Username: "ann"}); got != tt.own {
			t.Errorf("%+v: %v", tt.group, got)
		}
	}
	if info.mode |= 0o002; writtenDir(info, "d") == nil || planted(info, "f") == nil {
		t.Error("all can write")
	}
}
