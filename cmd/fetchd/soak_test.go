package main

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"fetchd/fetch/fetchtest"

	"golang.org/x/sys/unix"
)

// The soak has soakAccounts healthy accounts at one server and some at servers that hang, drip and refuse.
// Every soakStep a message comes, and each soakTrouble something happens to the daemon or the server.
const (
	soakAccounts = 30
	soakStep     = 20 * time.Millisecond
	soakTrouble  = 500 * time.Millisecond
	soakAway     = 2 * time.Second  // the server, when it is started again
	soakSettle   = 45 * time.Second // until mail is back after that, with half as much again
	soakGrowth   = 24 << 10         // KB that the daemon may grow by after the first third
)

// soakTime is how long the trouble lasts; FETCHD_SOAK is for more than a glimpse.
func soakTime(t *testing.T) time.Duration {
	t.Helper()
	text := os.Getenv("FETCHD_SOAK")
	if text == "" {
		return 3 * time.Second
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// soak is a daemon in trouble.
type soak struct {
	*runningDaemon
	srv  *fetchtest.IdleServer
	ln   net.Listener
	rnd  *rand.Rand
	sent int
}

// Whatever happens to a daemon, each message comes once, and it does not grow.
func TestSoak(t *testing.T) {
	t.Parallel()
	lasts := soakTime(t)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &soak{runningDaemon: newDaemon(t, ""), ln: ln, rnd: rand.New(rand.NewPCG(1, 2))}
	s.srv = fetchtest.StartIdleServer(t, ln)
	t.Cleanup(func() { s.ln.Close() })
	s.write("rc", s.entries())
	s.cmd.Args = []string{"fetchd", "-f", "rc", "-N", "-d", "5", "--pidfile", "pid"}
	go func() { _, _ = io.Copy(io.Discard, s.manager) }()
	s.launch()
	s.says("starting fetchd")

	grown := s.trouble(lasts)
	if !within(soakSettle, func() bool { return s.mails() >= s.sent }) {
		t.Errorf("%d messages came of %d", s.mails(), s.sent)
	}
	s.signal(unix.SIGTERM)
	s.endsWithin(endTimeout + promptly) // those that hang have their time
	s.checkMail()
	if grown > soakGrowth {
		t.Errorf("it grew by %d KB", grown)
	}
	t.Logf("%d messages in %v; grew by %d KB after a third", s.sent, lasts, grown)
}

// entries is the rc file: most accounts are watched, the others polled.
func (s *soak) entries() string {
	var b strings.Builder
	entry := func(name string, port int, words string) {
		fmt.Fprintf(&b, "poll %s via 127.0.0.1 proto imap port %d timeout 3 "+
			"user %s password sesame sslproto '' keep maildir mail %s\n",
			name, port, name, words)
	}
	for i := range soakAccounts {
		words := "idle"
		if i%3 == 0 {
			words = ""
		}
		entry(s.user(i), s.srv.Port, words)
	}
	for i := range 3 {
		entry(fmt.Sprint("hangs", i), listenBadly(s.t, func(net.Conn) {}), "idle")
		entry(fmt.Sprint("drips", i), listenBadly(s.t, drip), "idle")
		entry(fmt.Sprint("refuses", i), 1, "idle")
	}
	return b.String()
}

func (s *soak) user(i int) string { return fmt.Sprint("user", i) }

// listenBadly is a server that does what serve does with each connection, and its port.
func listenBadly(t *testing.T, serve func(net.Conn)) int {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	var conns []net.Conn
	wg.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			conns = append(conns, conn)
			mu.Unlock()
			wg.Go(func() { serve(conn) })
		}
	})
	t.Cleanup(func() {
		ln.Close()
		mu.Lock()
		for _, conn := range conns {
			conn.Close()
		}
		mu.Unlock()
		wg.Wait()
	})
	return ln.Addr().(*net.TCPAddr).Port
}

// drip is a greeting without an end, slowly.
func drip(conn net.Conn) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	_, err := io.WriteString(conn, "* OK ")
	for err == nil {
		<-tick.C
		_, err = io.WriteString(conn, ".")
	}
}

// trouble lets mail come and makes trouble for a time. It returns by how many KB the daemon grew after a
// third of that.
func (s *soak) trouble(lasts time.Duration) int {
	mail, trouble := time.NewTicker(soakStep), time.NewTicker(soakTrouble)
	defer mail.Stop()
	defer trouble.Stop()
	third, end := time.NewTimer(lasts/3), time.NewTimer(lasts)
	defer third.Stop()
	defer end.Stop()
	before := 0
	for round := 0; ; {
		select {
		case <-mail.C:
			s.srv.Deliver(s.user(s.rnd.IntN(soakAccounts)))
			s.sent++
		case <-trouble.C:
			s.happen(round)
			round++
		case <-third.C:
			before = s.memory()
		case <-end.C:
			return s.memory() - before
		case <-s.ended:
			s.t.Fatalf("it ended:\n%s", s.log.String())
		}
	}
}

// happen is the trouble of one round.
func (s *soak) happen(round int) {
	switch round % 8 {
	case 0:
		s.signal(unix.SIGUSR1)
	case 1, 5:
		s.srv.HangUp()
	case 2:
		s.signal(unix.SIGHUP)
	case 3: // reloads that overlap, one of them with a change
		s.write("rc", s.entries()+fmt.Sprintf("# %d\n", round))
		s.signal(unix.SIGHUP)
		s.signal(unix.SIGHUP)
	case 4:
		s.signal(unix.SIGPIPE)
	case 6:
		s.restartServer()
	}
}

// restartServer has the server away for a while.
func (s *soak) restartServer() {
	s.ln.Close()
	s.srv.HangUp()
	timer := time.NewTimer(soakAway)
	defer timer.Stop()
	<-timer.C
	ln, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", s.srv.Port))
	if err != nil {
		s.t.Fatal(err)
	}
	s.ln = ln
	s.srv.Serve(ln)
}

// memory is what the daemon has in memory, in KB; 0 where nobody says.
func (s *soak) memory() int {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid))
	m := regexp.MustCompile(`(?m)^VmRSS:\s*(\d+)`).FindSubmatch(text)
	if m == nil {
		return 0
	}
	n, _ := strconv.Atoi(string(m[1]))
	return n
}

// checkMail checks that each message came once.
func (s *soak) checkMail() {
	s.t.Helper()
	seen := map[string]int{}
	files, _ := filepath.Glob(filepath.Join(s.dir, "mail", "new", "*"))
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			s.t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			if subject, ok := strings.CutPrefix(line, "Subject: "); ok {
				seen[strings.TrimSpace(subject)]++
				break
			}
		}
	}
	for subject, times := range seen {
		if times != 1 {
			s.t.Errorf("%q came %d times", subject, times)
		}
	}
	if len(seen) != s.sent {
		s.t.Errorf("%d messages of %d", len(seen), s.sent)
	}
}
