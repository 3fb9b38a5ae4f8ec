package fetchtest

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestDovecot(t *testing.T) {
	t.Parallel()
	start := time.Now()
	d := StartDovecot(t)
	t.Logf("started in %v", time.Since(start))
	t.Run("append and list", d.testAppend)
	t.Run("greetings", d.testGreetings)
	t.Run("certificate", d.testCertificate)
	t.Run("renumber", d.testRenumber)
	t.Run("many", d.testMany)
	t.Run("copy", d.testCopy)
}

func (d *Dovecot) testAppend(t *testing.T) {
	t.Parallel()
	user := d.User()
	messages := [][]byte{[]byte("Subject: a\r\n\r\nbody\r\n"),
		[]byte("Subject: b\n\nno last line end"), []byte("\r\n")}
	d.Append(t, user, "INBOX", messages)
	d.Append(t, user, "Lists/go \"nuts\"", messages[:1], `\Seen`, `\Flagged`)
	stored := d.List(t, user, "INBOX")
	if len(stored) != len(messages) || d.Count(t, user, "INBOX") != len(messages) {
		t.Fatalf("%d messages", len(stored))
	}

	for i, m := range stored {
		want := bytes.ReplaceAll(messages[i], []byte("\r\n"), []byte("\n"))
		want = bytes.ReplaceAll(want, []byte("\n"), []byte("\r\n"))
		if !bytes.Equal(m.Body, want) {
			t.Errorf("message %d: %q, want %q", m.UID, m.Body, want)
		}
		if m.UID != uint32(i+1) || len(m.Flags) != 0 {
			t.Errorf("message %d: UID %d, flags %v", i, m.UID, m.Flags)
		}
	}

	if f := fmt.Sprint(d.Flags(t, user, "Lists/go \"nuts\"")); f != `map[1:[\Flagged \Seen]]` {
		t.Errorf("flags %v", f)
	}
	d.Store(t, user, "INBOX", `\Seen`)
	if f := fmt.Sprint(d.Flags(t, user, "INBOX")); f != `map[1:[\Seen] 2:[\Seen] 3:[\Seen]]` {
		t.Errorf("flags after Store %v", f)
	}
	if n := d.Count(t, d.User(), "INBOX"); n != 0 {
		t.Errorf("a new user has %d messages", n)
	}
}

func (d *Dovecot) testCopy(t *testing.T) {
	t.Parallel()
	from, to := d.User(), d.User()
	d.Append(t, from, "INBOX", [][]byte{[]byte("Subject: a\r\n\r\nbody\r\n")}, `\Seen`)
	d.Append(t, to, "INBOX", [][]byte{[]byte("Subject: b\r\n\r\n"), []byte("Subject: c\r\n\r\n")})
	d.Copy(t, from, to)
	if was, is := d.List(t, from, "INBOX"), d.List(t, to, "INBOX"); fmt.Sprint(was) != fmt.Sprint(is) {
		t.Errorf("%v became %v", was, is)
	}
	d.Remove(t, to)
	if n := d.Count(t, to, "INBOX"); n != 0 {
		t.Errorf("%d messages are left", n)
	}
}

func (d *Dovecot) testGreetings(t *testing.T) {
	t.Parallel()
	for port, want := range map[int]string{d.IMAP: "* OK", d.POP3: "+OK", d.LMTP: "220 "} {
		conn, err := net.Dial("tcp", net.JoinHostPort(d.Host, strconv.Itoa(port)))
		check(t, err)
		defer conn.Close()
		line, err := bufio.NewReader(conn).ReadString('\n')
		if err != nil || !strings.HasPrefix(line, want) {
			t.Errorf("port %d: %q, %v", port, line, err)
		}
	}
}

func (d *Dovecot) testCertificate(t *testing.T) {
	t.Parallel()
	pem, err := os.ReadFile(d.CAFile)
	check(t, err)
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	for _, port := range []int{d.IMAPS, d.POP3S} {
		for _, host := range []string{"localhost", "127.0.0.1"} {
			conn, err := tls.Dial("tcp",
				net.JoinHostPort(host, strconv.Itoa(port)), &tls.Config{RootCAs: roots})
			check(t, err)
			conn.Close()
		}
	}
}

func (d *Dovecot) testRenumber(t *testing.T) {
	t.Parallel()
	user := d.User()
	validity := func() (v string) {
		s := d.session(t, user)
		defer s.close()
		s.do(func(text string, _ [][]byte) { v = text }, "STATUS Box (UIDVALIDITY)")
		return v
	}
	d.Append(t, user, "Box", [][]byte{[]byte("Subject: a\r\n\r\nbody\r\n")}, `\Seen`)
	before := validity()
	d.Renumber(t, user, "Box")
	if after := validity(); before == after {
		t.Errorf("%s then %s", before, after)
	}
	if s := d.List(t, user, "Box"); len(s) != 1 ||
		string(s[0].Body) != "Subject: a\r\n\r\nbody\r\n" || fmt.Sprint(s[0].Flags) != `[\Seen]` {
		t.Errorf("messages %v", s)
	}
}

func (d *Dovecot) testMany(t *testing.T) {
	t.Parallel()
	user, start := d.User(), time.Now()
	message := []byte("Subject: one of many\r\n\r\n" +
		strings.Repeat("0123456789012345678901234567890123456789012345678901234567890\r\n", 64))
	d.Append(t, user, "INBOX", slices.Repeat([][]byte{message}, 5000))
	if n := d.Count(t, user, "INBOX"); n != 5000 {
		t.Errorf("%d messages", n)
	}
	t.Logf("5000 messages appended and counted in %v", time.Since(start))
}

// TestDovecotEndsWithTheProcess kills a process that has started a Dovecot.
func TestDovecotEndsWithTheProcess(t *testing.T) {
	t.Parallel()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestDovecotChild$", "-test.v")
	dir, err := os.MkdirTemp("", "fd") // the child can't tidy up
	check(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	check(t, os.Chmod(dir, 0o755))
	cmd.Env = append(os.Environ(), "FETCHTEST_CHILD=1", "TMPDIR="+dir)
	out, err := cmd.StdoutPipe()
	check(t, err)
	check(t, cmd.Start())
	port := 0
	for lines := bufio.NewScanner(out); port == 0 && lines.Scan(); {
		_, _ = fmt.Sscanf(lines.Text(), "port %d", &port)
	}
	if port == 0 || !greets(port) {
		t.Fatalf("no Dovecot on port %d", port)
	}
	check(t, cmd.Process.Kill())
	_ = cmd.Wait()
	deadline := time.After(10 * time.Second)
	for {
		conn, err := net.Dial("tcp", net.JoinHostPort("localhost", strconv.Itoa(port)))
		if err != nil {
			break
		}
		conn.Close()
		select {
		case <-deadline:
			t.Fatal("Dovecot outlives the process")
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func TestDovecotChild(t *testing.T) {
	if os.Getenv("FETCHTEST_CHILD") == "" {
		return // only a part of TestDovecotEndsWithTheProcess
	}
	fmt.Printf("port %d\n", StartDovecot(t).IMAP)
	select {}
}
