package delivery

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"fetchd/fetch/fault"
)

const (
	syncWorkers  = 16 // concurrent fsyncs: the file system's journal commits them together
	nameAttempts = 8  // names tried if another message has the computed one
)

var (
	errBusy = errors.New("the same message is being delivered by another retrieval")
	errName = errors.New("its file name is taken by other messages")
	errLeft = errors.New("it was not written") // can only be a mistake of ours
)

// maildirItem is one message of a group under way.
type maildirItem struct {
	m     *Message
	name  string
	tmp   string // its name in tmp
	err   error
	state itemState

	doubted bool // a copy in new may not be durable, even if a sync succeeds now
}

type itemState int

const (
	waiting itemState = iota
	claimed           // the name is ours
	stored            // the file in tmp is complete
	moved             // it is in new, perhaps not durably
	done              // a copy is in new or cur, durably
)

// result is nil only for a message in state done.
func (it *maildirItem) result() error {
	if it.err == nil && it.state != done {
		return errLeft
	}
	return it.err
}

// maildirGroup is the messages of one DeliverGroup with the directories opened for it.
type maildirGroup struct {
	dir           *Maildir
	items         []maildirItem
	tmp, new, cur int // descriptors
	writer        *owner
}

// claimNames gives each message its name, unless another group is delivering a message of that name.
func (g *maildirGroup) claimNames(ms []*Message) {
	for i, m := range ms {
		g.items[i] = maildirItem{m: m, name: messageName(m)}
	}

	g.dir.mu.Lock()
	defer g.dir.mu.Unlock()
	for i := range g.items {
		it := &g.items[i]
		// Two writers of one name in tmp would remove each other's file.
		if _, taken := g.dir.busy[it.name]; taken {
			it.err = errBusy
			continue
		}
		g.dir.busy[it.name] = struct{}{}
		it.state = claimed
		_, it.doubted = g.dir.doubted[it.name]
	}
}

// end removes what was written but not delivered, and releases the names.
func (g *maildirGroup) end() {
	for i := range g.items {
		if it := &g.items[i]; it.state == stored {
			_ = unix.Unlinkat(g.tmp, it.tmp, 0)
		}
	}

	// Only now that the files in tmp are gone may another group use their names.
	g.dir.mu.Lock()
	for i := range g.items {
		it := &g.items[i]
		if it.state != waiting {
			delete(g.dir.busy, it.name)
		}
		switch it.state {
		// It has a name in new that may not survive a crash. A later sync that succeeds proves nothing about
		// it.
		case moved:
			g.dir.doubted[it.name] = struct{}{}
		case done:
			delete(g.dir.doubted, it.name)
		}
	}

	g.dir.mu.Unlock()

	g.close()
}

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

	// The descriptor was opened before the first write, so syncfs reports every write error since then.
	if err := g.dir.sys.syncfs(g.tmp); err != nil {
		g.fail(stored, err)
	}
}

func (g *maildirGroup) storeParallel(ctx context.Context) {
	var wg sync.WaitGroup
	var next atomic.Int64
	workers := make([]error, min(syncWorkers, len(g.items)))
	for w := range workers {
		wg.Go(func() {
			workers[w] = g.writer.run(func() error { // rights belong to a thread, and each worker has its own
				var scratch []byte
				for i := next.Add(1) - 1; i < int64(len(g.items)); i = next.Add(1) - 1 {
					scratch = g.storeOne(ctx, &g.items[i], true, scratch)
				}
				return nil
			})
		})
	}

	wg.Wait()

	if err := errors.Join(workers...); err != nil {
		g.fail(claimed, err)
	}
}

// storeOne writes a message to tmp unless it is there or has failed already, and returns the scratch space,
// which may have grown.
func (g *maildirGroup) storeOne(
	ctx context.Context, it *maildirItem, sync bool, scratch []byte,
) (grown []byte) {
	defer fault.Recover(&it.err) // a panic in a worker: an item without an error would count as synced
	if it.state != claimed {
		return scratch
	}
	// Between two messages: what is in tmp so far is removed, and nothing was delivered.
	if it.err = ctx.Err(); it.err != nil {
		return scratch
	}

	fd, err := g.createTmp(it)
	if err != nil {
		it.err = err
		return scratch
	}

	// From here on there is a file that end must remove.
	it.state = stored
	scratch, it.err = writeRecovering(ctx, fd, it.m, scratch)
	g.keepDate(it)
	if it.err == nil && sync { // before it gets a name in new, see publish
		it.err = g.dir.sys.fsync(fd)
	}

	if err := g.dir.sys.close(fd); err != nil && it.err == nil && !errors.Is(err, unix.EINTR) {
		it.err = err // NFS reports a full disk here
	}

	return scratch
}

