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
		{"a link to nowhere at all", func(t *testing.T, path string) {
			must(t, os.Symlink("/none/"+filepath.Base(path), path))
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

// TestWayToOwnFiles: each case lays out a directory, and names the path in it that is opened.
func TestWayToOwnFiles(t *testing.T) {
	t.Parallel()
	const sticky = 0o777 | fs.ModeSticky
	mkdir := func(t *testing.T, path string, mode fs.FileMode) {
		must(t, os.MkdirAll(path, 0o700))
		must(t, os.Chmod(path, mode))
	}
	tests := []struct {
		name, path string
		make       func(t *testing.T, dir string)
		want       string // "" = it is opened
	}{
		{"a directory like /tmp", "log", func(t *testing.T, dir string) { mkdir(t, dir, sticky) }, ""},
		{"an open directory", "log", func(t *testing.T, dir string) { mkdir(t, dir, 0o777) }, "chmod o-w"},
		{"a group's directory, as /var/log", "log", func(t *testing.T, dir string) {
			must(t, os.Chown(dir, -1, os.Getegid()))
			mkdir(t, dir, 0o775)
		}, ""},
		{"a stranger's directory", "log", func(t *testing.T, dir string) { give(t, dir) }, "owned by you"},
		{"a stranger's directory in one like /tmp", "his/log", func(t *testing.T, dir string) {
			mkdir(t, dir, sticky)
			mkdir(t, dir+"/his", 0o755)
			give(t, dir+"/his")
		}, "his: it belongs to uid 54321, who can exchange it"},
		{"a stranger's link in a directory like /tmp", "his/log", func(t *testing.T, dir string) {
			mkdir(t, dir, sticky)
			mkdir(t, dir+"/safe", 0o700)
			must(t, os.Symlink("safe", dir+"/his"))
			give(t, dir+"/his")
		}, "his: it belongs to uid 54321, who can exchange it"},
		{"a stranger's link, and up from where it leads", "his/../log", func(t *testing.T, dir string) {
			mkdir(t, dir, sticky)
			mkdir(t, dir+"/safe/deep", 0o700)
			must(t, os.Symlink("safe/deep", dir+"/his"))
			give(t, dir+"/his")
		}, "his: it belongs to uid 54321, who can exchange it"},
		{"a link of ours in an open directory", "open/link/log", func(t *testing.T, dir string) {
			mkdir(t, dir+"/safe", 0o700)
			mkdir(t, dir+"/open", 0o777)
			must(t, os.Symlink("../safe", dir+"/open/link"))
		}, "chmod go-w"},
		{"a link of ours in a directory like /tmp", "open/link/log", func(t *testing.T, dir string) {
			mkdir(t, dir+"/safe", 0o700)
			mkdir(t, dir+"/open", sticky)
			must(t, os.Symlink("../safe", dir+"/open/link"))
		}, ""},
		{"a link of ours, as /var/run", "run/log", func(t *testing.T, dir string) {
			mkdir(t, dir+"/safe", 0o755)
			must(t, os.Symlink(dir+"/safe/", dir+"/run"))
		}, ""},
		{"a stranger's file in a directory like /tmp", "log", func(t *testing.T, dir string) {
			mkdir(t, dir, sticky)
			write(t, dir+"/log", 0o666)
			give(t, dir+"/log")
		}, "belongs to uid 54321"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), "d")
			must(t, os.Mkdir(dir, 0o700))
			tt.make(t, dir)
			path := dir + "/" + tt.path
			look := CheckPath(path)
			f, err := Append(path)
			if err == nil {
				f.Close()
			}

			unsafe, ok := errors.AsType[*Error](err)
			if ok != (tt.want != "") || ok && !strings.Contains(unsafe.Error(), tt.want) || !ok &&
				err != nil {
				t.Errorf("%v, want %q", err, tt.want)
			}
			if ok != (look != nil) {
				t.Errorf("CheckPath says %v, Append %v", look, err)
			}
			if _, err := os.Lstat(dir + "/safe/log"); ok && err == nil {
				t.Error("the file was made before the path was refused")
			}
		})
	}
}

// TestMissingOnTheWay: what is missing could be made by somebody else between check and use.
func TestMissingOnTheWay(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "none", "log")
	if err := (way{path: path, own: true}).check(); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	must(t, CheckPath(path))
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

func TestCheckPath(t *testing.T) {
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
			if err := exposed(tt.info, "rc"); (err != nil) != tt.planted {
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
	must(t, exposed(info, "f"))
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
	if info.mode |= 0o002; writtenDir(info, "d") == nil || exposed(info, "f") == nil {
		t.Error("all can write")
	}
}
