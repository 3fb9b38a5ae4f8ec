package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"fetchd/fetch/fetchtest"
)

// nobody is the uid and gid that the programs run with when we are root.
const nobody = 65534

// runLimit is when a program that does not end is killed; hungLimit is for one that waits for the server that
// hangs.
const (
	runLimit  = 15 * time.Minute
	hungLimit = 2 * time.Minute
)

// bench is the measurement.
type bench struct {
	s       *stage
	o       options
	d       *fetchtest.Dovecot
	self    string
	fetchd  string
	ca      string
	memory  string
	disk    string
	corpora map[string]*corpus
	ways    map[string]way
}

// result is one run of one contender.
type result struct {
	usage
	tally
	turns   int
	checked bool
	log     string // its output, when something was wrong
}

func newBench(s *stage, o options) *bench {
	s.check(os.Setenv("TMPDIR", o.memory)) // for fetchtest
	b := &bench{s: s, o: o, memory: s.folder(o.memory), disk: s.folder(o.disk), corpora: map[string]*corpus{},
		ways: map[string]way{}}
	var err error
	b.self, err = os.Executable()
	s.check(err)
	b.build()
	return b
}

// startDovecot starts the server of all workloads but the scale ones.
func (b *bench) startDovecot() {
	b.d = fetchtest.StartDovecot(b.s, "mail_save_crlf = yes", "pop3_fast_size_lookups = yes",
		"pop3_no_flag_updates = yes",
		// 20 accounts of a few contenders in turn
		"default_client_limit = 4000", "default_process_limit = 1000",
		"service imap {", "process_min_avail = 2", "}", "service pop3 {", "process_min_avail = 2", "}")

	text, err := os.ReadFile(b.d.CAFile)
	b.s.check(err)
	b.ca = filepath.Join(b.memory, "ca.pem")
	b.s.check(os.WriteFile(b.ca, text, 0o644))
}

// build builds the fetchd to be measured, and copies it and this program to a place where everybody may run
// them.
func (b *bench) build() {
	bin := filepath.Join(b.memory, "bench")
	b.s.check(copyProgram(b.self, bin))
	b.self = bin
	b.fetchd = filepath.Join(b.memory, "fetchd")
	if b.o.fetchd != "" {
		b.s.check(copyProgram(b.o.fetchd, b.fetchd))
		return
	}

	cmd := exec.CommandContext(b.s.ctx, "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", b.fetchd,
		"./cmd/fetchd")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		b.s.Fatalf("go build ./cmd/fetchd: %v\n%s", err, out)
	}
}

func copyProgram(from, to string) error {
	text, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, text, 0o755)
}

func (b *bench) run() {
	b.introduce()
	for _, w := range scales() {
		if contains(b.o.workloads, w.name) && b.s.ctx.Err() == nil {
			b.scaleOf(w)
		}
	}

	for _, w := range workloads() {
		if !contains(b.o.workloads, w.name) || b.s.ctx.Err() != nil {
			continue
		}
		if b.d == nil {
			b.startDovecot()
		}
		if w.watch {
			b.watch(w)
			continue
		}
		b.compare(w)
	}
}

// compare runs the contenders in turn, with another one first in each round, and reports.
func (b *bench) compare(w workload) {
	var field []contender
	for _, c := range contenders() {
		if contains(b.o.contenders, c.name) && c.takesPart(w) {
			if !c.installed() {
				b.s.Logf("%s is not installed and left out", c.name)
				continue
			}
			field = append(field, c)
		}
	}

	runs := map[string][]result{}
	for round := range b.o.rounds {
		for k := range field {
			c := field[(k+round)%len(field)]
			if done := runs[c.name]; len(done) > 0 && done[0].Wall > b.o.slow {
				continue
			}
			r := b.measure(w, c)
			if b.s.ctx.Err() != nil {
				return
			}
			runs[c.name] = append(runs[c.name], r)
			fmt.Fprintf(os.Stderr, "%s, round %d, %s: %.3f s, CPU %.3f s, %.1f MB, %v\n", w.name, round+1,
				c.name,
				r.Wall.Seconds(), r.CPU.Seconds(), float64(r.RSS)/(1<<20), r.tally)
			if r.log != "" {
				fmt.Fprintf(os.Stderr, "    exit %d: %s\n", r.Exit, strings.ReplaceAll(r.log, "\n", "\n    "))
			}
		}
	}

	report(os.Stdout, w, field, runs)
}

