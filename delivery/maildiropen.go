package delivery

import (
	"errors"
	"os"
	"slices"

	"golang.org/x/sys/unix"
)

// maildirSubs are the directories of a Maildir.
var maildirSubs = [...]string{"tmp", "new", "cur"}

var errOneDirectory = errors.New("one directory has two names")

// fileID tells a file or directory from all others.
type fileID struct{ dev, ino uint64 }

func idOf(st *unix.Stat_t) fileID { return fileID{uint64(st.Dev), uint64(st.Ino)} }

// maildirIDs are tmp, new and cur.
type maildirIDs [len(maildirSubs)]fileID

// prepare opens the directories, which it makes if they are missing, and sees to it that they survive a
// crash. What it made and could not sync goes again, so that the next try makes it anew and does not take the
// entry for durable.
func (g *maildirGroup) prepare() error {
	g.dir.mu.Lock() // what one group removes no other has begun to use
	defer g.dir.mu.Unlock()
	var made []string
	ids, err := g.open()
	if errors.Is(err, unix.ENOENT) {
		g.close()
		if made, err = g.dir.create(); err == nil {
			ids, err = g.open()
		}
	}
	if err == nil {
		err = g.keep(ids)
	}
	if err != nil {
		for _, path := range slices.Backward(made) {
			_ = unix.Rmdir(path) // fails if something is in it by now
		}
	}
	return err
}

// open opens the directories and refuses those that are one.
func (g *maildirGroup) open() (ids maildirIDs, err error) {
	for i, fd := range g.fds() {
		if *fd, err = openDir(g.dir.dir + "/" + maildirSubs[i]); err != nil {
			return ids, err
		}
	}
	for i, fd := range g.fds() {
		var st unix.Stat_t
		if err := unix.Fstat(*fd, &st); err != nil {
			return ids, err
		}
		ids[i] = idOf(&st)
		if slices.Contains(ids[:i], ids[i]) || otherSub(*fd, i, ids[i]) {
			return ids, &os.PathError{Op: "use", Path: g.dir.dir + "/" + maildirSubs[i], Err: errOneDirectory}
		}
	}
	return ids, nil
}

func (g *maildirGroup) fds() [len(maildirSubs)]*int { return [...]*int{&g.tmp, &g.new, &g.cur} }

// otherSub tells whether sub i has, where it really is, the name of another sub: it is a link to another
// Maildir's new, say, where half a message would be read, and where others remove files from.
func otherSub(fd, i int, id fileID) bool {
	for k, name := range maildirSubs {
		var st unix.Stat_t
		if k != i && unix.Fstatat(fd, "../"+name, &st, 0) == nil && idOf(&st) == id {
			return true
		}
	}
	return false
}

// create makes the Maildir and what is missing in it, and returns what it made.
func (d *Maildir) create() (made []string, err error) {
	perm := os.FileMode(d.perm | d.perm>>2&0o111)
	for _, path := range [...]string{d.dir, d.dir + "/tmp", d.dir + "/new", d.dir + "/cur"} {
		err := os.Mkdir(path, perm)
		if err == nil {
			made = append(made, path)
		} else if !errors.Is(err, os.ErrExist) {
			return made, err
		}
	}
	return made, nil
}

// keep makes the entries of the directories durable, and that of the Maildir itself, once for each: whoever
// made them may have been killed before the sync, or got an error from it.
func (g *maildirGroup) keep(ids maildirIDs) error {
	if g.dir.kept == ids {
		return nil
	}
	for _, path := range [...]string{g.dir.dir, g.dir.dir + "/.."} {
		if err := g.syncDir(path); err != nil {
			return err
		}
	}
	g.dir.kept = ids
	return nil
}

// syncDir makes the entries of a directory durable. Where it may not be read, or can't be synced by itself,
// all of its file system is.
func (g *maildirGroup) syncDir(path string) error {
	fd, err := openDir(path)
	if err == nil {
		defer unix.Close(fd)
		err = g.dir.sys.fsync(fd)
	}
	if errors.Is(err, unix.EACCES) || errors.Is(err, unix.EINVAL) {
		return g.dir.sys.syncfs(g.new)
	}
	return err
}

// openDir opens a directory to name files in it.
func openDir(path string) (fd int, err error) {
	err = untilDone(func() (e error) {
		fd, e = unix.Open(path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		return e
	})
	if err != nil {
		return -1, &os.PathError{Op: "open", Path: path, Err: err}
	}
	return fd, nil
}

func (g *maildirGroup) close() {
	for _, fd := range g.fds() {
		if *fd >= 0 {
			_ = unix.Close(*fd)
		}
		*fd = -1
	}
}
