package main

import (
	"crypto/tls"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"fetchd/fetch/fetchtest"
	"fetchd/tlsverify/tlstest"
)

// scale is a workload that measures one daemon with many accounts on a light server, which is part of this
// program.
type scale struct {
	name, title, goal string
	accounts          int
	measure           func(*bench, scale)
}

// restTime is after how long a daemon has given back the memory that it does not need: that takes two looks.
const restTime = 150 * time.Second

func scales() []scale {
	return []scale{
		{name: "watched", title: "accounts that watch their INBOX over TLS", accounts: 10000,
			goal:    "≤ 45 KB for each, ≤ 15 s of CPU until 10,000 are watched, ≤ 20 s until they are again",
			measure: (*bench).watched},
		{name: "polled", title: "POP3S accounts, polled every minute, with nothing new", accounts: 2000,
			goal: "≤ 4 % CPU, ≤ 60 MB, ≤ 0.2 MB and no line a minute", measure: (*bench).polled},
		{name: "bundle", title: "accounts that watch, sslcertfile the system's bundle", accounts: 500,
			goal: "≤ 40 MB before and after a reload", measure: (*bench).bundle},
		{name: "one", title: "account that watches", accounts: 1, goal: "≤ 12 MB", measure: (*bench).watched},
	}
}

// startWatching starts a light IMAP server over TLS, and a daemon whose n accounts watch there. They trust
// what is in caFile, and the server's CA.
func (b *bench) startWatching(n int, caFile string) (*fetchtest.IdleServer, *daemon) {
	ca := tlstest.NewCA(b.s)
	if caFile == "" {
		caFile = filepath.Join(b.memory, "light.pem")
		b.s.check(os.WriteFile(caFile, ca.PEM(), 0o644))
	} else {
		text, err := os.ReadFile(caFile)
		b.s.check(err)
		caFile = filepath.Join(b.memory, "bundle.pem")
		b.s.check(os.WriteFile(caFile, append(text, ca.PEM()...), 0o644))
	}

	srv := fetchtest.StartIdleServer(b.s, b.lightListener(ca))
	d := b.daemon(b.o.memory, 300, n, func(rc *strings.Builder, dest string, i int) {
		fmt.Fprintf(rc, "poll a%d via 127.0.0.1 protocol imap service %d user u%d password \"password%d\" "+
			"is nobody here ssl sslcertfile %q sslcommonname localhost idle keep maildir %q\n",
			i, srv.Port, i, i, caFile, dest)
	})
	return srv, d
}

func (b *bench) lightListener(ca *tlstest.CA) net.Listener {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	b.s.check(err)
	leaf := ca.Leaf(tlstest.Leaf{DNS: []string{"localhost"}})
	return tls.NewListener(ln, &tls.Config{Certificates: []tls.Certificate{leaf}})
}

// allWatch waits until n accounts are watched, and returns how long that took.
func (b *bench) allWatch(srv *fetchtest.IdleServer, n int) time.Duration {
	start := time.Now()
	b.until(5*time.Minute, func() bool {
		_, idle := srv.Counts()
		return idle == n
	})
	return time.Since(start)
}

// watched starts a daemon, lets mail come to a tenth of its accounts, and cuts all connections.
func (b *bench) watched(w scale) {
	n := w.accounts
	srv, d := b.startWatching(n, "")
	defer d.end()

	took := b.allWatch(srv, n)
	row("until all are watched", took, d.figures())
	b.pause(restTime)
	atRest := d.figures()
	row("at rest", restTime, atRest)
	fmt.Printf("| for each account | | | %.1f KB | | |\n", float64(atRest.rss)/1024/float64(n))

	start := time.Now()
	for i := 0; i < n; i += 10 {
		srv.Deliver(fmt.Sprint("u", i))
	}
	b.until(time.Minute, func() bool { return d.delivered() == (n+9)/10 })
	row("mail for a tenth of them", time.Since(start), d.figures().minus(atRest))

	b.pause(30 * time.Second)
	before := d.figures()
	srv.HangUp()
	b.until(time.Minute, func() bool { _, idle := srv.Counts(); return idle < n })
	row("all were cut, until all are watched", b.allWatch(srv, n), d.figures().minus(before))
}

// bundle starts a daemon that trusts a large file, and has it read its rc file again.
func (b *bench) bundle(w scale) {
	const system = "/etc/ssl/certs/ca-certificates.crt"
	srv, d := b.startWatching(w.accounts, system)
	defer d.end()

	row("until all are watched", b.allWatch(srv, w.accounts), d.figures())
	b.pause(30 * time.Second)
	row("half a minute later", 30*time.Second, d.figures())
	b.s.check(d.cmd.Process.Signal(syscall.SIGHUP))
	b.pause(30 * time.Second)
	row("half a minute after a reload", 30*time.Second, d.figures())
}

// polled starts a daemon, and measures five minutes after all accounts were polled twice.
func (b *bench) polled(w scale) {
	ca := tlstest.NewCA(b.s)
	caFile := filepath.Join(b.memory, "light.pem")
	b.s.check(os.WriteFile(caFile, ca.PEM(), 0o644))
	ln := b.lightListener(ca)
	defer ln.Close()
	srv := servePOP(ln)
	port := ln.Addr().(*net.TCPAddr).Port
	d := b.daemon(b.o.disk, 60, w.accounts, func(rc *strings.Builder, dest string, i int) {
		fmt.Fprintf(rc, "poll a%d via 127.0.0.1 protocol pop3 service %d user u%d password \"password%d\" "+
			"is nobody here ssl sslcertfile %q sslcommonname localhost keep maildir %q\n",
			i, port, i, i, caFile, dest)
	})
	defer d.end()

	start := time.Now()
	b.until(3*time.Minute, func() bool { return srv.sessions.Load() >= int64(2*w.accounts) })
	before := d.figures()
	row("until all were polled twice", time.Since(start), before)

	polls, start := srv.sessions.Load(), time.Now()
	b.pause(2 * time.Minute)
	took, used := time.Since(start), d.figures().minus(before)
	row("two minutes", took, used)
	minutes := took.Minutes()
	fmt.Printf("| a minute: %.0f polls | | %.1f %% | | %.3f | %.0f |\n",
		float64(srv.sessions.Load()-polls)/minutes, 100*used.cpu.Seconds()/took.Seconds(),
		float64(used.written)/(1<<20)/minutes, float64(used.lines)/minutes)
}

// scaleOf runs a scale workload.
func (b *bench) scaleOf(w scale) {
	if b.o.accounts > 0 && w.accounts > 1 {
		w.accounts = b.o.accounts
	}
	fmt.Printf("\n### %s: %d %s\nTo reach: %s.\n\n"+
		"| what | wall s | CPU s | RSS MB | written MB | log lines |\n|---|---|---|---|---|---|\n",
		w.name, w.accounts, w.title, w.goal)
	w.measure(b, w)
}

func row(what string, wall time.Duration, f figures) {
	fmt.Printf("| %s | %.1f | %.1f | %.1f | %.2f | %d |\n", what, wall.Seconds(), f.cpu.Seconds(),
		float64(f.rss)/(1<<20), float64(f.written)/(1<<20), f.lines)
}
