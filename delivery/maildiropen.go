package delivery

import (
	"errors"
	"os"
	"slices"

	"golang.org/x/sys/unix"
)

// maildirSubs are the directories of a Maildir.
var maildirSubs = [...]string{"tmp", "new", "cur"}

var (
	errLink         = errors.New("it is a symbolic link")
	errOneDirectory = errors.New("one directory has two names")
)

// fileID identifies a file or directory.
type fileID struct{ dev, ino uint64 }

func idOf(st *unix.Stat_t) fileID { return fileID{uint64(st.Dev), uint64(st.Ino)} }

// maildirIDs are tmp, new and cur.
type maildirIDs [len(maildirSubs)]fileID

// prepare opens the directories, makes missing ones, and makes sure that they survive a crash. It removes
// directories that it made but could not sync, so that the next try makes them again and does not believe
// that they are durable.
func (g *maildirGroup) prepare() error {
	g.dir.mu.Lock() // so that no other group begins to use what this one removes
	defer g.dir.mu.Unlock()

	var made []string
	ids, err := g.open()
	// Opened first, made only if missing: mostly they are there.
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
			_ = os.Remove(path) // fails if something is in it by now
		}
	}

	return err
}

// open opens the directories. They must be three, directly in the Maildir. A link could lead to one of the
// others or into it, or into another Maildir: half a message would be read there, and others would remove our
// files. What is left is one directory that is mounted twice.
func (g *maildirGroup) open() (ids maildirIDs, err error) {
	for i, fd := range g.fds() {
		if *fd, err = openSub(g.dir.dir + "/" + maildirSubs[i]); err != nil {
			return ids, err
		}
	}

	for i, fd := range g.fds() {
		var st unix.Stat_t
		if err := unix.Fstat(*fd, &st); err != nil {
			return ids, err
		}
		ids[i] = idOf(&st)
		// A rename from tmp to new would change nothing, and every message seem delivered.
		if slices.Contains(ids[:i], ids[i]) {
			return ids, &os.PathError{Op: "use", Path: g.dir.dir + "/" + maildirSubs[i], Err: errOneDirectory}
		}
	}

	return ids, nil
}

func (g *maildirGroup) fds() [len(maildirSubs)]*int { return [...]*int{&g.tmp, &g.new, &g.cur} }

// create makes the Maildir and its directories as far as they are missing, and returns what it made.
func (d *Maildir) create() (made []string, err error) {
	// A directory needs x where a file has r.
	perm := os.FileMode(d.perm | d.perm>>2&0o111)
	for _, dir := range []string{d.above, d.dir} {
		for _, sub := range []string{"", "/tmp", "/new", "/cur"} {
			if dir == "" {
				continue
			}
			err := os.Mkdir(dir+sub, perm)
			if err == nil {
				made = append(made, dir+sub)
			} else if !errors.Is(err, os.ErrExist) {
				return made, err
			}
		}
	}
	return d.markFolder(made)
}

// markFolder says of a folder that was made that it is one.
func (d *Maildir) markFolder(made []string) ([]string, error) {
	if d.above == "" || !slices.Contains(made, d.dir) {
		return made, nil
	}
	path := d.dir + "/" + maildirFolder
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, os.FileMode(d.perm))
	if err != nil {
		return made, err
	}
	return append(made, path), f.Close()
}

// keep makes the entries of the directories and of the Maildir itself durable, once: the process that made
// them may have been killed before its sync, or the sync may have failed.
func (g *maildirGroup) keep(ids maildirIDs) error {
	if g.dir.kept == ids {
		return nil
	}
	// The entry of new is in the Maildir, and the Maildir's own in the directory above.
	paths := []string{g.dir.dir, g.dir.dir + "/.."}
	if g.dir.above != "" {
		paths = append(paths, g.dir.above+"/..")
	}
	for _, path := range paths {
		if err := g.syncDir(path); err != nil {
			return err
		}
	}
	g.dir.kept = ids
	return nil
}

// syncDir makes the entries of a directory durable. If the directory may not be read, or can't be synced by
// itself, it syncs the whole file system.
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
func openDir(path string) (fd int, err error) { return openDirAs(path, 0) }

// openSub is openDir for one that is no symbolic link.
func openSub(path string) (fd int, err error) {
	fd, err = openDirAs(path, unix.O_NOFOLLOW)
	if err == nil {
		return fd, nil
	}

	// Each system has its own error for a link.
	if info, e := os.Lstat(path); e == nil && info.Mode()&os.ModeSymlink != 0 {
		err = &os.PathError{Op: "open", Path: path, Err: errLink}
	}
	return -1, err
}

func openDirAs(path string, flag int) (fd int, err error) {
	err = untilDone(func() (e error) {
		fd, e = unix.Open(path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC|flag, 0)
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
