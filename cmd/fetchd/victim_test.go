package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"fetchd/delivery/deliverytest"
	"fetchd/fetch/fetchtest"
)

// victim is a user of a Dovecot with an rc file for the real program, which is killed at work.
type victim struct {
	d        *fetchtest.Dovecot
	user     string
	protocol string // imap or pop3
	mda      bool
	file     string             // "mbox" or "bsmtp": mail is appended to a file; "" = neither
	sink     *deliverytest.Sink // of SMTP or LMTP; nil = neither
	sinkAt   string             // as smtphost names it
	into     string             // the user whose IMAP mailbox gets the mail; "" = none
	intoPort int
	several  bool // mail goes into a Maildir and an mbox
	shared   bool // each message is for two users, who have a Maildir each
	dir      string
	appended int
}

func newVictim(t *testing.T, d *fetchtest.Dovecot, protocol string, mda bool) *victim {
	t.Helper()
	return &victim{d: d, user: d.User(), protocol: protocol, mda: mda, dir: newPlace(t)}
}

// configure writes the rc file; tls and destination are words for it.
func (v *victim) configure(t *testing.T, port int, tls, destination string) {
	t.Helper()
	envelope := ""
	if v.shared {
		envelope = "envelope X-Original-To aka example.org"
	}
	text := fmt.Sprintf("set pidfile %q\n"+
		"poll crash via localhost proto %s port %d %s user %q password %q %s %s\n",
		filepath.Join(v.dir, "pid"), v.protocol, port, envelope, v.user, v.d.Password, tls, destination)
	if err := os.WriteFile(filepath.Join(v.dir, "rc"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// deliverTo makes the victim deliver to a mail server.
func (v *victim) deliverTo(t *testing.T, lmtp bool) *victim {
	t.Helper()
	v.sink = &deliverytest.Sink{LMTP: lmtp, Offer: []string{"PIPELINING"}}
	if lmtp {
		v.sinkAt = v.sink.Listen(t, filepath.Join(v.dir, "lmtp")).String()
		return v
	}
	v.sinkAt = fmt.Sprintf("localhost/%d", v.sink.Listen(t, "127.0.0.1:0").(*net.TCPAddr).Port)
	return v
}

// deliverInto makes the victim deliver into the mailbox of another user.
func (v *victim) deliverInto(port int) *victim {
	v.into, v.intoPort = v.d.User(), port
	return v
}

// destination delivers into a Maildir, into an IMAP mailbox, to a mail server, or by an agent that adds to
// one file.
func (v *victim) destination() string {
	if v.sink != nil {
		return fmt.Sprintf("is ann smtphost %q", v.sinkAt)
	}
	if v.into != "" {
		return fmt.Sprintf("append \"imap://%s@localhost:%d\" appendpassword %q appendsslproto ''", v.into,
			v.intoPort,
			v.d.Password)
	}

	if v.file != "" {
		return fmt.Sprintf("%s %q", v.file, filepath.Join(v.dir, "mbox"))
	}
	if v.several {
		return fmt.Sprintf("deliver %q %q", "maildir:"+filepath.Join(v.dir, "Maildir"),
			"mbox:"+filepath.Join(v.dir, "mbox"))
	}
	if v.shared {
		return fmt.Sprintf("is ann bob here maildir %q", filepath.Join(v.dir, "%T"))
	}
	if v.mda {
		return fmt.Sprintf("mda %q", "tee -a "+filepath.Join(v.dir, "mbox"))
	}
	return fmt.Sprintf("maildir %q", filepath.Join(v.dir, "Maildir"))
}

// wrapped is the words for TLS, clear those for none.
func (v *victim) wrapped() string { return fmt.Sprintf("ssl sslcertfile %q", v.d.CAFile) }

const clearText = "sslproto ''"

// ports are the server's with TLS and without.
func (v *victim) ports() (wrapped, clear int) {
	if v.protocol == "pop3" {
		return v.d.POP3S, v.d.POP3
	}
	return v.d.IMAPS, v.d.IMAP
}

// add puts n new messages on the server.
func (v *victim) add(t *testing.T, n int) {
	t.Helper()
	messages := make([][]byte, n)
	for i := range messages {
		v.appended++
		messages[i] = fmt.Appendf(nil,
			"X-Original-To: ann@example.org, bob@example.org\r\nFrom: bob@example.net\r\n"+
				"Subject: msg %d\r\n\r\nThis is message %d.\r\n", v.appended, v.appended)
	}
	v.d.Append(t, v.user, "INBOX", messages)
}

// command is the real program, in a process of its own.
func (v *victim) command(ctx context.Context) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "fetchd", "-f", filepath.Join(v.dir, "rc"), "--nomail-ok")
	cmd.Dir = v.dir
	cmd.Env = []string{"HOME=" + v.dir, "PATH=" + os.Getenv("PATH"), "TMPDIR=" + v.dir}
	return cmd
}

// run lets the program work to its end and returns what it says.
func (v *victim) run(t *testing.T) string {
	t.Helper()
	out, err := v.command(t.Context()).CombinedOutput()
	if err != nil {
		t.Fatalf("%v:\n%s", err, out)
	}
	return string(out)
}

// working starts the program and returns when it has seen what is in the mailbox.
func (v *victim) working(t *testing.T) *exec.Cmd {
	t.Helper()
	cmd := v.command(t.Context())
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}

	lines := bufio.NewReader(out)
	line, err := lines.ReadString('\n')
	for ; err == nil && !strings.Contains(line, "messages "); line, err = lines.ReadString('\n') {
	}

	if err != nil {
		_ = cmd.Wait()
		t.Fatalf("the program said no more: %v\n%s", err, said.String())
	}

	go func() { _, _ = lines.WriteTo(new(bytes.Buffer)) }() // ends with the process
	return cmd
}

