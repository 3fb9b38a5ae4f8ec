package delivery_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"fetchd/delivery"

	"golang.org/x/sys/unix"
)

// TestMboxLocked: somebody else has one of the locks, and keeps it, or gives it back.
func TestMboxLocked(t *testing.T) {
	t.Parallel()
	lockOfFcntl := func(t *testing.T, path string) func() {
		f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		if err := delivery.LockFile(int(f.Fd())); err != nil {
			t.Fatal(err)
		}
		return func() {
			// A child that another test has forked holds a copy of the descriptor until it runs its program.
			if err := delivery.UnlockFile(int(f.Fd())); err != nil {
				t.Error(err)
			}
			f.Close()
		}
	}
	dotlock := func(text string) func(t *testing.T, path string) func() {
		return func(t *testing.T, path string) func() {
			writeFile(t, path+".lock", text)
			return func() { os.Remove(path + ".lock") }
		}
	}
	for _, tt := range []struct {
		name string
		lock func(t *testing.T, path string) func()
	}{
		{"fcntl", lockOfFcntl},
		{"dotlock", dotlock("")},
		{"dotlock of a running process", dotlock(fmt.Sprint(os.Getppid()))},
		{"dotlock of another host", dotlock("999999999:elsewhere.example")},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			path := mboxPath(t)
			synctest.Test(t, func(t *testing.T) {
				if strings.HasPrefix(tt.name, "fcntl") && !delivery.LocksAreOfFiles {
					t.Skip("locks are of processes here")
				}
				d := delivery.NewMbox(path)
				m := mboxMail(t, "a")[0]
				unlock := tt.lock(t, path)
				began := time.Now()
				err := d.Deliver(t.Context(), m)
				if delivery.ClassOf(err) != delivery.Temporary ||
					!strings.Contains(fmt.Sprint(err), "it is locked") {
					t.Errorf("class %v, %v", delivery.ClassOf(err), err)
				}
				if took := time.Since(began); took < 20*time.Second || took > time.Minute {
					t.Errorf("after %v", took)
				}

				// Those behind it don't wait as long once more.
				began = time.Now()
				if err := d.Deliver(t.Context(), m); err == nil || time.Since(began) > time.Second {
					t.Errorf("after %v: %v", time.Since(began), err)
				}
				<-time.After(time.Minute)

				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				if err := d.Deliver(ctx, m); !errors.Is(err, context.DeadlineExceeded) {
					t.Error(err)
				}

				time.AfterFunc(5*time.Second, unlock)
				if err := d.Deliver(t.Context(), m); err != nil {
					t.Error(err)
				}
			})
			expectMbox(t, path, "a")
		})
	}
}

// TestMboxStaleLock: a lock that was left behind is removed.
func TestMboxStaleLock(t *testing.T) {
	t.Parallel()
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	ended := exec.Command("true")
	if err := ended.Run(); err != nil {
		t.Fatal(err)
	}

	old := time.Now().Add(-10 * time.Minute)
	for _, tt := range []struct {
		name, text   string
		made, change time.Time
		stale        bool
	}{
		{"of an ended process", fmt.Sprint(ended.Process.Pid, ":", host), time.Now(), time.Now(), true},
		{"of a process with our number", fmt.Sprint(os.Getpid(), ":", host), time.Now(), time.Now(), true},
		{"of an ended process elsewhere", fmt.Sprint(ended.Process.Pid, ":", host, "x"), time.Now(),
			time.Now(), false},
		{"with nothing but a number", fmt.Sprint(ended.Process.Pid), time.Now(), time.Now(), false},
		{"old", "", old, old, true},
		{"old, and the file changes", "", old, time.Now(), false},
		{"new", "", time.Now(), old, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			path := mboxPath(t)
			writeFile(t, path, "")
			writeFile(t, path+".lock", strings.ReplaceAll(tt.text, " ", ""))
			if err := errors.Join(os.Chtimes(path+".lock", tt.made, tt.made),
				os.Chtimes(path, tt.change, tt.change)); err != nil {
				t.Fatal(err)
			}

			d := delivery.NewMbox(path)
			delivery.SetWait(d, 20*time.Millisecond)
			if err := d.Deliver(t.Context(), mboxMail(t, "a")[0]); (err == nil) != tt.stale {
				t.Error(err)
			}
			if _, err := os.Lstat(path + ".lock"); errors.Is(err, fs.ErrNotExist) != tt.stale {
				t.Error(err)
			}
		})
	}
}

// TestMboxWithoutDotlock: where no file can be made, the lock of fcntl has to do.
func TestMboxWithoutDotlock(t *testing.T) {
	t.Parallel()
	for _, why := range []error{unix.EACCES, unix.EPERM, unix.EROFS} {
		path := mboxPath(t)
		d := delivery.NewMbox(path)
		delivery.Interpose(d, failing(map[string]int{"make": 1, "remove": 1}, why))
		if err := d.Deliver(t.Context(), mboxMail(t, "a")[0]); err != nil {
			t.Error(err)
		}
		expectMbox(t, path, "a")
	}
}

// TestMboxWithoutFcntl: where there is no lock of fcntl, FILE.lock has to do; where there is none of both,
// nothing is written.
func TestMboxWithoutFcntl(t *testing.T) {
	t.Parallel()
	for _, both := range []bool{false, true} {
		path := mboxPath(t)
		d := delivery.NewMbox(path)
		delivery.Interpose(d, func(call string) error {
			switch {
			case call == "lock":
				return unix.ENOLCK
			case call == "make" && both:
				return unix.EACCES
			}
			return nil
		})

		err := d.Deliver(t.Context(), mboxMail(t, "a")[0])
		if (err != nil) != both || both && !errors.Is(err, unix.ENOLCK) {
			t.Error(err)
		}
		if got := contentOf(path); (got == "") != both {
			t.Errorf("%q", got)
		}
	}
}

// TestMboxLockSaysWhose: FILE.lock has our number from its first moment, and nothing else is left beside it.
func TestMboxLockSaysWhose(t *testing.T) {
	t.Parallel()
	path := mboxPath(t)
	writeFile(t, path+".lock.new", "of a killed process")
	d := delivery.NewMbox(path)
	looked := false
	delivery.Interpose(d, func(call string) error {
		if call != "make done" {
			return nil
		}
		looked = true
		files, err := os.ReadDir(filepath.Dir(path))
		if text := readFile(t, path+".lock"); err != nil || len(files) != 2 ||
			!strings.HasPrefix(text, fmt.Sprint(os.Getpid(), ":")) {
			t.Errorf("%q, %v, %v", text, files, err)
		}
		return nil
	})
	if err := d.Deliver(t.Context(), mboxMail(t, "a")[0]); err != nil || !looked {
		t.Error(err)
	}
}