// measure makes one run, with a fresh copy of the mailbox and of what the contender has kept from its first
// run.
func (b *bench) measure(w workload, c contender) result {
	j, done := b.job(w, c)
	defer done()
	proxy := b.route(j)
	if w.primed && !c.raw {
		b.prime(j, c)
	}

	want := b.corpus(w)
	copies := max(1, w.accounts)
	if w.hung {
		copies--
	}

	b.fillMailboxes(j, w.fresh > 0)
	cmd, err := c.prepare(j)
	b.s.check(err)
	before := names(cmd.out)
	var r result
	turns := 0
	if proxy != nil {
		turns = proxy.Turns()
	}

	r.usage, r.log = b.execute(j, cmd, copies*len(want.messages)*btoi(w.hung))
	if proxy != nil {
		r.turns = proxy.Turns() - turns
	}
	if j.place != nil {
		b.s.check(j.place.collect())
	}
	if r.checked = len(cmd.out) > 0; r.checked {
		r.tally, err = want.check(cmd.out, before, copies)
		b.s.check(err)
	}
	if r.whole == r.want && (r.Exit == 0 || r.Exit == 1 || w.hung) { // 1 is fetchmail's "no mail"
		r.log = ""
	}

	return r
}

func btoi(yes bool) int {
	if yes {
		return 1
	}
	return 0
}

// execute runs a command and measures it. With enough above 0, the command is ended once that many messages
// have arrived, and its wall time is the time until then.
func (b *bench) execute(j *job, cmd command, enough int) (usage, string) {
	log := filepath.Join(filepath.Dir(j.state), "log")
	p := program{Argv: cmd.argv, Dir: j.dest, Log: log, Limit: runLimit, Env: []string{
		"PATH=/usr/local/bin:/usr/bin:/bin", "HOME=" + j.state, "FETCHMAILHOME=" +
			j.state, "XDG_STATE_HOME=" + j.state, "TMPDIR=" + j.dest,
		"USER=nobody", "LOGNAME=nobody", "LC_ALL=C.UTF-8", "SSL_CERT_FILE=" + b.ca}}

	if os.Geteuid() == 0 {
		p.User = nobody
		b.s.check(own(filepath.Dir(j.state)))
	}

	b.pause(1100 * time.Millisecond) // mbsync sleeps when the Maildir was changed within this second
	run, err := p.start()
	b.s.check(err)
	var wall time.Duration
	if enough > 0 {
		b.until(hungLimit, func() bool { return run.ended() || count(cmd.out) >= enough })
		wall = time.Since(run.start)
		run.stop()
	}

	u, err := run.wait()
	b.s.check(err)
	if enough > 0 {
		u.Wall = wall
	}

	text, _ := os.ReadFile(log)
	return u, strings.TrimSpace(string(text[max(0, len(text)-800):]))
}

// own makes nobody the owner of a folder and everything in it.
func own(dir string) error {
	return filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, nobody, nobody)
	})
}

// pause waits for d, or until the program has to end.
func (b *bench) pause(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-b.s.ctx.Done():
	}
}

// until waits until ok returns true, but no longer than limit.
func (b *bench) until(limit time.Duration, ok func() bool) {
	for end := time.Now().Add(limit); !ok() && time.Now().Before(end) && b.s.ctx.Err() == nil; {
		b.pause(10 * time.Millisecond)
	}
}
