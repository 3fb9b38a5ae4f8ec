package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"fetchd/fetch/fetchtest"
)

// TestMultidropKilled: a shared mailbox is divided among the users of a real LMTP server. What one of them is
// refused, or can't have yet, is tried again for that one alone, also after a kill in each step; then one
// copy at most comes twice, where the server has the message and its answer was on the way.
func TestMultidropKilled(t *testing.T) {
	t.Parallel()
	d := fetchtest.StartDovecot(t)
	for i, step := range []string{`^MAIL`, `^RCPT`, `^DATA`, `^Subject: `, `^\.\r`} {
		for k, acts := range []bool{false, true} { // before the server has the line, and after
			t.Run(fmt.Sprintf("%q, server acts %v", step, acts), func(t *testing.T) {
				t.Parallel()
				wire := fetchtest.Trip(t, net.JoinHostPort("127.0.0.1", strconv.Itoa(d.LMTP)), step, acts)
				wire.Rest(true)
				m := newShared(t, d, []string{"imap", "pop3"}[(i+k)%2], wire)
				m.deliverToSome(t)
				m.repeat(t)

				d.Obstruct(t, m.late, false)
				m.killAt(t, wire)
				twice := 0
				if acts && (step == `^Subject: ` || step == `^\.\r`) { // the dot is on its way with the text
					twice = 1
				}
				m.finish(t, twice)
			})
		}
	}
}

// shared is a mailbox of three users of a Dovecot and of one whom it does not take.
type shared struct {
	*victim
	ann, bob string
	late     string // has no place for mail at first
	refused  string
}

func newShared(t *testing.T, d *fetchtest.Dovecot, protocol string, wire *fetchtest.Tripwire) *shared {
	t.Helper()
	m := &shared{victim: newVictim(t, d, protocol, false), ann: d.User(), bob: d.User(), late: d.User(),
		refused: "nobody!x"}
	d.Obstruct(t, m.late, true)
	wrapped, _ := m.ports()
	text := fmt.Sprintf("set pidfile %q\npoll crash via localhost proto %s port %d envelope X-Original-To "+
		"aka example.org\nuser %q password %q %s is %s %s %s %q here lmtp smtphost localhost/%d/notls\n",
		filepath.Join(m.dir, "pid"), protocol, wrapped, m.user, d.Password, m.wrapped(), m.ann, m.bob, m.late,
		m.refused, wire.Port)
	if err := os.WriteFile(filepath.Join(m.dir, "rc"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}

	for n, to := range [][]string{{m.ann, m.late, m.bob}, {m.bob, m.refused}, {m.ann}} {
		text := fmt.Sprintf("X-Original-To: %s@example.org\r\n"+
			"From: bob@example.net\r\nSubject: msg %d\r\n\r\nx\r\n",
			strings.Join(to, "@example.org, "), n+1)
		d.Append(t, m.user, "INBOX", [][]byte{[]byte(text)})
	}
	return m
}

// has compares what a user has.
func (m *shared) has(t *testing.T, user string, want ...string) {
	t.Helper()
	var got []string
	for _, stored := range m.d.List(t, user+"@localhost", "INBOX") {
		part := subject.FindStringSubmatch(strings.ReplaceAll(string(stored.Body), "\r\n", "\n"))
		got = append(got, part[1])
	}
	if strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("%s has messages %q, want %q", user, got, want)
	}
}

// fails lets the program do what it can, and returns what it says.
func (m *shared) fails(t *testing.T) string {
	t.Helper()
	out, err := m.command(t.Context()).CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() < 0 {
		t.Fatalf("%v:\n%s", err, out)
	}
	return string(out)
}

func (m *shared) deliverToSome(t *testing.T) {
	t.Helper()
	said := m.fails(t)
	m.has(t, m.ann, "1", "3")
	m.has(t, m.bob, "1", "2")
	if left := len(m.d.List(t, m.user, "INBOX")); left != 2 {
		t.Errorf("%d messages are left, want 2:\n%s", left, said)
	}
}

// repeat tries again what can't succeed yet: nobody else gets anything.
func (m *shared) repeat(t *testing.T) {
	t.Helper()
	m.fails(t)
	m.has(t, m.ann, "1", "3")
	m.has(t, m.bob, "1", "2")
}

// finish is what comes after the kill.
func (m *shared) finish(t *testing.T, twice int) {
	t.Helper()
	said := m.fails(t)
	m.has(t, m.ann, "1", "3")
	m.has(t, m.bob, "1", "2")
	if got := len(m.d.List(t, m.late+"@localhost", "INBOX")); got < 1 || got > 1+twice {
		t.Errorf("%s has %d messages, want 1, and at most %d more", m.late, got, twice)
	}
	left := m.d.List(t, m.user, "INBOX")
	if len(left) != 1 || !strings.Contains(string(left[0].Body), m.refused) {
		t.Errorf("%d messages are left, want the one that is refused:\n%s", len(left), said)
	}
}
