package tlsverify

import (
	"crypto/x509"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"sync"
	"syscall"
	"weak"
)

// Files holds what policies read from files. Policies that share a Files and name the same files have what
// is in them in memory once, for as long as one of them is used. The zero value is ready; it is safe for
// concurrent use.
type Files struct {
	// Check is asked before a file or directory is read, and read again; its error is why that must not be
	// believed. nil = all are.
	Check func(path string) error

	// Guarded by mu.
	mu    sync.Mutex
	roots map[rootPlaces]weak.Pointer[fileReader[*rootSet]]
	lists map[string]weak.Pointer[fileReader[[]*x509.RevocationList]]
}

func (f *Files) check(path string) error {
	if f.Check == nil {
		return nil
	}
	return f.Check(path)
}

// rootsOf is the reader of the roots in places.
func (f *Files) rootsOf(places rootPlaces) *fileReader[*rootSet] {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.roots == nil {
		f.roots = map[rootPlaces]weak.Pointer[fileReader[*rootSet]]{}
	}
	return shared(f.roots, places, func() *fileReader[*rootSet] {
		return &fileReader[*rootSet]{
			paths: []string{places.file, places.dir},
			load:  func() (*rootSet, error) { return loadRoots(places, f.check) },
		}
	})
}

// listsOf is the reader of the revocation lists in path.
func (f *Files) listsOf(path string) *fileReader[[]*x509.RevocationList] {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.lists == nil {
		f.lists = map[string]weak.Pointer[fileReader[[]*x509.RevocationList]]{}
	}
	return shared(f.lists, path, func() *fileReader[[]*x509.RevocationList] {
		return &fileReader[[]*x509.RevocationList]{
			paths: []string{path},
			load:  func() ([]*x509.RevocationList, error) { return loadLists(path, f.check) },
		}
	})
}

// shared is what m has under key, or what create makes if nobody uses that any more.
func shared[K comparable, V any](m map[K]weak.Pointer[V], key K, create func() *V) *V {
	if v := m[key].Value(); v != nil {
		return v
	}
	v := create()
	// Weak: after a reload nobody uses the old roots any more, and they may be large.
	m[key] = weak.Make(v)
	return v
}

// fileReader reads something from files, and reads it again when they changed.
type fileReader[T any] struct {
	// Not changed.
	paths []string // of files or directories; "" = none
	load  func() (T, error)

	// Guarded by mu.
	mu    sync.Mutex
	read  bool
	stamp string // of the files that were read
	value T
}

// current returns what the files say now. With an error, which may be gone the next time, it is what they
// said before: a file may be seen while it is written.
func (r *fileReader[T]) current() (T, error) {
	r.mu.Lock()
	defer r.mu.Unlock()

	// The stamp comes first: what changes while it is read is read again.
	stamp := Stamp(r.paths...)
	if r.read && stamp == r.stamp {
		return r.value, nil
	}

	value, err := r.load()
	if err != nil {
		return r.value, err
	}

	// Only what could be read is kept: a file that is half written leaves what it said before.
	r.read, r.stamp, r.value = true, stamp, value
	return value, nil
}

// Stamp changes when one of the files does, or a file in one of the directories; also when its mode or owner
// is set right, or another file takes its place. "" names none.
func Stamp(paths ...string) string {
	var b strings.Builder
	for _, path := range paths {
		if path == "" {
			continue
		}

		st, err := os.Stat(path)
		switch {
		case err != nil: // it may come later
		case st.IsDir():
			files, _ := regularFiles(path) // what can't be read now will be another time
			fmt.Fprintf(&b, "%s %s\n%s", path, guard(st), Stamp(files...))
		default:
			fmt.Fprintf(&b, "%s %d %d %s\n", path, st.Size(), st.ModTime().UnixNano(), guard(st))
		}
	}
	return b.String()
}

// guard is the part of a stamp that says which file it is, and who may do what with it.
func guard(st fs.FileInfo) string {
	sys, ok := st.Sys().(*syscall.Stat_t)
	if !ok {
		return st.Mode().String()
	}
	return fmt.Sprintf("%v %d %d %d", st.Mode(), sys.Uid, sys.Gid, sys.Ino)
}
