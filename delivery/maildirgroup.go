package delivery

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

const (
	syncWorkers   = 16      // fsyncs at once: the journal of the file system commits them together
	copyStep      = 8 << 20 // how much is copied before the context is looked at
	gatherLimit   = 1 << 16 // up to here one write of trace and body together beats two
	nameAttempts  = 8       // names tried when another message holds the one that we computed
	listStep      = 4096    // names of cur read at once
	flagSeparator = ':'     // begins ":2,FLAGS" in the names in cur
)

var (
	errBusy = errors.New("the same message is being delivered by another retrieval")
	errName = errors.New("its file name is taken by other messages")
)

// maildirItem is one message of a group on its way.
type maildirItem struct {
	m     *Message
	name  string
	err   error
	state itemState
}

type itemState int

const (
	waiting itemState = iota
	claimed           // the name is ours
	stored            // tmp/NAME is complete
	done              // a copy is in new or cur
)

// maildirGroup is the messages of one DeliverGroup with the directories opened for it.
type maildirGroup struct {
	dir           *Maildir
	items         []maildirItem
	tmp, new, cur int // descriptors
	inCur         bool
}

func (g *maildirGroup) open() (err error) {
	for _, sub := range [...]struct {
		fd   *int
		name string
	}{{&g.tmp, "/tmp"}, {&g.new, "/new"}, {&g.cur, "/cur"}} {
		if *sub.fd, err = openDir(g.dir.dir + sub.name); err != nil {
			return err
		}
	}
	return nil
}

func (g *maildirGroup) close() {
	for _, fd := range [...]*int{&g.tmp, &g.new, &g.cur} {
		if *fd >= 0 {
			_ = unix.Close(*fd)
		}
		*fd = -1
	}
}

// claim names the messages and takes those names, unless another group is at work on one of them.
func (g *maildirGroup) claim(ms []*Message) {
	for i, m := range ms {
		g.items[i] = maildirItem{m: m, name: messageName(m)}
	}
	g.dir.mu.Lock()
	defer g.dir.mu.Unlock()
	for i := range g.items {
		it := &g.items[i]
		if _, taken := g.dir.busy[it.name]; taken {
			it.err = errBusy
			continue
		}
		g.dir.busy[it.name] = struct{}{}
		it.state = claimed
	}
}

// end removes what was written but not delivered, and gives the names back.
func (g *maildirGroup) end() {
	for i := range g.items {
		if it := &g.items[i]; it.state == stored {
			_ = unix.Unlinkat(g.tmp, it.name, 0)
		}
	}
	g.dir.mu.Lock()
	for i := range g.items {
		if it := &g.items[i]; it.state != waiting {
			delete(g.dir.busy, it.name)
		}
	}
	g.dir.mu.Unlock()
	g.close()
}

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

