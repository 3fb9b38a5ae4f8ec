package delivery_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"fetchd/delivery"
)

// TestRoom: what doesn't fit on a small disk keeps nothing from it that does, and a full one is unusable.
func TestRoom(t *testing.T) {
	t.Parallel()
	inPrivateMounts(t, "room")
}

// deliverOnSmallDisk has each kind of place fill up a disk of its own.
func deliverOnSmallDisk(dir string) error {
	kinds := map[string]func(dir string) delivery.Deliverer{
		"maildir": func(dir string) delivery.Deliverer {
			return delivery.NewMaildir(delivery.MaildirOptions{Dir: dir})
		},
		"mbox": func(dir string) delivery.Deliverer { return delivery.NewMbox(filepath.Join(dir, "mbox")) },
		"bsmtp": func(dir string) delivery.Deliverer {
			return delivery.NewBSMTP(delivery.BSMTPOptions{Path: filepath.Join(dir, "batch")})
		},
	}
	for name, kind := range kinds {
		disk := filepath.Join(dir, name)
		if err := errors.Join(os.Mkdir(disk, 0o700), mountSmallDisk(disk)); err != nil {
			return err
		}
		if err := fillDisk(kind(disk), disk); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

func fillDisk(d delivery.Deliverer, disk string) error {
	// More than the disk holds, in the way of what fits.
	sizes := []int{1 << 10, 700 << 10, 600 << 10, 2 << 10, 1 << 10}
	for i, err := range deliverSizes(d, 0, sizes...) {
		fits := sizes[i] < 100<<10
		if fits != (err == nil) {
			return fmt.Errorf("message of %d bytes: %w", sizes[i], err)
		}
		if !fits && (!delivery.LacksRoom(err) || delivery.ClassOf(err) != delivery.Temporary) {
			return fmt.Errorf("message of %d bytes: class %d, %w", sizes[i], delivery.ClassOf(err), err)
		}
	}
	if !delivery.HasRoom(d) {
		return errors.New("there is room, and HasRoom denies it")
	}

	filler := filepath.Join(disk, "filler")
	if err := os.WriteFile(filler, make([]byte, 1<<20), 0o600); !errors.Is(err, unix.ENOSPC) {
		return fmt.Errorf("filler: %w", err)
	}
	for _, err := range deliverSizes(d, 100, 8<<10, 400<<10) {
		if !delivery.LacksRoom(err) || delivery.ClassOf(err) != delivery.Unusable {
			return fmt.Errorf("on a full disk: class %d, %w", delivery.ClassOf(err), err)
		}
	}
	if delivery.HasRoom(d) {
		return errors.New("there is no room, says nobody")
	}

	if err := os.Remove(filler); err != nil {
		return err
	}
	if !delivery.HasRoom(d) {
		return errors.New("there is room again, and HasRoom denies it")
	}
	return errors.Join(deliverSizes(d, 100, 8<<10)...)
}

// deliverSizes delivers messages of these sizes together, if the kind can do that.
func deliverSizes(d delivery.Deliverer, uid int, sizes ...int) []error {
	ms := make([]*delivery.Message, len(sizes))
	for i, size := range sizes {
		spool := delivery.NewSpool(delivery.SpoolOptions{Memory: 1 << 20})
		_, _ = spool.Write([]byte(strings.Repeat("a line of some length, which is that\n", size/36)))
		_ = spool.Close()
		ms[i] = &delivery.Message{UID: fmt.Sprint(uid + i), Recipients: []string{"ann"}, Body: spool}
	}
	if g, ok := d.(delivery.GroupDeliverer); ok {
		return g.DeliverGroup(context.Background(), ms)
	}
	errs := make([]error, len(ms))
	for i, m := range ms {
		errs[i] = d.Deliver(context.Background(), m)
	}
	return errs
}
