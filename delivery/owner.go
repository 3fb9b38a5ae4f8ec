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

// AsOwner runs f with the rights that mail below path is written with. Normally they are ours. But if we
// are root and path leads through something that belongs to another user, such as a home, that user could
// redirect the rest of path with a link; so f runs with the rights of the first such user, who will own the
// result. Only f's own goroutine has these rights: it must not start others to do its work. If the rights
// can't be assumed f does not run, and the error says why.
func AsOwner(path string, f func() error) error {
	o, err := ownerOf(path)
	if err != nil {
		return err
	}
	return o.run(f)
}

// ownerOf is the user whose rights AsOwner uses, nil = ours. The first path that leads to another user
// counts.
func ownerOf(paths ...string) (*owner, error) {
	// Others can't take on rights, and have none that could be misused.
	if os.Geteuid() != 0 {
		return nil, nil
	}

	for _, path := range paths {
		path, err := filepath.Abs(path)
		if err != nil {
			return nil, err
		}
		at, e, err := firstStranger(path, inspectEntry)
		if err != nil {
			return nil, err
		}
		if at != "" {
			return lookUpOwner(at, e)
		}
	}

	return nil, nil
}

// lookUpOwner finds the name and the groups of an entry's user. If the system does not know the user, as in
// a container, the group is that of the entry.
func lookUpOwner(at string, e pathEntry) (*owner, error) {
	o := &owner{uid: int(e.uid), gid: int(e.gid), name: "user " + strconv.Itoa(int(e.uid)), owns: at}
	u, err := user.LookupId(strconv.Itoa(o.uid))
	// A number without a name, as in a container: it has its rights, but no groups.
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

// swappable tells whether users other than root could replace an existing entry of the directory, or make a
// missing one.
func (e pathEntry) swappable(exists bool) bool {
	writable := e.mode&0o002 != 0 || e.mode&0o020 != 0 && e.gid != 0
	return writable && (!exists || e.mode&unix.S_ISVTX == 0)
}

func inspectEntry(path string) (pathEntry, error) {
	var st unix.Stat_t
	if err := unix.Lstat(path, &st); err != nil {
		return pathEntry{}, &os.PathError{Op: "lstat", Path: path, Err: err}
	}

	e := pathEntry{uid: st.Uid, gid: st.Gid, mode: uint32(st.Mode)}
	if e.mode&unix.S_IFMT != unix.S_IFLNK {
		return e, nil
	}
	var err error
	e.link, err = os.Readlink(path)
	return e, err
}

const maxLinks = 40 // the limit of Linux

// firstStranger walks an absolute path through its symbolic links and returns the first entry that does not
// belong to root; "" if there is none as far as the path exists. Everything before it is root's, in
// directories where nobody else can replace it, so the answer still holds when the path is used.
func firstStranger(path string, inspect func(string) (pathEntry, error)) (at string, e pathEntry, err error) {
	const root = "/"
	at, links := root, 0
	parts := strings.Split(path, root) // begins with "", for the root itself
	var above pathEntry

	for i := 0; i < len(parts); i++ {
		next := filepath.Join(at, parts[i])
		e, err := inspect(next)
		exists := !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, unix.ENOTDIR)
		switch {
		case exists && err != nil:
			return "", e, err
		// From here on this user decides what the path means, so only this user's rights are used.
		case exists && e.uid != 0:
			return next, e, nil
		// Everything so far was root's. Somebody else could still put a link here before we use the path.
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

		// The link's own path is walked too: it may lead through somebody's directory.
		parts = append(strings.Split(e.link, root), parts[i+1:]...)
		i = -1
	}

	return "", e, nil
}
