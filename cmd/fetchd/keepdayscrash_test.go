package main

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"fetchd/fetch/fetchtest"
	"fetchd/fetch/journal"
)

// TestKilledWhileExpiring kills the program in each step in which keepdays removes mail: what is due is
// removed in the end, what is not stays, and nothing is lost or comes twice. Each step is tried in one way,
// and with CRASH_KILLS, as in `make ci`, in both.
func TestKilledWhileExpiring(t *testing.T) {
	t.Parallel()
	d := fetchtest.StartDovecot(t)
	for i, step := range []struct{ protocol, line string }{
		{"imap", `SELECT`}, {"imap", `FETCH`}, {"imap", `STORE .*Seen`}, {"imap", `STORE .*Deleted`},
		{"imap", `EXPUNGE`},
		{"pop3", `^UIDL`}, {"pop3", `^RETR`}, {"pop3", `^DELE`}, {"pop3", `^QUIT`},
	} {
		for k, acts := range []bool{false, true} { // before the server has the command, and after
			if k != i%2 && os.Getenv("CRASH_KILLS") == "" {
				continue
			}
			t.Run(fmt.Sprintf("%s %q, server acts %v", step.protocol, step.line, acts), func(t *testing.T) {
				t.Parallel()
				v := newVictim(t, d, step.protocol, (i/2+k)%2 == 1)
				killWhileExpiring(t, v, step.line, acts)
			})
		}
	}
}

func killWhileExpiring(t *testing.T, v *victim, line string, acts bool) {
	_, port := v.ports()
	// For all runs, as the port is a part of the journal's name for the account.
	wire := fetchtest.Trip(t, net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), line, acts)
	wire.Rest(true)
	v.configure(t, wire.Port, clearText, "keepdays 3 "+v.destination())
	v.add(t, 7)
	v.run(t)
	v.age(t, 4)
	v.run(t) // now it is known that they are there
	v.age(t, 2)
	v.add(t, 2)
	v.run(t)
	v.wantLeft(t, "after two days", 1, 2, 3, 4, 5, 6, 7, 8, 9)

	v.age(t, 2)
	v.add(t, 2)
	v.killAt(t, wire)

	v.age(t, 1) // so that it looks again at once
	v.run(t)
	v.age(t, 1)
	v.run(t)
	v.wantLeft(t, "in the end", 8, 9, 10, 11)
	times := v.delivered(t)
	for n := 1; n <= v.appended; n++ {
		if times[n] != 1 {
			t.Errorf("message %d was delivered %d times", n, times[n])
		}
	}
}

// TestKilledWhileRemovingMany: the brake holds until somebody lets it go, and a kill in the middle of what
// was let go loses nothing.
func TestKilledWhileRemovingMany(t *testing.T) {
	t.Parallel()
	d := fetchtest.StartDovecot(t)
	for protocol, line := range map[string]string{"imap": `STORE .*Deleted`, "pop3": `^DELE 60`} {
		t.Run(protocol, func(t *testing.T) {
			t.Parallel()
			v := newVictim(t, d, protocol, false)
			_, port := v.ports()
			wire := fetchtest.Trip(t, net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), line, true)
			wire.Rest(true)
			v.configure(t, wire.Port, clearText, "keepdays 3 "+v.destination())
			v.add(t, 120)
			v.run(t)
			v.age(t, 1)
			v.run(t)
			v.age(t, 4)
			if said := v.run(t); !strings.Contains(said,
				"more than half: they stay; a pass with --yes removes") {
				t.Errorf("the program says %q", said)
			}
			if n := d.Count(t, v.user, "INBOX"); n != 120 {
				t.Errorf("%d messages are left, want 120", n)
			}

			v.killAt(t, wire, "--yes")
			cmd := v.command(t.Context())
			cmd.Args = append(cmd.Args, "--yes")
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%v: %s", err, out)
			}
			v.judge(t, 0)
		})
	}
}

// killAt starts the program and kills it when the tripwire is sprung.
func (v *victim) killAt(t *testing.T, wire *fetchtest.Tripwire, args ...string) {
	t.Helper()
	wire.Rest(false)
	cmd := v.command(t.Context())
	cmd.Args = append(cmd.Args, args...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}

	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case <-wire.Sprung:
	case err := <-ended:
		t.Fatalf("the program ended without coming to this: %v", err)
	}
	_ = cmd.Process.Kill()
	if err := <-ended; err == nil {
		t.Error("the program had ended")
	}
	<-wire.Over
}

var noteTime = regexp.MustCompile(`"(since|checked)":"([^"]*)"`)

// age lets days pass for what the journal knows of kept messages.
func (v *victim) age(t *testing.T, days int) {
	t.Helper()
	j, err := journal.Open(t.Context(), filepath.Join(v.dir, ".local/state/fetchd/journal.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	names, err := j.Names(t.Context())
	if err != nil || len(names) != 1 {
		t.Fatalf("accounts %q, %v", names, err)
	}

	note := names[0] + " ages " + map[string]string{"imap": "INBOX"}[v.protocol]
	text, err := j.Note(t.Context(), note)
	if err != nil || text == "" {
		t.Fatalf("no ages, %v", err)
	}
	text = noteTime.ReplaceAllStringFunc(text, func(field string) string {
		part := noteTime.FindStringSubmatch(field)
		at, err := time.Parse(time.RFC3339Nano, part[2])
		if err != nil {
			t.Fatal(err)
		}
		ago := days
		if part[1] == "checked" {
			ago = 1 // a longer time without a look would not count
		}
		return fmt.Sprintf("%q:%q", part[1], at.AddDate(0, 0, -ago).Format(time.RFC3339Nano))
	})
	if err := j.SetNote(t.Context(), note, text); err != nil {
		t.Fatal(err)
	}
}

// wantLeft checks which messages are on the server.
func (v *victim) wantLeft(t *testing.T, when string, want ...int) {
	t.Helper()
	var got []int
	for _, m := range v.d.List(t, v.user, "INBOX") {
		part := subject.FindStringSubmatch(strings.ReplaceAll(string(m.Body), "\r\n", "\n"))
		n, _ := strconv.Atoi(part[1])
		got = append(got, n)
	}
	if slices.Sort(got); !slices.Equal(got, want) {
		t.Errorf("%s the server has %v, want %v", when, got, want)
	}
}
