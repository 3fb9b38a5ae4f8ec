package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"fetchd/cmd/fetchd/internal/exit"
	"fetchd/fetch"
	"fetchd/fetch/fetchtest"
	"fetchd/rcfile"
)

// dripping is a POP3 server whose only message does not come to an end.
const dripping = `
S: +OK
C: CAPA
S: -ERR
C: USER ann
S: +OK
C: PASS secret
S: +OK
C: STAT
S: +OK 1 1000000
C: UIDL
S: +OK
S: 1 a
S: .
C: LIST
S: +OK
S: 1 1000000
S: .
C: RETR 1
S: +OK
DRIP 20ms x\r\n`

// A pass by cron with a server that drips ends, says with whom it was not done, and the next pass can be
// made. The mail of the other account is there.
func TestPassEndsInSpiteOfADrippingServer(t *testing.T) {
	t.Parallel()
	dir, good := newPlace(t), fetchtest.StartPOPServer(t, fetchtest.POPOptions{})
	good.Append([]byte("Subject: good\r\n\r\nx\r\n"))
	drip := fetchtest.NewPeer(t, dripping, nil).Listen()
	text := fmt.Sprintf("set passlimit 3\nset pidfile %q\n", filepath.Join(dir, "pid"))
	for name, port := range map[string]int{"good": good.Port, "drip": drip.Port} {
		text += fmt.Sprintf(
			"poll %s via 127.0.0.1 proto pop3 port %d user ann password secret sslproto '' maildir %q\n",
			name, port, filepath.Join(dir, "Maildir"))
	}
	if err := os.WriteFile(filepath.Join(dir, "rc"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	run := func(accounts ...string) (string, exit.Status) {
		cmd := exec.CommandContext(t.Context(), "fetchd",
			append([]string{"-f", filepath.Join(dir, "rc")}, accounts...)...)
		cmd.Dir, cmd.Env = dir, []string{"HOME=" + dir, "PATH=" + os.Getenv("PATH"), "TMPDIR=" + dir}
		out, err := cmd.CombinedOutput()
		var ended *exec.ExitError
		if err != nil && !errors.As(err, &ended) {
			t.Fatal(err)
		}
		return string(out), exit.Status(cmd.ProcessState.ExitCode())
	}

	start := time.Now()
	out, st := run()
	if took := time.Since(start); st != exit.Server || took > time.Minute ||
		!strings.Contains(out, "fetchd: the pass has taken 3s, "+
			"which is its limit, and was not done with ann@drip; what was delivered") {
		t.Errorf("status %d after %v:\n%s", st, took, out)
	}
	if n := strings.Count(out, "ann@drip;"); n != 1 || strings.Contains(out, "ann@drip: ") {
		t.Errorf("the limit is said more than once:\n%s", out)
	}
	if got, _ := filepath.Glob(filepath.Join(dir, "Maildir", "new", "*")); len(got) != 1 {
		t.Errorf("%d messages are delivered, want the good one: %v", len(got), got)
	}
	if out, st := run("good"); st != exit.NoMail {
		t.Errorf("the next pass: status %d:\n%s", st, out)
	}
}

// Who fails by itself is reported for what it is, and only who is left at the end is named.
func TestPassLimit(t *testing.T) {
	t.Parallel()
	hang := func(ctx context.Context, _ *fetch.Account) error { <-ctx.Done(); return context.Cause(ctx) }
	fail := func(context.Context, *fetch.Account) error { return errors.New("no") }
	for _, tt := range []struct {
		name, set string
		connect   func(context.Context, *fetch.Account) error
		took      time.Duration
		err       string
	}{
		{"by default", "", hang, 2 * time.Hour,
			"the pass has taken 2h0m0s, which is its limit, and was not done with a, b;"},
		{"set", "set passlimit 90", hang, 90 * time.Second, "the pass has taken 1m30s, "},
		{"none", "set passlimit 0", hang, 24 * time.Hour, ""},
		{"failed before", "set passlimit 90", fail, 0, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			cfg, err := rcfile.Parse("rc", []byte(tt.set+"\n"), rcfile.Auto)
			if err != nil {
				t.Fatal(err)
			}

			synctest.Test(t, func(t *testing.T) {
				day, cancel := context.WithTimeout(t.Context(), 24*time.Hour)
				defer cancel()
				p, start := newPass(cfg.Globals), time.Now()
				ctx, end := p.begin(day)
				defer end()

				for _, name := range []string{"b", "a"} {
					a := &fetch.Account{Name: name}
					p.ended(ctx, a, tt.connect(ctx, a))
				}

				p.ended(ctx, &fetch.Account{Name: "done in the grace"}, nil)
				if took := time.Since(start); took != tt.took {
					t.Errorf("took %v, want %v", took, tt.took)
				}

				err := p.err()
				if (err == nil) != (tt.err == "") || err != nil && !strings.HasPrefix(err.Error(), tt.err) {
					t.Errorf("error %v, want %q", err, tt.err)
				}
			})
		})
	}
}
