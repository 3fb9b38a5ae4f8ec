package delivery

import (
	"errors"
	"fmt"
	"runtime"

	"golang.org/x/sys/unix"
)

// fileCapabilities override the permissions of files: CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH,
// CAP_FOWNER and CAP_FSETID. The kernel takes them away together with root's fsuid.
const fileCapabilities = 1<<unix.CAP_CHOWN | 1<<unix.CAP_DAC_OVERRIDE | 1<<unix.CAP_DAC_READ_SEARCH |
	1<<unix.CAP_FOWNER | 1<<unix.CAP_FSETID

var errEnded = errors.New("ended early")

// run runs f with the owner's rights to files, in a thread of its own. It panics if f does.
func (o *owner) run(f func() error) error {
	if o == nil {
		return f()
	}

	err, fault := errEnded, any(nil)
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() { fault = recover() }()

		// Not unlocked: the thread ends with this goroutine, and nothing else ever runs with these rights.
		runtime.LockOSThread()
		if unix.Gettid() == unix.Getpid() {
			defer runtime.UnlockOSThread() // the main thread can't end; while we hold it, run gets another
			err = o.run(f)
			return
		}

		if denied := o.assume(); denied != nil {
			err = denied
			return
		}

		err = f()
	}()

	<-done

	if fault != nil {
		panic(fault)
	}

	return err
}

// assume gives this thread the owner's rights to files, and none of ours.
func (o *owner) assume() error {
	// Of this thread alone: package unix calls the kernel directly, unlike package syscall.
	if err := unix.Setgroups(o.groups); err != nil {
		return fmt.Errorf("%w: %s: setgroups: %w", errRights, o, err)
	}
	_ = unix.Setfsgid(o.gid) // these two report nothing
	_ = unix.Setfsuid(o.uid)
	return o.verify()
}

// verify tells whether this thread has the owner's rights to files, and none of ours.
func (o *owner) verify() error {
	gid, _ := unix.SetfsgidRetGid(-1) // changes nothing and returns what is
	uid, _ := unix.SetfsuidRetUid(-1)
	if uid != o.uid || gid != o.gid {
		return fmt.Errorf("%w: %s: this is user %d, group %d", errRights, o, uid, gid)
	}

	// A capability that is left would let us write anywhere after all.
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var sets [2]unix.CapUserData
	if err := unix.Capget(&header, &sets[0]); err != nil {
		return fmt.Errorf("%w: %s: capget: %w", errRights, o, err)
	}

	if left := sets[0].Effective & fileCapabilities; left != 0 {
		return fmt.Errorf("%w: %s: capabilities %#x are left", errRights, o, left)
	}

	return nil
}
