package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"fetchd/fetch/fetchtest"
)

// Each kind of account is killed that often, with so many new messages before it.
const (
	randomKills = 3
	crashLoad   = 300
)

// TestKilledAtRandom kills the program at random moments of its work: no message is lost, none comes twice
// into a Maildir, an mbox or an IMAP mailbox, also where these are several, and at most one a kill through an
// agent, to a mail server or as batched SMTP. Set CRASH_SEED to repeat a run, and CRASH_KILLS for a longer
// one, as `make ci` does.
func TestKilledAtRandom(t *testing.T) {
	t.Parallel()
	seed := number(t, "CRASH_SEED", uint64(time.Now().UnixNano()))
	kills := int(number(t, "CRASH_KILLS", randomKills))
	t.Logf("CRASH_SEED=%d", seed)
	d := fetchtest.StartDovecot(t)
	for i, protocol := range []string{"imap", "pop3"} {
		for k, mda := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, agent %v", protocol, mda), func(t *testing.T) {
				t.Parallel()
				killAtRandom(t, newVictim(t, d, protocol, mda), kills,
					rand.New(rand.NewPCG(seed, uint64(2*i+k))))
			})
		}
		t.Run(protocol+", mail server", func(t *testing.T) { // IMAP by LMTP, POP3 by SMTP
			t.Parallel()
			v := newVictim(t, d, protocol, false).deliverTo(t, i == 0)
			killAtRandom(t, v, kills, rand.New(rand.NewPCG(seed, uint64(10+i))))
		})
		file := []string{"mbox", "bsmtp"}[i]
		t.Run(protocol+", "+file, func(t *testing.T) {
			t.Parallel()
			v := newVictim(t, d, protocol, false)
			v.file = file
			killAtRandom(t, v, kills, rand.New(rand.NewPCG(seed, uint64(30+i))))
		})
		several := i == 0 // else a shared mailbox
		t.Run(fmt.Sprintf("%s, several destinations %v", protocol, several), func(t *testing.T) {
			t.Parallel()
			v := newVictim(t, d, protocol, false)
			v.several, v.shared = several, !several
			killAtRandom(t, v, kills, rand.New(rand.NewPCG(seed, uint64(40+i))))
		})
		t.Run(protocol+", IMAP mailbox", func(t *testing.T) {
			t.Parallel()
			v := newVictim(t, d, protocol, false).deliverInto(d.IMAP)
			killAtRandom(t, v, kills, rand.New(rand.NewPCG(seed, uint64(20+i))))
		})
	}
}

// number is what the environment says, or is.
func number(t *testing.T, name string, is uint64) uint64 {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return is
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func killAtRandom(t *testing.T, v *victim, kills int, random *rand.Rand) {
	port, _ := v.ports()
	v.configure(t, port, v.wrapped(), v.destination())
	v.add(t, crashLoad)
	cmd := v.working(t)
	start := time.Now()
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	length := time.Since(start) // of the work of an undisturbed run
	t.Logf("an undisturbed run works %v", length)
	hit, midway, tries := 0, 0, 0
	before := len(v.delivered(t))
	for ; hit < kills && tries < 4*kills; tries++ { // a busy machine has runs end before they are hit
		v.add(t, crashLoad-(v.appended-before))
		cmd := v.working(t)
		<-time.After(time.Duration(random.Int64N(int64(length))))
		running := kill(cmd)
		now := len(v.delivered(t))
		switch {
		case running && now > before:
			hit, midway = hit+1, midway+1
		case running: // the other tests slow this one down: look a little later
			hit, length = hit+1, length+length/4
		default:
			length -= length / 6
		}
		before = now
	}
	t.Logf("%d of %d kills hit a run at work, %d of them after it had delivered some", hit, tries, midway)
	if hit < kills/2 {
		t.Errorf("only %d of %d kills hit a run at work", hit, tries)
	}
	duplicates := 0
	if v.mda || v.sink != nil || v.file == "bsmtp" {
		duplicates = hit
	}
	v.judge(t, duplicates)
}

// TestKilledBetween kills the program in each step between a delivery and the end of its acknowledgement: the
// message is recorded, and so it is not delivered again, but it is deleted after all.
func TestKilledBetween(t *testing.T) {
	t.Parallel()
	d := fetchtest.StartDovecot(t)
	for i, step := range []struct {
		protocol string
		line     string
	}{
		{"imap", `STORE `},
		{"imap", `EXPUNGE`},
		{"pop3", `^DELE 1\r`},
		{"pop3", `^DELE 4\r`},
		{"pop3", `^QUIT`},
	} {
		for k, acts := range []bool{false, true} { // before the server has the command, and after
			t.Run(fmt.Sprintf("%s %q, server acts %v", step.protocol, step.line, acts), func(t *testing.T) {
				t.Parallel()
				v := newVictim(t, d, step.protocol, (i+k)%2 == 1)
				_, port := v.ports()
				wire := fetchtest.Trip(t, net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), step.line, acts)
				v.configure(t, wire.Port, clearText, v.destination())
				v.add(t, 7)
				cmd := v.working(t)
				<-wire.Sprung
				if !kill(cmd) {
					t.Error("the program had ended")
				}

				<-wire.Over
				if n := len(v.delivered(t)); n != 7 {
					t.Errorf("%d messages were delivered before the acknowledgement, want 7", n)
				}
				v.judge(t, 0)
			})
		}
	}
}

