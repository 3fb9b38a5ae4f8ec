package fetchtest

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// RealServer is a server that others wrote: Courier, GNU Mailutils or Cyrus, from Debian's packages. It
// speaks IMAP and POP3, both in clear text, and runs in a root directory of its own. Its methods may be
// called from several goroutines.
type RealServer struct {
	Name       string
	IMAP, POP3 int    // ports
	Password   string // of all users

	root string
	sasl bool        // passwords are where Cyrus looks for them
	mu   *sync.Mutex // guards the root's files, and last
	last *int
}

// realPassword is how the root's /etc/shadow has the password "secret".
const realPassword = "$6$fetchd$QspG3wSPOyBC82XguErn/t9C/xgzQOeGijb" +
	"i7oCjwHYUJgdgjcFzD5YPIMo/6YHQkiVzkWhMArZQVOPTUFfuH0"

// realUser is whom mail belongs to.
const realUser = 1001

// StartRealServers starts one of each kind. root is a directory with the unpacked packages, which
// .ci/steps makes. They end with the test.
func StartRealServers(tb testing.TB, root string) []*RealServer {
	tb.Helper()
	var mu sync.Mutex
	var last int
	var servers []*RealServer
	put := func(name, text string) {
		path := filepath.Join(root, "etc", name)
		check(tb, os.MkdirAll(filepath.Dir(path), 0o755))
		check(tb, os.WriteFile(path, []byte(text), 0o644))
	}

	put("passwd", realUsers)
	put("group", "root:x:0:\nmail:x:8:\ncourier:x:75:\nnogroup:x:65534:\n")
	put("shadow", "")
	put("nsswitch.conf", "passwd: files\ngroup: files\nshadow: files\nhosts: files\n")
	put("hosts", "127.0.0.1 localhost\n")
	for _, service := range []string{"imap", "pop3", "gnu-mailutils", "other"} {
		put("pam.d/"+service, "auth required pam_unix.so\naccount required pam_permit.so\n")
	}

	for _, kind := range []struct {
		name  string
		start func(testing.TB, *RealServer, func(name, text string))
	}{{"Courier", startCourier}, {"Mailutils", startMailutils}, {"Cyrus", startCyrus}} {
		s := &RealServer{Name: kind.name, Password: "secret", root: root, mu: &mu, last: &last}
		freePorts(tb, &s.IMAP, &s.POP3)
		kind.start(tb, s, put)
		s.awaitGreetings(tb)
		servers = append(servers, s)
	}

	return servers
}

