package delivery

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

var (
	errRights     = errors.New("the rights of that user can't be taken on")
	errOpenToSwap = errors.New("others could put a link of theirs there")
)

// owner is a user whose rights files are written with.
type owner struct {
	uid, gid int
	groups   []int
	name     string
	owns     string // what makes them the owner
}

func (o *owner) String() string { return o.name + ", who owns " + o.owns }

// AsOwner runs f with the rights that mail below path is written with. Those are ours, but for root where
// path leads through what belongs to somebody else, such as a home: the first of them could turn the rest of
// path anywhere by a link, so that it is done with their rights, and they own what comes of it. The rights
// are those of f's own goroutine: it must start no other to do its work. f does not run if they can't be had;
// the error says why.
func AsOwner(path string, f func() error) error {
	o, err := ownerOf(path)
	if err != nil {
		return err
	}
	return o.run(f)
}

// ownerOf is whose rights AsOwner uses, nil = ours. The paths are looked at until one leads to somebody.
func ownerOf(paths ...string) (*owner, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	for _, path := range paths {
		path, err := filepath.Abs(path)
		if err != nil {
			return nil, err
		}
		at, e, err := firstStranger(path, lookAt)
		if err != nil {
			return nil, err
		}
		if at != "" {
			return lookUpOwner(at, e)
		}
	}
	return nil, nil
}

// lookUpOwner finds name and groups. A user whom the system does not know, as in a container, has that of the
// entry.
func lookUpOwner(at string, e pathEntry) (*owner, error) {
	o := &owner{uid: int(e.uid), gid: int(e.gid), name: "user " + strconv.Itoa(int(e.uid)), owns: at}
	u, err := user.LookupId(strconv.Itoa(o.uid))
	if errors.As(err, new(user.UnknownUserIdError)) {
		return o, nil
	}
	if err != nil {
		return nil, fmt.Errorf("owner of %s: %w", at, err)
	}
	o.name = u.Username
	if o.gid, err = strconv.Atoi(u.Gid); err != nil {
		return nil, fmt.Errorf("group of %s: %w", o, err)
	}
	groups, err := u.GroupIds()
	if err != nil {
		return nil, fmt.Errorf("groups of %s: %w", o, err)
	}
	for _, text := range groups {
		g, err := strconv.Atoi(text)
		if err != nil {
			return nil, fmt.Errorf("groups of %s: %w", o, err)
		}
		o.groups = append(o.groups, g)
	}
	return o, nil
}

// pathEntry is a file, directory or symbolic link.
type pathEntry struct {
	uid, gid uint32
	mode     uint32
	link     string // where a symbolic link leads
}

// swappable tells whether users other than root could replace an entry of the directory, or make one.
func (e pathEntry) swappable(exists bool) bool {
	writable := e.mode&0o002 != 0 || e.mode&0o020 != 0 && e.gid != 0
	return writable && (!exists || e.mode&unix.S_ISVTX == 0)
}

func lookAt(path string) (pathEntry, error) {
	var st unix.Stat_t
	if err := unix.Lstat(path, &st); err != nil {
		return pathEntry{}, &os.PathError{Op: "look at", Path: path, Err: err}
	}
	e := pathEntry{uid: st.Uid, gid: st.Gid, mode: uint32(st.Mode)}
	if e.mode&unix.S_IFMT != unix.S_IFLNK {
		return e, nil
	}
	var err error
	e.link, err = os.Readlink(path)
	return e, err
}

const maxLinks = 40 // as Linux has it

// firstStranger walks path, which is absolute, through its symbolic links and returns the first entry that is
// not root's; "" = there is none as far as the path exists. All before it is root's and in directories where
// nobody else can replace it, so that it is still so when the path is used.
func firstStranger(path string, look func(string) (pathEntry, error)) (at string, e pathEntry, err error) {
	const root = "/"
	at, links := root, 0
	parts := strings.Split(path, root) // begins with "", for the root itself
	var above pathEntry
	for i := 0; i < len(parts); i++ {
		next := filepath.Join(at, parts[i])
		e, err := look(next)
		exists := !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, unix.ENOTDIR)
		switch {
		case exists && err != nil:
			return "", e, err
		case exists && e.uid != 0:
			return next, e, nil
		case len(next) > len(at) && above.swappable(exists):
			return "", e, fmt.Errorf("%s: %w", next, errOpenToSwap)
		case !exists:
			return "", e, nil
		case e.link == "":
			at, above = next, e
			continue
		}

		if links++; links > maxLinks {
			return "", e, &os.PathError{Op: "follow", Path: path, Err: unix.ELOOP}
		}
		if filepath.IsAbs(e.link) {
			at = root
		}
		parts = append(strings.Split(e.link, root), parts[i+1:]...)
		i = -1
	}
	return "", e, nil
}
