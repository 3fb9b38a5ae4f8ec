package delivery

import (
	"bytes"
	"errors"
	"io"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

const (
	listStep      = 4096 // names of cur read at a time
	flagSeparator = ':'  // begins ":2,FLAGS" in the names in cur
)

// findEarlier looks for copies of messages that an earlier run may have delivered: in new, and in one
// listing of cur, to which mail readers move what they have seen. A copy counts once it is durable;
// messages without one are written again.
func (g *maildirGroup) findEarlier() {
	var inNew, inCur []*maildirItem
	wanted := make(map[string]*maildirItem)
	for i := range g.items {
		it := &g.items[i]
		switch {
		// Only after a run that was cut off: listing a large cur for each message would cost more than the
		// delivery.
		case !it.m.Repeat || it.state != claimed || it.doubted:
		case g.holdsDurably(g.new, it.name, it):
			inNew = append(inNew, it)
		default:
			wanted[it.name] = it
		}
	}

	if len(wanted) > 0 {
		inCur = g.searchCur(wanted)
	}

	g.markDone(g.new, inNew)
	g.markDone(g.cur, inCur)
}

// markDone counts the messages that were found in a directory as delivered, if its entries can be made
// durable.
func (g *maildirGroup) markDone(dir int, found []*maildirItem) {
	if len(found) == 0 || g.dir.sys.fsync(dir) != nil {
		return
	}
	for _, it := range found {
		it.state = done
	}
}

// searchCur returns the wanted messages that are in cur. If cur can't be read a second copy is the lesser
// evil.
func (g *maildirGroup) searchCur(wanted map[string]*maildirItem) (found []*maildirItem) {
	fd, err := unix.Openat(g.cur, ".", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil
	}

	f := os.NewFile(uintptr(fd), "cur")
	defer f.Close()

	for err == nil {
		var names []string
		names, err = f.Readdirnames(listStep)
		for _, name := range names {
			// Mail readers add flags behind the name, and keep what is before them.
			unique := name
			if i := strings.IndexByte(name, flagSeparator); i >= 0 {
				unique = name[:i]
			}
			if it := wanted[unique]; it != nil && g.holdsDurably(g.cur, name, it) {
				delete(wanted, unique)
				found = append(found, it)
			}
		}
	}

	return found
}

// holds tells whether the file is an earlier copy of the message.
func (g *maildirGroup) holds(dir int, name string, it *maildirItem) bool {
	f := g.openCopy(dir, name, it)
	if f == nil {
		return false
	}
	_ = f.Close()
	return true
}

// holdsDurably is holds, and it syncs the copy.
func (g *maildirGroup) holdsDurably(dir int, name string, it *maildirItem) bool {
	f := g.openCopy(dir, name, it)
	if f == nil {
		return false
	}
	defer f.Close()
	return g.dir.sys.fsync(int(f.Fd())) == nil
}

// openCopy opens a file that ends in the message, and returns nil for any other. The beginning, the trace,
// has another time at each try. The file that we have just written does not count as a copy of itself.
func (g *maildirGroup) openCopy(dir int, name string, it *maildirItem) *os.File {
	// NONBLOCK, as somebody may have put a pipe there, which would let us wait for ever.
	fd, err := unix.Openat(dir, name, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil
	}
	f := os.NewFile(uintptr(fd), name)
	if !g.isCopy(f, it) {
		_ = f.Close()
		return nil
	}
	return f
}

func (g *maildirGroup) isCopy(f *os.File, it *maildirItem) bool {
	var st, own unix.Stat_t
	if unix.Fstat(int(f.Fd()), &st) != nil || st.Mode&unix.S_IFMT != unix.S_IFREG {
		return false
	}
	if it.state == stored { // few files are compared with others: only of these it is asked which they are
		err := unix.Fstatat(g.tmp, it.tmp, &own, unix.AT_SYMLINK_NOFOLLOW)
		if err != nil || idOf(&st) == idOf(&own) {
			return false
		}
	}

	size := it.m.size()
	// The message is at the end of the file, behind a trace whose length may differ.
	if st.Size >= size && sameBytes(io.NewSectionReader(f, st.Size-size, size), it.m.open()) {
		return true
	}
	return sameButStatus(f, st.Size, it.m)
}

func sameBytes(a, b io.Reader) bool {
	bufA, bufB := make([]byte, 32<<10), make([]byte, 32<<10)
	for {
		n, errA := io.ReadFull(a, bufA)
		k, errB := io.ReadFull(b, bufB)
		if n != k || !bytes.Equal(bufA[:n], bufB[:k]) {
			return false
		}
		if errA != nil || errB != nil {
			return ended(errA) && ended(errB)
		}
	}
}

func ended(err error) bool { return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) }