// holds reports whether the file has the body of m at its end. Its beginning, the trace, has another time at each try.
func (g *maildirGroup) holds(dir int, name string, m *Message) bool {
	fd, err := unix.Openat(dir, name, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return false
	}
	f := os.NewFile(uintptr(fd), name)
	defer f.Close()
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() || info.Size() < m.Body.Size() {
		return false
	}
	return sameBytes(io.NewSectionReader(f, info.Size()-m.Body.Size(), m.Body.Size()), m.Body.Open())
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

// store writes the messages to tmp and makes them durable.
func (g *maildirGroup) store(ctx context.Context) {
	how := g.dir.sys.plan(g.tmp, len(g.items))
	if how == syncEach && len(g.items) > 1 {
		g.storeParallel(ctx)
		return
	}
	var scratch []byte
	for i := range g.items {
		scratch = g.storeOne(ctx, &g.items[i], how == syncEach, scratch)
	}
	if how != syncWhole {
		return
	}
	// The descriptor was opened before the first write, so it sees every write error since.
	if err := g.dir.sys.syncfs(g.tmp); err != nil {
		g.fail(stored, err)
	}
}

func (g *maildirGroup) storeParallel(ctx context.Context) {
	var wg sync.WaitGroup
	var next atomic.Int64
	for range min(syncWorkers, len(g.items)) {
		wg.Go(func() {
			var scratch []byte
			for i := next.Add(1) - 1; i < int64(len(g.items)); i = next.Add(1) - 1 {
				scratch = g.storeOne(ctx, &g.items[i], true, scratch)
			}
		})
	}
	wg.Wait()
}

// storeOne writes one message to tmp if it needs it, and returns the scratch space, which may have grown.
func (g *maildirGroup) storeOne(ctx context.Context, it *maildirItem, sync bool, scratch []byte) []byte {
	if it.state != claimed {
		return scratch
	}
	if it.err = ctx.Err(); it.err != nil {
		return scratch
	}
	fd, err := g.createTmp(it.name)
	if err != nil {
		it.err = err
		return scratch
	}
	it.state = stored // from here on there is a file to remove
	scratch, it.err = writeMessage(ctx, fd, it.m, scratch)
	if it.err == nil && sync {
		it.err = g.dir.sys.fsync(fd)
	}
	if err := unix.Close(fd); err != nil && it.err == nil && !errors.Is(err, unix.EINTR) {
		it.err = err // NFS tells of a full disk here
	}
	return scratch
}

// createTmp creates tmp/NAME. What a killed run left under that name goes.
func (g *maildirGroup) createTmp(name string) (fd int, err error) {
	const flags = unix.O_WRONLY | unix.O_CREAT | unix.O_EXCL | unix.O_NOFOLLOW | unix.O_CLOEXEC
	create := func() (e error) {
		fd, e = unix.Openat(g.tmp, name, flags, g.dir.perm)
		return e
	}
	if err = untilDone(create); errors.Is(err, unix.EEXIST) {
		if err = unix.Unlinkat(g.tmp, name, 0); err == nil {
			err = untilDone(create)
		}
	}
	return fd, err
}

// writeMessage writes trace and body to fd.
func writeMessage(ctx context.Context, fd int, m *Message, scratch []byte) ([]byte, error) {
	body, inMemory := m.Body.Bytes()
	if inMemory && len(body) <= gatherLimit && len(m.Trace) > 0 {
		scratch = append(append(scratch[:0], m.Trace...), body...)
		return scratch, writeAll(fd, scratch)
	}
	if err := writeAll(fd, m.Trace); err != nil {
		return scratch, err
	}
	if inMemory {
		return scratch, writeAll(fd, body)
	}
	file, _ := m.Body.File()
	return scratch, copyFile(ctx, fd, file, 0, m.Body.Size())
}

func writeAll(fd int, p []byte) error {
	for len(p) > 0 {
		n, err := unix.Write(fd, p)
		if err != nil && !errors.Is(err, unix.EINTR) {
			return err
		}
		p = p[max(n, 0):]
	}
	return nil
}

// copyFile copies n bytes of src from off on to fd's offset, in the kernel where it can. It does not move src's offset.
func copyFile(ctx context.Context, fd int, src *os.File, off, n int64) error {
	var buf []byte
	for n > 0 {
		if err := ctx.Err(); err != nil {
			return err
		}
		if buf == nil {
			if k, ok := copyRange(fd, src, off, min(n, copyStep)); ok {
				off, n = off+k, n-k
				continue
			}
			buf = make([]byte, spillBlock)
		}
		k, err := src.ReadAt(buf[:min(n, int64(len(buf)))], off)
		if k == 0 {
			return errors.Join(io.ErrUnexpectedEOF, err)
		}
		if err := writeAll(fd, buf[:k]); err != nil {
			return err
		}
		off, n = off+int64(k), n-int64(k)
	}
	return nil
}

// publish moves what was stored to new and makes that durable.
func (g *maildirGroup) publish(ctx context.Context) {
	if err := ctx.Err(); err != nil {
		g.fail(stored, err)
	}
	moved := false
	for i := range g.items {
		it := &g.items[i]
		if it.state == stored && it.err == nil {
			g.move(it)
		}
		moved = moved || it.state == done
	}
	if !moved {
		return
	}
	err := g.dir.sys.fsync(g.new)
	if err == nil && g.inCur {
		err = g.dir.sys.fsync(g.cur)
	}
	if err != nil {
		g.fail(done, err)
	}
}

// move gives a stored message its place in new. If there is an earlier copy, it stays and ours goes.
func (g *maildirGroup) move(it *maildirItem) {
	name := it.name
	for try := range nameAttempts {
		if try > 0 {
			name = it.name + "-" + strconv.Itoa(try)
		}
		err := g.dir.sys.move(g.tmp, it.name, g.new, name)
		if err == nil {
			it.state = done
			return
		}
		if !errors.Is(err, unix.EEXIST) {
			it.err = err
			return
		}
		if g.holds(g.new, name, it.m) {
			_ = unix.Unlinkat(g.tmp, it.name, 0)
			it.state = done
			return
		}
	}
	it.err = errName
}

// moveByLink moves a file without overwriting another, where no system call does just that.
func moveByLink(fromDir int, from string, toDir int, to string) error {
	err := unix.Linkat(fromDir, from, toDir, to, 0)
	switch {
	case err == nil:
		_ = unix.Unlinkat(fromDir, from, 0) // a leftover does no harm: the next try or a mail reader removes it
		return nil
	case errors.Is(err, unix.EPERM), errors.Is(err, unix.ENOTSUP), errors.Is(err, unix.ENOSYS):
	default:
		return err
	}
	// A file system without hard links (FAT, some FUSE): the names make an overwrite all but impossible.
	var st unix.Stat_t
	if err := unix.Fstatat(toDir, to, &st, unix.AT_SYMLINK_NOFOLLOW); err == nil {
		return unix.EEXIST
	}
	return unix.Renameat(fromDir, from, toDir, to)
}

// fail gives err to every message in that state that has none yet.
func (g *maildirGroup) fail(state itemState, err error) {
	for i := range g.items {
		if it := &g.items[i]; it.state == state && it.err == nil {
			it.err = err
		}
	}
}