// Endings of a message's name in tmp, so that no file there has the name of a delivered message. The second
// is used if the first is taken.
const (
	firstTry  = ".tmp"
	secondTry = ".tmp2"
)

// createTmp creates a file in tmp and removes what a killed run left there of the message. If that had the
// first name, ours gets the second: if the file belonged to a living process after all, that process finds
// its file gone, and does not move our unfinished one to new.
func (g *maildirGroup) createTmp(it *maildirItem) (fd int, err error) {
	const flags = unix.O_WRONLY | unix.O_CREAT | unix.O_EXCL | unix.O_NOFOLLOW | unix.O_CLOEXEC
	create := func() (e error) {
		fd, e = unix.Openat(g.tmp, it.tmp, flags, g.dir.perm)
		return e
	}

	if it.m.Repeat { // a killed run may have left both names
		_ = unix.Unlinkat(g.tmp, it.name+secondTry, 0)
	}

	it.tmp = it.name + firstTry
	if err = untilDone(create); errors.Is(err, unix.EEXIST) {
		if err = unix.Unlinkat(g.tmp, it.tmp, 0); err == nil || errors.Is(err, unix.ENOENT) {
			it.tmp = it.name + secondTry
			err = untilDone(create)
		}
	}

	return fd, err
}

// publish moves the stored messages to new and makes that durable.
func (g *maildirGroup) publish(ctx context.Context) {
	// The last moment at which the end of the retrieval prevents a delivery. From here on it is carried
	// through.
	if err := ctx.Err(); err != nil {
		g.fail(stored, err)
	}

	// The files are durable by now: whatever gets a name in new is a whole message, even after a crash.
	some := false
	for i := range g.items {
		it := &g.items[i]
		if it.state == stored && it.err == nil {
			// Right before the rename, which can't be taken back: mail readers see the message at once.
			it.err = it.m.Hold()
		}
		if it.state == stored && it.err == nil {
			it.err = g.move(it)
		}
		some = some || it.state == moved
	}

	if !some {
		return
	}

	// Until the entries in new and cur are durable too, nothing counts as delivered: the server would delete
	// it.
	for _, dir := range g.movedTo() {
		if err := g.dir.sys.fsync(dir); err != nil {
			g.fail(moved, err)
			return
		}
	}

	for i := range g.items {
		if it := &g.items[i]; it.state == moved {
			it.state = done
		}
	}
}

// target is the directory for a message, and what its name ends in there.
func (g *maildirGroup) target(it *maildirItem) (dir int, suffix string) {
	if g.dir.keepsFlags {
		if suffix := flagsSuffix(it.m.Flags); suffix != "" {
			return g.cur, suffix
		}
	}
	return g.new, ""
}

// movedTo are the directories that messages were moved to.
func (g *maildirGroup) movedTo() []int {
	var dirs []int
	for i := range g.items {
		dir, _ := g.target(&g.items[i])
		if g.items[i].state == moved && !slices.Contains(dirs, dir) {
			dirs = append(dirs, dir)
		}
	}
	return dirs
}

// move moves a stored message to new or cur. It replaces an earlier copy there, because ours is known to be
// durable.
func (g *maildirGroup) move(it *maildirItem) error {
	dir, suffix := g.target(it)
	name := it.name + suffix
	for try := range nameAttempts {
		if try > 0 {
			name = it.name + "-" + strconv.Itoa(try) + suffix
		}
		// Without overwriting: what is there under this name may be another message.
		err := g.dir.sys.move(g.tmp, it.tmp, dir, name)
		if errors.Is(err, unix.EEXIST) {
			// Another message: a hash of 120 bits says that this does not happen, and the next name costs
			// nothing.
			if !g.holds(dir, name, it) {
				continue
			}
			err = g.dir.sys.replace(g.tmp, it.tmp, dir, name)
		}
		if err == nil {
			it.state = moved
		}
		return err
	}

	return errName
}

// fail gives err to every message in that state that has no error yet.
func (g *maildirGroup) fail(state itemState, err error) {
	for i := range g.items {
		if it := &g.items[i]; it.state == state && it.err == nil {
			it.err = err
		}
	}
}
