package process

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

func TestLock(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "pid")
	l, err := TakeLock(path, 300)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if want := fmt.Sprintf("%d\n300\n", os.Getpid()); err != nil || string(text) != want {
		t.Errorf("the file holds %q (%v), want %q", text, err, want)
	}
	if info, err := os.Stat(path); err != nil || info.Mode() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	var held *LockedError
	if _, err := TakeLock(path, 0); !errors.As(err, &held) || held.PID != os.Getpid() || !held.Daemon {
		t.Errorf("second lock: %v", err)
	}
	if h, err := LockHolder(path); err != nil || h == nil || h.PID != os.Getpid() {
		t.Errorf("holder %v, %v", h, err)
	}
	l.Release()
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the file is still there: %v", err)
	}
	if h, err := LockHolder(path); h != nil || err != nil {
		t.Errorf("holder after the end: %v, %v", h, err)
	}
}

// Who opened the file before its holder removed it has a lock on nothing, and must not believe it.
func TestLockExcludes(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "pid")
	var inside, most, taken atomic.Int64
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 150 {
				l, err := TakeLock(path, 0)
				var held *LockedError
				if errors.As(err, &held) {
					continue
				}
				if err != nil {
					t.Error(err)
					return
				}
				taken.Add(1)
				most.Store(max(most.Load(), inside.Add(1)))
				there := stillThere(l.file, path)
				inside.Add(-1)
				l.Release()
				if !there {
					t.Error("locked a file that is gone")
					return
				}
			}
		})
	}
	wg.Wait()
	if most.Load() != 1 || taken.Load() < 20 {
		t.Errorf("%d at once have the lock that was taken %d times", most.Load(), taken.Load())
	}
}

// Who is killed while an agent is started leaves the lock to the child for a moment. The next run waits for
// its end and does not call the dead process another fetchd.
func TestLockOfTheDead(t *testing.T) {
	t.Parallel()
	dead := exec.Command("/bin/true")
	if err := dead.Run(); err != nil {
		t.Fatal(err)
	}

	for _, tt := range []struct {
		name  string
		pid   int
		lasts time.Duration
		waits time.Duration
		had   bool // the lock is had
	}{
		{"dead", dead.Process.Pid, time.Second, time.Second, true},
		{"not named yet", 0, time.Second, time.Second, true},
		{"alive", os.Getpid(), time.Second, 0, false},
		{"a stranger", os.Getppid(), time.Hour, heirTime, false},
		{"held without end", dead.Process.Pid, time.Hour, heirTime, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				path := filepath.Join(t.TempDir(), "pid")
				l, err := tryLock(path, 0)
				if err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, fmt.Appendf(nil, "%d\n", tt.pid), 0o600); err != nil {
					t.Fatal(err)
				}

				time.AfterFunc(tt.lasts, func() { l.file.Close() })
				start := time.Now()
				holder, err := LockHolder(path)
				if had := holder == nil && err == nil; had != tt.had ||
					time.Since(start).Truncate(time.Second) != tt.waits {
					t.Errorf("after %v: held by %+v, %v", time.Since(start), holder, err)
				}

				mine, err := TakeLock(path, 0)
				if had := err == nil; had != tt.had {
					t.Errorf("the lock: %v", err)
				} else if had {
					mine.Release()
				}
			})
		})
	}
}

func TestStillThere(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "pid")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if !stillThere(f, path) {
		t.Error("a file that nobody removed is gone")
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if stillThere(f, path) {
		t.Error("a removed file is there")
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if stillThere(f, path) {
		t.Error("another file of that name is taken for it")
	}
}

func TestStaleLockFile(t *testing.T) {
	t.Parallel()
	for _, stale := range []string{"", "1\n300\n", "999999999\n", "garbage"} {
		path := filepath.Join(t.TempDir(), "pid")
		if err := os.WriteFile(path, []byte(stale), 0o600); err != nil {
			t.Fatal(err)
		}
		l, err := TakeLock(path, 0)
		if err != nil {
			t.Fatalf("%q: %v", stale, err)
		}
		if text, err := os.ReadFile(path); err != nil || string(text) != fmt.Sprintf("%d\n", os.Getpid()) {
			t.Errorf("%q became %q, %v", stale, text, err)
		}
		l.Release()
	}
}

// TestPlantedLockFile: what somebody else put there is neither written nor believed, and stays.
func TestPlantedLockFile(t *testing.T) {
	t.Parallel()
	plants := map[string]func(target, path string) error{
		"link":      os.Symlink,
		"hard link": os.Link,
		"pipe":      func(_, path string) error { return syscall.Mkfifo(path, 0o600) },
		"open to others": func(_, path string) error {
			return errors.Join(os.WriteFile(path, []byte("1234\n300\n"), 0o600), os.Chmod(path, 0o666))
		},
		"a stranger's": func(_, path string) error {
			if os.Geteuid() != 0 {
				return errors.ErrUnsupported
			}
			return errors.Join(os.WriteFile(path, []byte("1234\n300\n"), 0o600), os.Chown(path, 54321, 54321))
		},
	}
	for name, plant := range plants {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			target, path := filepath.Join(dir, "precious"), filepath.Join(dir, "pid")
			err := errors.Join(os.WriteFile(target, []byte("x"), 0o600), plant(target, path))
			if errors.Is(err, errors.ErrUnsupported) {
				t.Skip("only root can give files away")
			}
			if err != nil {
				t.Fatal(err)
			}
			if _, err := TakeLock(path, 0); err == nil || !strings.Contains(err.Error(), "--pidfile") {
				t.Errorf("take: %v", err)
			}
			if h, err := LockHolder(path); h != nil || err == nil {
				t.Errorf("holder: %v, %v", h, err)
			}
			if text, _ := os.ReadFile(target); string(text) != "x" {
				t.Errorf("something else was written: %q", text)
			}
			if _, err := os.Lstat(path); err != nil {
				t.Errorf("it is gone: %v", err)
			}
		})
	}
}

