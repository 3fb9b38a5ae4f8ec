package fetchtest

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"fetchd/tlsverify/tlstest"
)

// dovecotStart bounds how long the server may take to answer, dovecotStop how long it may take to end.
const (
	dovecotStart = 15 * time.Second
	dovecotStop  = 10 * time.Second
)

// Dovecot is a private Dovecot on 127.0.0.1 that lasts for a test and its subtests. Its certificate is for
// Host and 127.0.0.1. Any user may log in, with Password and PLAIN, LOGIN, CRAM-MD5, SCRAM-SHA-1 or
// SCRAM-SHA-256, without TLS too. UID EXPUNGE, MOVE, CONDSTORE, IDLE and COMPRESS are offered, and in POP3
// STLS, PIPELINING and UIDL.
type Dovecot struct {
	IMAP, IMAPS, POP3, POP3S, LMTP int // ports

	Host     string
	Password string
	CA       *tlstest.CA
	CAFile   string

	dir   string
	more  []string
	users atomic.Int64
}

// StartDovecot starts a server that ends with the test, or with the process, however that ends. It can be
// started by root and by an ordinary user. Without Dovecot on the machine the test fails. The lines of more
// are added to its configuration.
func StartDovecot(tb testing.TB, more ...string) *Dovecot {
	tb.Helper()
	path := findDovecot(tb)
	d := &Dovecot{Host: "localhost", Password: "sesam", CA: tlstest.NewCA(tb), more: more}
	d.CAFile = d.CA.File(tb)
	d.prepare(tb)
	modern := isModern(tb, path)

	// Another process may take a port between our choice and Dovecot's bind.
	for range 3 {
		d.choosePorts(tb)
		d.write(tb, "dovecot.conf", []byte(d.conf(tb, modern)), 0o644)
		if d.run(tb, path) {
			return d
		}
	}

	tb.Fatalf("dovecot did not start:\n%s", d.Log())
	return nil
}

