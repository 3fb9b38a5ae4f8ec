package delivery

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"fetchd/tlsverify/hints"

	"golang.org/x/sys/unix"
)

// MaildirOptions say where messages go and who may read them.
type MaildirOptions struct {
	// Dir is the Maildir, with new, cur and tmp below it. Missing ones are made, but not the directory
	// above: a home that is not mounted is an error, not a reason to make a new one.
	Dir string
	// Perm are the permissions of messages, 0 = 0600. New directories get them too, with x for each r.
	Perm os.FileMode

	// KeepFlags puts messages that have flags on their server into cur, with these flags in the name;
	// KeepDate gives files the time at which the message came there.
	KeepFlags, KeepDate bool

	above string // the Maildir that this is a folder of; "" = of none
}

// KeepsMarks tells whether the options need the flags or dates of messages.
func (o MaildirOptions) KeepsMarks() bool { return o.KeepFlags || o.KeepDate }

// Maildir delivers into a Maildir. It is safe for concurrent use, also by several processes, and holds
// nothing open between deliveries. Any number of repeats leaves one copy, as long as no two processes
// deliver the same message of the same account at the same moment.
//
// A message is written as tmp/NAME, made durable, and only then moved to new/NAME; after that the directory
// new is made durable, and only then Deliver returns nil. So new never holds half a message, whenever the
// machine stops. One message costs openat, write, fsync, close, renameat2(RENAME_NOREPLACE) and fsync of
// new. A group shares the last one; and on Linux one syncfs replaces the fsync of each file, on file
// systems where it is known to report errors.
//
// NAME depends only on the message, see messageName: a repeat gets the name of the first try. A file in new
// is only ever overwritten by the same message. After a failed sync no later one is believed, because Linux
// reports a lost write only once: the messages are written again.
type Maildir struct {
	dir   string
	above string // the Maildir that it is a folder of, or ""
	perm  uint32
	sys   syncCalls

	keepsFlags, keepsDate bool

	mu      sync.Mutex          // guards what follows
	busy    map[string]struct{} // names of messages being delivered now: each has one writer in tmp
	doubted map[string]struct{} // names that were moved to new before a sync of new failed
	kept    maildirIDs          // the directories whose own entries are durable
}

// NewMaildir returns a Deliverer into o.Dir. It touches no file: Deliver reports a missing or unusable
// directory.
func NewMaildir(o MaildirOptions) *Maildir {
	perm := uint32(o.Perm.Perm())
	if perm == 0 {
		perm = 0o600
	}
	return &Maildir{
		dir: filepath.Clean(o.Dir), above: o.above, perm: perm, sys: systemCalls(),
		keepsFlags: o.KeepFlags, keepsDate: o.KeepDate,
		busy: make(map[string]struct{}), doubted: make(map[string]struct{}),
	}
}

// DefaultMaildir is the default destination: the Maildir in the user's home.
func DefaultMaildir(home string) string { return filepath.Join(home, "Maildir") }

func (d *Maildir) String() string { return "Maildir " + d.dir }

// KeepsMarks implements MarkKeeper.
func (d *Maildir) KeepsMarks() bool { return d.keepsFlags || d.keepsDate }

// Deliver implements Deliverer.
func (d *Maildir) Deliver(ctx context.Context, m *Message) error {
	return d.DeliverGroup(ctx, []*Message{m})[0]
}

// DeliverGroup implements GroupDeliverer. One message that can't be written does not fail the others.
func (d *Maildir) DeliverGroup(ctx context.Context, ms []*Message) []error {
	errs := d.deliverTogether(ctx, ms)
	fillRoom(ms, errs, func(m *Message) error { return d.deliverTogether(ctx, []*Message{m})[0] })
	return errs
}

func (d *Maildir) deliverTogether(ctx context.Context, ms []*Message) []error {
	errs := make([]error, len(ms))
	if len(ms) == 0 {
		return errs
	}

	// Asked for each group: a home may be mounted, or made, while the daemon runs.
	writer, err := ownerOf(d.dir+"/tmp", d.dir+"/new", d.dir+"/cur")
	if err == nil {
		err = writer.run(func() error { return d.deliverGroup(ctx, writer, ms, errs) })
	}

	for i := range errs {
		switch {
		case err != nil:
			errs[i] = d.explain(writer, "open", 0, err)
		case errs[i] != nil:
			act := fmt.Sprintf("deliver message %.200q to", ms[i].UID)
			errs[i] = d.explain(writer, act, ms[i].Body.Size(), errs[i])
		}
	}

	return errs
}

// deliverGroup delivers with the rights of the writer, which this thread already has, and puts the results
// into errs. An error that it returns concerns all messages.
func (d *Maildir) deliverGroup(ctx context.Context, writer *owner, ms []*Message, errs []error) error {
	g, err := d.begin(ctx, ms)
	if err != nil {
		return err
	}
	defer g.end()

	g.writer = writer
	// First what an earlier run may have left, then all files whole in tmp, and only then names in new.
	g.findEarlier()
	g.store(ctx)
	g.publish(ctx)

	for i := range g.items {
		errs[i] = g.items[i].result()
	}

	return nil
}

// begin opens the directories and claims the names of the group.
func (d *Maildir) begin(ctx context.Context, ms []*Message) (*maildirGroup, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	g := &maildirGroup{dir: d, items: make([]maildirItem, len(ms)), tmp: -1, new: -1, cur: -1}
	if err := g.prepare(); err != nil {
		g.close()
		return nil, err
	}
	g.claimNames(ms)
	return g, nil
}

// untilDone repeats a system call that a signal interrupted.
func untilDone(call func() error) error {
	for {
		if err := call(); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

// isWritable tells whether the Maildir is there and may be written.
func (d *Maildir) isWritable() bool {
	tmp := d.dir + "/tmp"
	writer, err := ownerOf(tmp)
	if err == nil {
		err = writer.run(func() error { return access(tmp, unix.W_OK|unix.X_OK) })
	}
	return err == nil
}

var maildirPlace = place{
	kind: "Maildir", missing: "the directory above it must exist (is it mounted?)",
	odd: "it must be a directory with new, cur and tmp in it; name another Maildir",
}

// explain gives an error its class, the Maildir and a hint. size is that of the message, 0 = it is not about
// one.
func (d *Maildir) explain(writer *owner, act string, size int64, err error) error {
	class, hint := judgePlace(maildirPlace, writer, err)
	class = judgeRoom(class, err, d.dir, size)
	switch {
	case errors.Is(err, errBusy):
		class, hint = Temporary, hintKept
	case errors.Is(err, errLink), errors.Is(err, errOneDirectory), errors.Is(err, unix.EXDEV):
		class = Unusable
		hint = "new, cur and tmp must be three directories of its own, no links, in one file system"
	}

	return &Error{Class: class, Err: hints.Errorf(hint, "%s Maildir %s: %w", act, d.dir, err)}
}
