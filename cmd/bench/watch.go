package main

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"
)

// watches is how many messages are timed for each way to the server.
const watches = 15

// watch measures how long a message takes from the server's mailbox to the Maildir while fetchd waits with
// IDLE and, for comparison, how long it takes until the server tells a raw client on the same way that there
// is something.
func (b *bench) watch(w workload) {
	fmt.Printf("\n### %s: %s\nTo reach: %s. Dovecot itself waits up to 0.5 s before it tells of new mail, "+
		"so that it can tell of more\n"+
		"at once: the last column is what comes on top of the server's word.\n\n"+
		"| way | server tells after s (median, most) | delivered after s (median, most) | of this fetchd |\n"+
		"|---|---|---|---|\n", w.name, w.title, w.goal)
	for _, rtt := range []time.Duration{0, longWay} {
		w.rtt = rtt
		b.watchOver(w)
	}
}

func (b *bench) watchOver(w workload) {
	c := contender{name: fmt.Sprintf("fetchd-%v", w.rtt)}
	j, done := b.job(w, c)
	defer done()
	a := &j.accounts[0]
	b.d.Append(b.s, a.user, "INBOX", b.make(small, "before", 1).messages)
	b.route(j)
	// Nothing is marked on the server: a mark would start its clock for the raw client before the next
	// message comes.
	path, err := j.write("rc", j.rc("fetchd", fmt.Sprintf("maildir %q idle no markseen",
		j.maildir("Maildir"))))
	b.s.check(err)
	cmd := j.one(j.fetchd, "--daemon", "300", "--nodetach", "-f", path)
	stopped := make(chan struct{})
	stop := make(chan struct{})

	go func() {
		defer close(stopped)
		b.serve(j, cmd, stop)
	}()
	defer func() {
		close(stop)
		<-stopped
	}()

	b.until(time.Minute, func() bool { return count(cmd.out) == 1 })
	told := b.listen(a)
	b.pause(time.Second) // both are in IDLE by then
	var tells, delivers, extra []time.Duration

	for i, m := range b.make(small, "idle", watches).messages {
		b.d.Append(b.s, a.user, "INBOX", [][]byte{m})
		start := time.Now()
		for count(cmd.out) < i+2 && b.s.ctx.Err() == nil && time.Since(start) < time.Minute {
			b.pause(time.Millisecond)
		}
		delivered, at := time.Since(start), (<-told).Sub(start)
		tells, delivers, extra = append(tells, at), append(delivers, delivered), append(extra, delivered-at)
		b.pause(300 * time.Millisecond)
	}

	way := "loopback"
	if w.rtt > 0 {
		way = fmt.Sprintf("%v RTT", w.rtt)
	}

	fmt.Printf("| %s | %s | %s | %s |\n", way, times(tells), times(delivers), times(extra))
}

func times(all []time.Duration) string {
	slices.Sort(all)
	return fmt.Sprintf("%.3f, %.3f", all[len(all)/2].Seconds(), all[len(all)-1].Seconds())
}

// serve runs a daemon until stop is closed.
func (b *bench) serve(j *job, cmd command, stop <-chan struct{}) {
	p := program{Argv: cmd.argv, Dir: j.dest, Log: j.dest + "/log", Limit: runLimit,
		Env: []string{"PATH=/usr/bin:/bin", "HOME=" + j.state, "FETCHMAILHOME=" + j.state, "USER=nobody",
			"LOGNAME=nobody"}}
	if os.Geteuid() == 0 {
		p.User = nobody
		b.s.check(own(j.dest))
		b.s.check(own(j.state))
	}

	run, err := p.start()
	if err != nil {
		b.s.Errorf("%v", err)
		return
	}

	<-stop
	run.stop()
	if _, err := run.wait(); err != nil {
		b.s.Errorf("%v", err)
	}
}

// listen is a raw client in IDLE; it sends the time of each EXISTS.
func (b *bench) listen(a *login) <-chan time.Time {
	pool := x509.NewCertPool()
	pool.AddCert(b.d.CA.Cert)
	conn, err := tls.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", a.port),
		&tls.Config{RootCAs: pool, ServerName: b.d.Host})
	b.s.check(err)
	b.s.Cleanup(func() { _ = conn.Close() })
	_, err = fmt.Fprintf(conn, "a LOGIN %s %s\r\nb EXAMINE INBOX\r\nc IDLE\r\n", a.user, b.d.Password)
	b.s.check(err)
	told := make(chan time.Time, 100)
	in := bufio.NewReader(conn)

	for {
		line, err := in.ReadString('\n')
		b.s.check(err)
		if strings.HasPrefix(line, "+") {
			break
		}
	}

	go func() {
		for {
			line, err := in.ReadBytes('\n')
			if err != nil {
				return
			}
			if bytes.Contains(line, []byte("EXISTS")) {
				told <- time.Now()
			}
		}
	}()

	return told
}
