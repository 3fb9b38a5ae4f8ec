package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"fetchd/fetch"
	"fetchd/fetch/schedule"
)

// The terminal is let go when all accounts had their first retrieval, or soon if one of them takes long.
func TestFirstPass(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name     string
		outcomes int // of three accounts, the second of which fails
		waits    time.Duration
		failed   int
	}{
		{"all end", 3, 0, 1},
		{"one hangs", 2, firstWait, 1},
		{"all hang", 0, firstWait, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var accounts []*fetch.Account
				for i := range 3 {
					accounts = append(accounts, &fetch.Account{Name: fmt.Sprint("ann@", i)})
				}
				first := newFirstPass(accounts)
				for i, a := range accounts[:tt.outcomes] {
					o := schedule.Outcome{Account: a}
					if i == 1 {
						o.Err = errors.New("refused")
					}
					first.add(o)
					first.add(o) // the next one counts no more
				}

				began := time.Now()
				failed := first.await(t.Context())
				if waited := time.Since(began); waited != tt.waits || len(failed) != tt.failed {
					t.Errorf("waited %v for %d failures, want %v and %d", waited, len(failed), tt.waits,
						tt.failed)
				}
			})
		})
	}
}

// A daemon for which no log is named writes to the system log, and says so.
func TestUnaskedLog(t *testing.T) {
	t.Parallel()
	dir := newPlace(t)
	socket := &net.UnixAddr{Name: filepath.Join(dir, "systemlog"), Net: "unixgram"}
	systemLog, err := net.ListenUnixgram("unixgram", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer systemLog.Close()
	rc := "poll 127.0.0.1 proto imap port 1 user ann password x maildir mail sslproto ''\n"
	if err := os.WriteFile(filepath.Join(dir, "rc"), []byte(rc), 0o600); err != nil {
		t.Fatal(err)
	}

	cmd := exec.Command("fetchd", "-f", "rc", "-d", "300", "--pidfile", "pid")
	cmd.Dir, cmd.Env = dir, []string{"HOME=" + dir, "TMPDIR=" + dir}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v:\n%s", err, out)
	}
	for _, want := range []string{"fetchd: ann@127.0.0.1: ", "connection refused",
		"logs to the system log, facility mail"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("the terminal never shows %q:\n%s", want, out)
		}
	}

	var lines strings.Builder
	_ = systemLog.SetReadDeadline(time.Now().Add(waitFileTimeout))
	for buf := make([]byte, 4096); !strings.Contains(lines.String(), "connection refused"); {
		n, err := systemLog.Read(buf)
		if err != nil {
			t.Fatalf("%v, after\n%s", err, &lines)
		}
		lines.Write(buf[:n])
	}
}
