package oauth

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"fetchd/cmd/fetchd/internal/web"
	"fetchd/delivery/ownfile"
	"fetchd/fetch"
	"fetchd/tlsverify/hints"

	"golang.org/x/sys/unix"
)

// maxFile bounds a grant's file: two tokens and what is known about them.
const maxFile = 4 * web.MaxAnswer

// lockInterval is how often a lock that another process or goroutine has is tried again.
const lockInterval = 50 * time.Millisecond

// lockPatience is how long a login waits for it. Whoever has it makes one request, and ends it sooner; a
// process that was stopped does not.
const lockPatience = 3 * web.Timeout

// File is the path of the client's grant, which exists once there is one.
func (k *Keeper) File(c Client) string { return filepath.Join(k.Dir, c.fileName()+".json") }

// read reads the grant. There is none if the error is fs.ErrNotExist.
func (k *Keeper) read(c Client) (*grant, error) {
	f, err := ownfile.Open(k.File(c), os.O_RDONLY)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	// A copy may have come back with other bits; whoever reads the file reads the mail.
	if info, err := f.Stat(); err == nil && info.Mode().Perm()&0o077 != 0 {
		_ = f.Chmod(0o600)
	}

	text, err := io.ReadAll(io.LimitReader(f, maxFile))
	if err != nil {
		return nil, err
	}
	g, err := decode(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", k.File(c), err)
	}
	return g, nil
}

// lock waits for the right to replace the grant, and returns the function that gives it up. Others may read
// the grant meanwhile. The lock file stays: it is what others wait for.
func (k *Keeper) lock(ctx context.Context, c Client) (unlock func(), err error) {
	if err := k.makeDir(); err != nil {
		return nil, fetch.Fail(fetch.KindJournal, err)
	}
	f, err := ownfile.Open(filepath.Join(k.Dir, c.fileName()+".lock"), os.O_RDWR|os.O_CREATE)
	if err != nil {
		return nil, fetch.Fail(fetch.KindJournal, err)
	}

	tick := time.NewTicker(lockInterval)
	defer tick.Stop()
	for {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return func() { _ = f.Close() }, nil
		}
		if !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR) {
			_ = f.Close()
			return nil, fetch.Fail(fetch.KindJournal, fmt.Errorf("lock %s: %w", f.Name(), err))
		}
		select {
		case <-ctx.Done():
			_ = f.Close()
			return nil, fetch.Fail(fetch.KindNetwork, hints.Errorf("it asks for a token; end it if it hangs",
				"another fetchd has %s: %w", f.Name(), context.Cause(ctx)))
		// Asked again and again instead of a flock that waits, which ctx could not end.
		case <-tick.C:
		}
	}
}

func (k *Keeper) makeDir() error {
	if err := os.MkdirAll(k.Dir, 0o700); err != nil {
		return err
	}
	dir, err := os.Open(k.Dir)
	if err != nil {
		return err
	}
	defer dir.Close()
	return ownfile.CheckDir(dir)
}

// draft is the file that will be the grant's. It is made, and holds the present grant, before a request that
// may make the present one worthless: so there is a place for the answer.
type draft struct {
	file   *os.File
	target string
}

// newDraft makes the draft. The caller has the lock.
func (k *Keeper) newDraft(c Client, g *grant) (*draft, error) {
	path := filepath.Join(k.Dir, c.fileName()+".new")
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) { // of a process that was killed
		return nil, err
	}
	f, err := ownfile.Open(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL)
	if err != nil {
		return nil, err
	}

	d := &draft{f, k.File(c)}
	if err := d.write(g); err != nil {
		d.drop()
		return nil, err
	}
	return d, nil
}

// write replaces the draft's content, and has it on disk.
func (d *draft) write(g *grant) error {
	text, err := g.encode()
	if err != nil {
		return err
	}
	if _, err := d.file.WriteAt(text, 0); err != nil {
		return err
	}
	// Cut after the write and not before it, so that the blocks stay ours: on a full disk this write needs no
	// new ones.
	if err := d.file.Truncate(int64(len(text))); err != nil {
		return err
	}
	return d.file.Sync()
}

// settle makes the draft, with g in it, the grant's file. It is so after a crash too.
func (d *draft) settle(g *grant) error {
	err := d.write(g)
	if err == nil {
		err = os.Rename(d.file.Name(), d.target)
	}
	if err != nil {
		d.drop()
		return err
	}
	// The directory too, or a crash could bring back the old file, whose refresh token is used up.
	return errors.Join(d.file.Close(), syncDir(filepath.Dir(d.target)))
}

func (d *draft) drop() {
	_ = d.file.Close()
	_ = os.Remove(d.file.Name())
}

func syncDir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