// run starts a program in the root directory, until the test ends.
func (s *RealServer) run(tb testing.TB, program string, args ...string) {
	tb.Helper()
	output, err := os.Create(filepath.Join(tb.TempDir(), "output"))
	check(tb, err)
	input, hold, err := os.Pipe()
	check(tb, err)
	words := append([]string{"-c", supervise, "sh", "chroot", s.root, program}, args...)
	cmd := exec.Command("/bin/sh", words...)
	cmd.ExtraFiles, cmd.Stdout, cmd.Stderr = []*os.File{input}, output, output
	cmd.Env = append([]string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin"}, courierSettings...)
	check(tb, cmd.Start())
	check(tb, input.Close())

	tb.Cleanup(func() {
		_ = hold.Close()
		_ = cmd.Wait()
		_ = output.Close()
		if text, err := os.ReadFile(output.Name()); tb.Failed() && err == nil {
			tb.Logf("%s: %.4000s", program, text)
		}
	})
}

// awaitGreetings waits until both ports give a greeting.
func (s *RealServer) awaitGreetings(tb testing.TB) {
	tb.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	late := time.After(dovecotStart)
	for _, port := range []int{s.IMAP, s.POP3} {
		for !greets(port) {
			select {
			case <-late:
				tb.Fatalf("%s did not start", s.Name)
			case <-tick.C:
			}
		}
	}
}

// User makes a user who has no mail yet.
func (s *RealServer) User(tb testing.TB) string {
	tb.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	*s.last++
	user := fmt.Sprintf("u%dx%d", os.Getpid(), *s.last)
	home := filepath.Join(s.root, "home", user)
	check(tb, os.RemoveAll(home))
	for _, dir := range []string{"", "Maildir", "Maildir/new", "Maildir/cur", "Maildir/tmp"} {
		path := filepath.Join(home, dir)
		check(tb, os.MkdirAll(path, 0o700))
		check(tb, os.Chown(path, realUser, 8))
	}
	check(tb, os.Chmod(filepath.Dir(home), 0o755))
	inbox := filepath.Join(s.root, "var/mail", user) // Mailutils appends to none that is not there
	check(tb, os.WriteFile(inbox, nil, 0o600))
	check(tb, os.Chown(inbox, realUser, 8))

	s.add(tb, "etc/passwd", fmt.Sprintf("%s:x:%d:8::/home/%s:/bin/false\n", user, realUser, user))
	s.add(tb, "etc/shadow", fmt.Sprintf("%s:%s:19000:0:99999:7:::\n", user, realPassword))
	if s.sasl {
		s.addSASL(tb, user)
	}
	return user
}

func (s *RealServer) add(tb testing.TB, name, text string) {
	tb.Helper()
	f, err := os.OpenFile(filepath.Join(s.root, name), os.O_APPEND|os.O_WRONLY, 0)
	check(tb, err)
	_, err = f.WriteString(text)
	check(tb, err)
	check(tb, f.Close())
}

func (s *RealServer) addSASL(tb testing.TB, user string) {
	tb.Helper()
	cmd := exec.Command("chroot", s.root, "/usr/sbin/saslpasswd2", "-p", "-c", user)
	cmd.Stdin = strings.NewReader(s.Password)
	out, err := cmd.CombinedOutput()
	if err != nil {
		tb.Fatalf("saslpasswd2: %v: %s", err, out)
	}
	check(tb, os.Chown(filepath.Join(s.root, "etc/sasldb2"), 76, 8))
}

// Append adds messages to a mailbox of a user, creating it if it is missing.
func (s *RealServer) Append(tb testing.TB, user, mailbox string, messages ...[]byte) {
	tb.Helper()
	if s.Name == "Courier" { // which takes its time for each APPEND
		s.drop(tb, user, messages)
		return
	}

	if s.Name == "Mailutils" {
		s.awaitClosed(user)
		defer s.awaitClosed(user)
	}

	c := newSession(tb, s.IMAP, user, s.Password)
	defer c.close()
	if mailbox != "INBOX" {
		exists := false
		c.do(func(string, [][]byte) { exists = true }, "LIST \"\" %s", quote(mailbox))
		if !exists {
			c.do(nil, "CREATE %s", quote(mailbox))
		}
	}

	for _, m := range messages {
		c.put("APPEND "+quote(mailbox), m)
	}
}

// awaitClosed waits until no process has a user's inbox open, for some seconds. Mailutils writes into it
// after its last answer: what is appended meanwhile may be lost, and the next session may not see it yet.
func (s *RealServer) awaitClosed(user string) {
	inbox := filepath.Join(s.root, "var/mail", user)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for tries := 0; isOpen(inbox) && tries < 500; tries++ {
		<-tick.C
	}
}

// isOpen tells whether any process has the file open.
func isOpen(path string) bool {
	files, _ := filepath.Glob("/proc/[0-9]*/fd/*")
	return slices.ContainsFunc(files, func(file string) bool {
		target, err := os.Readlink(file)
		return err == nil && target == path
	})
}

// drop puts messages into a user's Maildir, as a mail server does.
func (s *RealServer) drop(tb testing.TB, user string, messages [][]byte) {
	tb.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range messages {
		*s.last++
		name := fmt.Sprintf("%d.M%d.test", time.Now().Unix(), *s.last)
		path := filepath.Join(s.root, "home", user, "Maildir/new", name)
		check(tb, os.WriteFile(path, bytes.ReplaceAll(m, []byte("\r\n"), []byte("\n")), 0o600))
		check(tb, os.Chown(path, realUser, 8))
	}
}

// put sends a command that ends in a literal, for which the server has to ask.
func (s *session) put(command string, literal []byte) {
	s.tb.Helper()
	_, err := fmt.Fprintf(s.w, "t %s {%d}\r\n", command, len(literal))
	check(s.tb, err)
	check(s.tb, s.w.Flush())
	for line := ""; !strings.HasPrefix(line, "+"); {
		line, err = s.r.ReadString('\n')
		check(s.tb, err)
		if strings.HasPrefix(line, "t ") {
			s.tb.Fatalf("%s: %s", command, line)
		}
	}
	_, err = fmt.Fprintf(s.w, "%s\r\n", literal)
	check(s.tb, err)
	s.finish(nil)
}

// Status is a number that STATUS gives of a mailbox: MESSAGES or UNSEEN.
func (s *RealServer) Status(tb testing.TB, user, mailbox, item string) (n int) {
	tb.Helper()
	c := newSession(tb, s.IMAP, user, s.Password)
	defer c.close()
	number := regexp.MustCompile(item + ` (\d+)`)
	c.do(func(text string, _ [][]byte) {
		if m := number.FindStringSubmatch(text); m != nil {
			n, _ = strconv.Atoi(m[1])
		}
	}, "STATUS %s (%s)", quote(mailbox), item)
	return n
}