func findDovecot(tb testing.TB) string {
	tb.Helper()
	for _, path := range []string{"/usr/sbin/dovecot", "/usr/local/sbin/dovecot",
		"/opt/homebrew/sbin/dovecot"} {
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	path, err := exec.LookPath("dovecot")
	if err != nil {
		tb.Fatal("Dovecot is not installed; on Debian: apt-get install dovecot-imapd " +
			"dovecot-pop3d dovecot-lmtpd")
	}
	return path
}

// isModern tells whether this version of Dovecot has the configuration syntax of 2.4.
func isModern(tb testing.TB, path string) bool {
	tb.Helper()
	out, err := exec.CommandContext(tb.Context(), path, "--version").Output()
	if err != nil {
		tb.Fatalf("dovecot --version: %v", err)
	}

	v := regexp.MustCompile(`^(\d+)\.(\d+)`).FindStringSubmatch(string(out))
	if v == nil {
		tb.Fatalf("dovecot --version says %.80q", out)
	}

	major, _ := strconv.Atoi(v[1])
	minor, _ := strconv.Atoi(v[2])
	if major < 2 || major == 2 && minor < 3 {
		tb.Fatalf("Dovecot %s is too old: 2.3 or later is needed", strings.TrimSpace(string(out)))
	}

	return major > 2 || minor >= 4
}

// prepare creates the folder, with a short name, as the paths of sockets are limited, and open to Dovecot's
// users.
func (d *Dovecot) prepare(tb testing.TB) {
	tb.Helper()
	dir, err := os.MkdirTemp("", "fd")
	if err != nil {
		tb.Fatal(err)
	}

	d.dir = dir
	tb.Cleanup(func() { os.RemoveAll(dir) })
	check(tb, os.Chmod(dir, 0o755))
	mail := filepath.Join(dir, "mail")
	check(tb, os.Mkdir(mail, 0o700))
	if os.Geteuid() == 0 {
		check(tb, os.Chown(mail, mailUID, mailUID))
	}

	cert := d.CA.Leaf(tlstest.Leaf{CN: "localhost", DNS: []string{"localhost"}, IP: []string{"127.0.0.1"}})
	key, err := tlstest.KeyPEM(cert)
	check(tb, err)
	d.write(tb, "server.pem", tlstest.CertPEM(cert), 0o644)
	d.write(tb, "server.key", key, 0o600)
}

func (d *Dovecot) write(tb testing.TB, name string, data []byte, mode os.FileMode) {
	tb.Helper()
	check(tb, os.WriteFile(filepath.Join(d.dir, name), data, mode))
}

func check(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

func (d *Dovecot) choosePorts(tb testing.TB) {
	tb.Helper()
	freePorts(tb, &d.IMAP, &d.IMAPS, &d.POP3, &d.POP3S, &d.LMTP)
}

// freePorts chooses ports that nobody listens on.
func freePorts(tb testing.TB, ports ...*int) {
	tb.Helper()
	for _, port := range ports {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		check(tb, err)
		defer ln.Close() // all are held until the last is chosen, so that no port is chosen twice
		*port = ln.Addr().(*net.TCPAddr).Port
	}
}

// supervise runs a server until its own input ends, at the latest when the process ends that holds the other
// end.
const supervise = `"$@" </dev/null & pid=$!
{ cat >/dev/null; kill $pid; } 2>/dev/null <&3 &
wait $pid`

// run reports whether the server came up; its output is in the log.
func (d *Dovecot) run(tb testing.TB, path string) bool {
	tb.Helper()
	output, err := os.Create(filepath.Join(d.dir, "output"))
	check(tb, err)
	defer output.Close()
	input, hold, err := os.Pipe()
	check(tb, err)
	defer input.Close()
	cmd := exec.Command("/bin/sh", "-c", supervise, "sh", path, "-F", "-c",
		filepath.Join(d.dir, "dovecot.conf"))
	cmd.ExtraFiles = []*os.File{input}
	cmd.Stdout, cmd.Stderr = output, output
	check(tb, cmd.Start())
	ended := make(chan struct{})

	go func() {
		defer close(ended)
		_ = cmd.Wait()
	}()

	if !d.answers(ended) {
		hold.Close()
		<-ended
		return false
	}

	tb.Cleanup(func() {
		hold.Close()
		select {
		case <-ended:
		case <-time.After(dovecotStop):
			tb.Errorf("dovecot did not end within %v", dovecotStop)
		}
		if tb.Failed() {
			tb.Logf("dovecot's log:\n%s", d.Log())
		}
	})

	return true
}

// answers waits until each port gives a greeting, and returns false if Dovecot ends or time is up first.
func (d *Dovecot) answers(ended <-chan struct{}) bool {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	late := time.After(dovecotStart)
	for _, port := range []int{d.IMAP, d.POP3, d.LMTP} {
		for !greets(port) {
			select {
			case <-ended:
				return false
			case <-late:
				return false
			case <-tick.C:
			}
		}
	}

	return true
}

func greets(port int) bool {
	conn, err := net.DialTimeout("tcp", fmt.Sprintf("127.0.0.1:%d", port), time.Second)
	if err != nil {
		return false
	}
	defer conn.Close()
	if conn.SetReadDeadline(time.Now().Add(dovecotStart)) != nil {
		return false
	}
	_, err = io.ReadFull(conn, make([]byte, 4))
	return err == nil
}

// Log is the server's output so far.
func (d *Dovecot) Log() string {
	var all []byte
	for _, name := range []string{"output", "dovecot.log"} {
		text, err := os.ReadFile(filepath.Join(d.dir, name))
		if err == nil {
			all = append(all, text...)
		}
	}
	return string(all)
}

// User returns the name of a user who has no mail yet.
func (d *Dovecot) User() string { return fmt.Sprintf("user%d", d.users.Add(1)) }
