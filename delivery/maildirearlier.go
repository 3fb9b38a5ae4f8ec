package delivery

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

const (
	listStep      = 4096 // names of cur read at once
	flagSeparator = ':'  // begins ":2,FLAGS" in the names in cur
)

// findEarlier looks for copies of the messages that an earlier run may have delivered: in new, and in one listing of
// cur, where a mail reader has moved what it has seen.
func (g *maildirGroup) findEarlier() {
	var wanted map[string]*maildirItem
	for i := range g.items {
		it := &g.items[i]
		if !it.m.Repeat || it.state != claimed {
			continue
		}
		if g.holds(g.new, it.name, it.m) {
			it.state = done
			continue
		}
		if wanted == nil {
			wanted = make(map[string]*maildirItem)
		}
		wanted[it.name] = it
	}
	if len(wanted) > 0 {
		g.searchCur(wanted)
	}
}

func (g *maildirGroup) searchCur(wanted map[string]*maildirItem) {
	f, err := os.Open(filepath.Join(g.dir.dir, "cur"))
	if err != nil {
		return // a second copy is the lesser evil
	}
	defer f.Close()
	for err == nil {
		var names []string
		names, err = f.Readdirnames(listStep)
		for _, name := range names {
			unique := name
			if i := strings.IndexByte(name, flagSeparator); i >= 0 {
				unique = name[:i]
			}
			if it := wanted[unique]; it != nil && it.state == claimed && g.holds(g.cur, name, it.m) {
				it.state, g.inCur = done, true
			}
		}
	}
}

// holds reports whether the file has the message at its end. Its beginning, the trace, has another time at each try.
func (g *maildirGroup) holds(dir int, name string, m *Message) bool {
	fd, err := unix.Openat(dir, name, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return false
	}
	f := os.NewFile(uintptr(fd), name)
	defer f.Close()
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() || info.Size() < m.size() {
		return false
	}
	return sameBytes(io.NewSectionReader(f, info.Size()-m.size(), m.size()), m.open())
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
