package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"fetchd/fetch/fetchtest"
)

// job makes a contender's folders and accounts; the accounts have no mailboxes yet. done removes them.
func (b *bench) job(w workload, c contender) (j *job, done func()) {
	base := b.memory
	if w.disk {
		base = b.disk
	}

	root := filepath.Join(base, w.name+"-"+c.name)
	j = &job{w: w, password: b.d.Password, ca: b.ca, fetchd: b.fetchd, self: b.self,
		state: filepath.Join(root, "state"), dest: filepath.Join(root, "dest"),
		messages: b.corpus(w).messages}
	for _, dir := range []string{j.state, j.dest} {
		b.s.check(os.MkdirAll(dir, 0o755))
	}

	for i := range max(1, w.accounts) {
		j.accounts = append(j.accounts, login{name: fmt.Sprintf("a%02d", i), port: b.port(w),
			user: fmt.Sprintf("%s-%s-%02d", w.name, c.name, i)})
	}

	j.makeMaildirs(b.s)
	leave := b.preparePlace(j, c)
	return j, func() {
		leave()
		b.s.check(os.RemoveAll(root))
		for _, a := range j.accounts {
			b.d.Remove(b.s, a.user)
		}
	}
}

// makeMaildirs makes the Maildirs that a program may want: not every program makes its own.
func (j *job) makeMaildirs(s *stage) {
	if j.w.agents || j.w.to != "" {
		return
	}
	all := []string{"Maildir"}
	for _, a := range j.accounts {
		all = append(all, a.name)
	}
	for _, name := range all {
		for _, sub := range []string{"new", "cur", "tmp"} {
			s.check(os.MkdirAll(filepath.Join(j.dest, name, sub), 0o755))
		}
	}
}

func (b *bench) port(w workload) int {
	if w.proto == pop3s {
		return b.d.POP3S
	}
	return b.d.IMAPS
}

// corpus returns the messages that a run of w has to deliver.
func (b *bench) corpus(w workload) *corpus {
	if w.primed {
		return b.make(tiny, "new", w.fresh)
	}
	return b.make(w.kind, "m", w.count)
}

func (b *bench) make(kind, prefix string, n int) *corpus {
	key := fmt.Sprint(kind, prefix, n)
	if b.corpora[key] == nil {
		b.corpora[key] = newCorpus(kind, prefix, n)
	}
	return b.corpora[key]
}

// fillMailboxes gives each account a mailbox with the workload's messages, and the fresh ones.
func (b *bench) fillMailboxes(j *job, fresh bool) {
	for _, a := range j.accounts {
		b.d.Copy(b.s, b.template(j.w, fresh), a.user)
	}
}

// template is a user who has the messages, made once. No contender logs in as this user.
func (b *bench) template(w workload, fresh bool) string {
	name := fmt.Sprintf("template-%s-%d-%v-%v", w.kind, w.count, w.primed, fresh)
	if b.d.Has(name) {
		return name
	}
	if fresh {
		b.d.Copy(b.s, b.template(w, false), name)
		b.d.Append(b.s, name, "INBOX", b.make(tiny, "new", w.fresh).messages)
		return name
	}

	var flags []string
	if w.primed {
		flags = []string{`\Seen`}
	}

	b.d.Append(b.s, name, "INBOX", b.make(w.kind, "m", w.count).messages, flags...)
	return name
}

// prime puts the state that the contender has after a first run into its folders. That run is made once.
func (b *bench) prime(j *job, c contender) {
	root := filepath.Dir(j.state)
	kept := root + "-primed"
	if _, err := os.Stat(kept); err == nil {
		b.s.check(os.RemoveAll(root))
		b.copyTree(kept, root)
		return
	}

	b.fillMailboxes(j, false)
	cmd, err := c.prepare(j)
	b.s.check(err)
	u, log := b.execute(j, cmd, 0)
	fmt.Fprintf(os.Stderr, "%s, first run of %s: %.1f s, CPU %.1f s, exit %d\n", j.w.name, c.name,
		u.Wall.Seconds(), u.CPU.Seconds(), u.Exit)
	if u.Exit > 1 {
		fmt.Fprintln(os.Stderr, log)
	}
	if !c.keepDest {
		b.s.check(os.RemoveAll(j.dest))
		b.s.check(os.Mkdir(j.dest, 0o755))
		j.makeMaildirs(b.s)
	}

	b.copyTree(root, kept)
	b.s.Cleanup(func() { _ = os.RemoveAll(kept) })
}

// copyTree copies a folder with owners and times.
func (b *bench) copyTree(from, to string) {
	if out, err := exec.CommandContext(b.s.ctx, "cp", "-Rp", from, to).CombinedOutput(); err != nil {
		b.s.Fatalf("cp: %v: %s", err, out)
	}
}

// way is how the programs reach the server in a workload. It is the same in all runs, since some programs
// identify an account by its port.
type way struct {
	server, dead *fetchtest.Proxy
}

// route makes the accounts use the workload's way. It returns the proxy to the server, nil on loopback.
func (b *bench) route(j *job) *fetchtest.Proxy {
	if j.w.rtt == 0 {
		return nil
	}

	key := fmt.Sprint(j.w.name, j.w.rtt)
	if b.ways[key].server == nil {
		target := fmt.Sprintf("127.0.0.1:%d", b.port(j.w))
		b.ways[key] = way{fetchtest.Delay(b.s, target, j.w.rtt), fetchtest.Delay(b.s, target, j.w.rtt)}
		b.ways[key].dead.Hang(true)
	}

	for i := range j.accounts {
		j.accounts[i].port = b.ways[key].server.Port
	}

	if j.w.hung {
		j.accounts[len(j.accounts)/2].port = b.ways[key].dead.Port
	}

	return b.ways[key].server
}
