package ownfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// TestRead: each case lays out a directory with the file rc, or a link of that name.
func TestRead(t *testing.T) {
	t.Parallel()
	mkdir := func(t *testing.T, path string, mode fs.FileMode) {
		must(t, os.MkdirAll(path, 0o700))
		must(t, os.Chmod(path, mode))
	}
	tests := []struct {
		name string
		make func(t *testing.T, dir string)
		want string // "" = it is read
	}{
		{"ours", func(t *testing.T, dir string) { write(t, dir+"/rc", 0o644) }, ""},
		{"all write", func(t *testing.T, dir string) { write(t, dir+"/rc", 0o666) }, "chmod 600"},
		{"a group writes", func(t *testing.T, dir string) { write(t, dir+"/rc", 0o620) }, "chmod 600"},
		{"a stranger's", func(t *testing.T, dir string) {
			write(t, dir+"/rc", 0o600)
			give(t, dir+"/rc")
		}, "chown"},
		{"an open directory", func(t *testing.T, dir string) {
			write(t, dir+"/rc", 0o600)
			mkdir(t, dir, 0o777)
		}, "chmod go-w"},
		{"a directory like /tmp", func(t *testing.T, dir string) {
			write(t, dir+"/rc", 0o600)
			mkdir(t, dir, 0o777|fs.ModeSticky)
		}, ""},
		{"a stranger's directory", func(t *testing.T, dir string) {
			write(t, dir+"/rc", 0o600)
			give(t, dir)
		}, "owned by you"},
		{"a stranger's directory like /tmp", func(t *testing.T, dir string) {
			write(t, dir+"/rc", 0o600)
			mkdir(t, dir, 0o777|fs.ModeSticky)
			give(t, dir)
		}, "owned by you"},
		{"a link into an open directory", func(t *testing.T, dir string) {
			mkdir(t, dir+"/open", 0o777)
			write(t, dir+"/open/x", 0o600)
			must(t, os.Symlink("open/x", dir+"/rc"))
		}, "open: others can put files"},
		{"a link in an open directory to a safe file", func(t *testing.T, dir string) {
			mkdir(t, dir+"/open", 0o777)
			write(t, dir+"/x", 0o600)
			must(t, os.Symlink("../x", dir+"/open/link"))
			must(t, os.Symlink("open/link", dir+"/rc"))
		}, "open: others can put files"},
		{"a stranger's link in a directory like /tmp", func(t *testing.T, dir string) {
			mkdir(t, dir, 0o777|fs.ModeSticky)
			mkdir(t, dir+"/safe", 0o700)
			write(t, dir+"/safe/x", 0o600)
			must(t, os.Symlink("safe/x", dir+"/rc"))
			give(t, dir+"/rc")
		}, "rc: it belongs to uid 54321, who can exchange it"},
		{"a stranger's link, and up from where it leads", func(t *testing.T, dir string) {
			mkdir(t, dir+"/open", 0o777|fs.ModeSticky)
			mkdir(t, dir+"/safe/deep", 0o700)
			write(t, dir+"/safe/x", 0o600)
			must(t, os.Symlink("../safe/deep", dir+"/open/his"))
			must(t, os.Symlink("open/his/../x", dir+"/rc"))
			give(t, dir+"/open/his")
		}, "his: it belongs to uid 54321, who can exchange it"},
		{"a directory through a link in a stranger's directory", func(t *testing.T, dir string) {
			mkdir(t, dir+"/safe", 0o700)
			write(t, dir+"/safe/x", 0o600)
			mkdir(t, dir+"/his", 0o755)
			must(t, os.Symlink("../safe", dir+"/his/link"))
			must(t, os.Symlink("his/link/x", dir+"/rc"))
			give(t, dir+"/his")
		}, "his: the directory must be owned by you"},
		{"an open directory further up", func(t *testing.T, dir string) {
			mkdir(t, dir+"/a/b", 0o700)
			write(t, dir+"/a/b/x", 0o600)
			mkdir(t, dir+"/a", 0o777)
			must(t, os.Symlink(dir+"/a/b/x", dir+"/rc"))
		}, "a: everybody can exchange"},
		{"a directory of a group further up", func(t *testing.T, dir string) {
			mkdir(t, dir+"/a/b", 0o700)
			write(t, dir+"/a/b/x", 0o600)
			mkdir(t, dir+"/a", 0o770)
			must(t, os.Symlink("a/b/../b/./x", dir+"/rc"))
		}, ""},
		{"a pipe of ours", func(t *testing.T, dir string) { must(t, syscall.Mkfifo(dir+"/rc", 0o600)) }, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), "d")
			must(t, os.Mkdir(dir, 0o700))
			tt.make(t, dir)
			f, err := Read(filepath.Join(dir, "rc"))
			if err == nil {
				f.Close()
			}
			unsafe, ok := errors.AsType[*Error](err)
			if ok != (tt.want != "") || ok && !strings.Contains(unsafe.Error(), tt.want) {
				t.Errorf("%v, want %q", err, tt.want)
			}
		})
	}
}

func TestReadOddFiles(t *testing.T) {
	t.Parallel()
	if _, err := Read(filepath.Join(t.TempDir(), "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing file: %v", err)
	}
	f, err := Read(os.DevNull)
	must(t, err)
	f.Close()

	r, w, err := os.Pipe() // as a shell's <(command)
	must(t, err)
	defer r.Close()
	defer w.Close()
	if f, err := Read("/dev/fd/" + strconv.Itoa(int(r.Fd()))); err == nil {
		f.Close()
	} else if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a pipe by its descriptor: %v", err)
	}
}

func TestCheckDir(t *testing.T) {
	t.Parallel()
	modes := map[fs.FileMode]bool{0o700: true, 0o755: true, 0o777: false, fs.ModeSticky | 0o777: false}
	for mode, ok := range modes {
		dir := filepath.Join(t.TempDir(), "d")
		must(t, os.Mkdir(dir, 0o700))
		must(t, os.Chmod(dir, mode))
		f, err := os.Open(dir)
		must(t, err)
		if err := CheckDir(f); (err == nil) != ok {
			t.Errorf("%v: %v", mode, err)
		}
		f.Close()
		if mode == 0o700 {
			must(t, os.Chmod(filepath.Dir(dir), 0o777))
			f, err := os.Open(dir)
			must(t, err)
			if err := CheckDir(f); err == nil {
				t.Error("it can be exchanged for another")
			}
			f.Close()
			must(t, os.Chmod(filepath.Dir(dir), 0o700))
		}
		if f, err := Read(dir); err == nil {
			f.Close()
		} else if ok || !errors.Is(err, fs.ErrPermission) {
			t.Errorf("read of %v: %v", mode, err)
		}
	}
}
