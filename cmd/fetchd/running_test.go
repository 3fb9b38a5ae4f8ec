package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"

	"golang.org/x/sys/unix"

	"fetchd/cmd/fetchd/internal/cli"
	"fetchd/cmd/fetchd/internal/exit"
	"fetchd/cmd/fetchd/internal/process"
)

// A process that the lock file names, and that does not hold the lock, gets no signal.
func TestStrangersAreLeftAlone(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "pid")
	text := fmt.Sprintf("%d\n300\n", os.Getppid()) // who tests us has other things to do than to end
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err == nil {
		err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()

	synctest.Test(t, func(t *testing.T) {
		p := &program{name: "fetchd", stderr: io.Discard}
		if st := p.quitRunning(t.Context(), path); st != exit.Excluded {
			t.Errorf("quit: status %d", st)
		}
		holder, err := process.LockHolder(path)
		if err != nil || holder == nil {
			t.Fatal(holder, err)
		}
		if st := p.meetRunning(&cli.CommandLine{}, holder); st != exit.Excluded {
			t.Errorf("wake: status %d", st)
		}
	})
}