// TestKilledWhileAppending kills the program in each step of a delivery into an IMAP mailbox: no message is
// lost or comes twice, also not those that look the same.
func TestKilledWhileAppending(t *testing.T) {
	t.Parallel()
	d := fetchtest.StartDovecot(t)
	steps := []string{
		`^A\d+ APPEND .*`, `^Received: `, `^Subject: msg 4`, `^This is message 4`, `^A2 APPEND `, `^ .*\+}`,
	}
	for _, step := range steps {
		for k, acts := range []bool{false, true} { // before the server has the line, and after
			t.Run(fmt.Sprintf("%q, server acts %v", step, acts), func(t *testing.T) {
				t.Parallel()
				v := newVictim(t, d, []string{"imap", "pop3"}[k], false)
				wire := fetchtest.Trip(t, net.JoinHostPort("127.0.0.1", strconv.Itoa(d.IMAP)), step, acts)
				_, port := v.ports()
				v.deliverInto(wire.Port).configure(t, port, clearText, v.destination())
				v.add(t, 7)
				twin := []byte("From: bob@example.net\r\nMessage-ID: <twin@example.net>\r\n" +
					"Subject: twin\r\n\r\nx\r\n")
				d.Append(t, v.user, "INBOX", [][]byte{twin, twin})

				cmd := v.working(t)
				<-wire.Sprung
				if !kill(cmd) {
					t.Error("the program had ended")
				}
				<-wire.Over
				v.intoPort = d.IMAP
				v.configure(t, port, clearText, v.destination())
				v.judge(t, 0)
				if n := d.Count(t, v.into, "INBOX"); n != 9 {
					t.Errorf("%d messages, want 7 and the two twins", n)
				}
			})
		}
	}
}

// TestKilledByTheAgent kills the program while its agent is at work: before the agent has stored the message,
// or after it and before its exit status is known. Then, and only then, one message comes twice.
func TestKilledByTheAgent(t *testing.T) {
	t.Parallel()
	d := fetchtest.StartDovecot(t)
	for _, tc := range []struct {
		name       string
		script     string
		duplicates int
	}{
		{"before it has read anything", "murder\ncat >/dev/null", 0},
		{"before it has stored", "cat >message\nmurder", 0},
		{"after it has stored", "tee -a mbox >message\nmurder", 1},
	} {
		for _, protocol := range []string{"imap", "pop3"} {
			t.Run(tc.name+", "+protocol, func(t *testing.T) {
				t.Parallel()
				v := newVictim(t, d, protocol, true)
				script := "#!/bin/sh\n" + `# The third message is the fatal one, once.
echo x >>count
if [ "$(wc -l <count)" -ne 3 ]; then exec tee -a mbox; fi
murder() { kill -9 $PPID; }
` + tc.script + "\n"
				agent := filepath.Join(v.dir, "agent")
				if err := os.WriteFile(agent, []byte(script), 0o700); err != nil {
					t.Fatal(err)
				}
				port, _ := v.ports()
				v.configure(t, port, v.wrapped(), fmt.Sprintf("mda %q", agent))
				v.add(t, 6)
				cmd := v.working(t)
				var exit *exec.ExitError
				if err := cmd.Wait(); !errors.As(err, &exit) || exit.ExitCode() != -1 {
					t.Fatalf("the agent did not kill the program: %v", err)
				}
				v.judge(t, tc.duplicates)
				if tc.duplicates > 0 && v.delivered(t)[3] != 2 {
					t.Errorf("delivered: %v", v.delivered(t))
				}
			})
		}
	}
}
