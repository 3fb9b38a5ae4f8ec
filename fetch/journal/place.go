package journal

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"fetchd/delivery/ownfile"
)

// findPlace makes missing directories of the journal at path, and returns the path without links. It fails
// if another user could have written the journal, or can put a file beside it: SQLite opens its files by
// name and believes what they contain, and a message that is recorded as delivered is deleted on the
// server.
func findPlace(path string) (string, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return "", err
	}
	if err := checkDir(filepath.Dir(path)); err != nil { // where a link would stand
		return "", err
	}

	real, err := filepath.EvalSymlinks(path)
	// No journal yet: the directory decides where it will be.
	if errors.Is(err, fs.ErrNotExist) {
		real, err = filepath.EvalSymlinks(filepath.Dir(path))
		real = filepath.Join(real, filepath.Base(path))
	}

	if dir := filepath.Dir(real); err == nil && dir != filepath.Dir(path) {
		err = checkDir(dir)
	}
	if err != nil {
		return "", err
	}

	return real, checkFiles(real)
}

func checkDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return ownfile.CheckDir(d)
}

// checkFiles checks the files that SQLite would open.
func checkFiles(path string) error {
	err := ownfile.CheckPath(path)
	if err != nil && dropBuilt(path) {
		err = ownfile.CheckPath(path)
	}

	if err != nil {
		return err
	}

	// SQLite replays a -wal or -journal that it finds, whoever put it there.
	return ownfile.CheckBeside(path, "-wal", "-shm", "-journal")
}

// dropBuilt removes the name under which the journal was built, if the process was killed before it could
// do so. It tells whether there was such a name.
func dropBuilt(path string) bool {
	info, err := os.Lstat(path)
	list, err2 := os.ReadDir(filepath.Dir(path))
	if errors.Join(err, err2) != nil {
		return false
	}

	prefix, dropped := filepath.Base(path)+builtAs, false
	for _, e := range list {
		built, err := e.Info()
		// The same file under the name that it was built with: ours, and no attack with a hard link.
		if err == nil && strings.HasPrefix(e.Name(), prefix) && os.SameFile(info, built) {
			dropped = os.Remove(filepath.Join(filepath.Dir(path), e.Name())) == nil || dropped
		}
	}

	return dropped
}