// TestHolderOfLock: nobody is taken for the holder for being named in the file.
func TestHolderOfLock(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("/proc/self/fd"); err != nil {
		t.Skip("no /proc here")
	}

	path := filepath.Join(t.TempDir(), "pid")
	l, err := TakeLock(path, 300)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Release()
	stranger := exec.Command("cat")
	in, err := stranger.StdinPipe()
	if err := errors.Join(err, stranger.Start()); err != nil {
		t.Fatal(err)
	}

	for _, text := range []string{
		strconv.Itoa(stranger.Process.Pid) + "\n300\n", "1\n300\n", "0\n", "-1\n", "999999999\n", "x\n",
		"",
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		synctest.Test(t, func(t *testing.T) {
			h, err := LockHolder(path)
			if err != nil || h == nil || h.PID != 0 {
				t.Errorf("%q: %+v, %v", text, h, err)
			}
		})
	}

	in.Close()
	if err := stranger.Wait(); err != nil {
		t.Errorf("the stranger: %v", err)
	}
}

// writeProgram writes a program that says something and waits for a line. No other test forks meanwhile: its
// child would have the file open, and then nobody could run it.
func writeProgram(path string) error {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	return os.WriteFile(path, []byte("#!/bin/sh\necho runs\nread end\n"), 0o700)
}

// startProgram runs what writeProgram wrote until end is called.
func startProgram(t *testing.T, cmd *exec.Cmd) (end func()) {
	t.Helper()
	in, err1 := cmd.StdinPipe()
	out, err2 := cmd.StdoutPipe()
	if err := errors.Join(err1, err2, cmd.Start()); err != nil {
		t.Fatal(err)
	}
	if _, err := out.Read(make([]byte, 8)); err != nil {
		t.Fatal(err)
	}
	return func() {
		in.Close()
		_ = cmd.Wait()
	}
}

func TestFetchmailHoldsTheLock(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("/proc/self/comm"); err != nil {
		t.Skip("no /proc here")
	}
	dir := t.TempDir()
	program, path := filepath.Join(dir, "fetchmail"), filepath.Join(dir, "pid")
	if err := writeProgram(program); err != nil {
		t.Fatal(err)
	}

	cmd := exec.Command(program)
	end := startProgram(t, cmd)
	if err := os.WriteFile(path, fmt.Appendf(nil, "%d 300", cmd.Process.Pid), 0o600); err != nil {
		t.Fatal(err)
	}
	if h, err := LockHolder(path); err != nil || h == nil || !h.Fetchmail || !h.Daemon {
		t.Errorf("while it runs: %+v, %v", h, err)
	}
	if isFetchmail(os.Getppid()) || isFetchmail(1) {
		t.Error("any process is taken for fetchmail")
	}
	end()
	if h, err := LockHolder(path); err != nil || h != nil {
		t.Errorf("after its end: %+v, %v", h, err)
	}
}

// TestFetchmailOfAnotherUser: we must not end it, even as root.
func TestFetchmailOfAnotherUser(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("/proc/self/comm"); err != nil || os.Geteuid() != 0 {
		t.Skip("only root, with a /proc, can start one")
	}
	dir, err := os.MkdirTemp("", "fetchmail") // t.TempDir is closed to others
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })

	program := filepath.Join(dir, "fetchmail")
	err = errors.Join(writeProgram(program), os.Chmod(program, 0o755), os.Chmod(dir, 0o755))
	if err != nil {
		t.Fatal(err)
	}

	cmd := exec.Command(program)
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 54321, Gid: 54321}}
	end := startProgram(t, cmd)
	if isFetchmail(cmd.Process.Pid) {
		t.Error("it is taken for ours")
	}
	end()
}