// kill ends the program now, and tells whether it was still running.
func kill(cmd *exec.Cmd) bool {
	_ = cmd.Process.Kill()
	var exit *exec.ExitError
	if !errors.As(cmd.Wait(), &exit) {
		return false
	}
	status, ok := exit.Sys().(syscall.WaitStatus)
	return ok && status.Signaled()
}

var subject = regexp.MustCompile(`(?m)^Subject: msg (\d+)$`)

// delivered counts how often each message has arrived.
func (v *victim) delivered(t *testing.T) map[int]int {
	t.Helper()
	files := []string{filepath.Join(v.dir, "mbox")}
	if !v.mda && v.file == "" {
		maildirs, _ := filepath.Glob(filepath.Join(v.dir, "*", "new", "*"))
		if files = append(files, maildirs...); !v.several {
			files = files[1:]
		}
	}

	times := map[int]int{}
	count := func(text []byte) {
		for _, m := range subject.FindAllSubmatch(text, -1) {
			n, _ := strconv.Atoi(string(m[1]))
			times[n]++
		}
	}
	if v.sink != nil {
		for _, text := range v.sink.Data() {
			count(bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n")))
		}
		return times
	}

	if v.into != "" {
		for _, m := range v.d.List(t, v.into, "INBOX") {
			count(bytes.ReplaceAll(m.Body, []byte("\r\n"), []byte("\n")))
		}
		return times
	}

	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		count(bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n")))
	}
	return times
}

// judge lets the program finish, and then wants every message, at most duplicates copies too many, and none
// left.
func (v *victim) judge(t *testing.T, duplicates int) {
	t.Helper()
	said := v.run(t)
	lost, twice, copies := 0, 0, 1
	if v.several || v.shared {
		copies = 2
	}

	times := v.delivered(t)
	for n := 1; n <= v.appended; n++ {
		if times[n] < copies {
			lost++
		}
		twice += max(0, times[n]-copies)
	}

	t.Logf("%d messages: %d lost, %d too many", v.appended, lost, twice)
	if lost > 0 || twice > duplicates {
		t.Errorf("%d of %d messages are lost, %d came too many; want 0 and at most %d",
			lost, v.appended, twice, duplicates)
	}
	if left := v.d.Flags(t, v.user, "INBOX"); len(left) != 0 {
		t.Errorf("%d messages are left on the server: %v\n%s", len(left), left, said)
	}
}
