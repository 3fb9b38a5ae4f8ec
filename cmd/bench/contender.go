package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// The protocols, in the words of the programs' own configurations.
const (
	imaps = "imaps"
	pop3s = "pop3s"
)

// login is an account that a contender retrieves from.
type login struct {
	name string
	port int
	user string
}

// job is what a contender has to do.
type job struct {
	w        workload
	accounts []login
	password string
	ca       string // file with the trusted certificate; the server is localhost
	state    string // its own folder, from earlier runs where the workload has these
	dest     string // where messages go
	fetchd   string // the binary
	self     string // this binary
	messages [][]byte
	place    *place // nil = a Maildir, or the agents
}

// command is how a contender does its job, and where the messages will be.
type command struct {
	argv []string
	out  []output
}

// contender is a program to compare.
type contender struct {
	name     string
	binary   string // what must be installed; "" = nothing
	proto    string // "" = both
	agents   bool   // takes part in the workload with agents
	places   string // kinds of places that it can deliver to, beside Maildirs and agents
	only     bool   // takes part in no others than these
	keepDest bool   // its record refers to what is in the Maildir
	raw      bool   // keeps no record of what is old
	prepare  func(j *job) (command, error)
}

func contenders() []contender {
	return []contender{
		{name: "limit", agents: true, places: allPlaces, raw: true, prepare: limitCommand},
		{name: "write", places: allPlaces, only: true, raw: true, prepare: writeCommand},
		{name: "spawn", agents: true, only: true, raw: true, prepare: spawnCommand},
		{name: "fetchd", agents: true, places: allPlaces, prepare: fetchdCommand(1)},
		{name: "fetchd-4", agents: true, only: true, prepare: fetchdCommand(4)},
		{name: "mbsync", binary: "mbsync", proto: imaps, keepDest: true, prepare: mbsyncCommand},
		{name: "mpop", binary: "mpop", proto: pop3s, agents: true, prepare: mpopCommand},
		{name: "fdm", binary: "fdm", agents: true, places: toMbox, prepare: fdmCommand},
		{name: "fetchmail", binary: "fetchmail", agents: true, places: toSMTP + toLMTP + toDovecot,
			prepare: fetchmailCommand},
	}
}

func contenderNames() []string {
	var names []string
	for _, c := range contenders() {
		names = append(names, c.name)
	}
	return names
}

// installed tells whether the program is installed.
func (c contender) installed() bool {
	_, err := exec.LookPath(c.binary)
	return c.binary == "" || err == nil
}

// takesPart tells whether the contender can do w.
func (c contender) takesPart(w workload) bool {
	switch {
	case c.proto != "" && c.proto != w.proto, w.agents && !c.agents, !strings.Contains(c.places, w.to),
		c.only && !w.agents && w.to == "":
		return false
	case w.primed && w.fresh == 0:
		return !c.raw
	}
	return true
}

func (j *job) maildir(name string) string { return filepath.Join(j.dest, name) }

// agent is the command that messages are piped to, each into a file of its own.
func (j *job) agent() string { return fmt.Sprintf("cat >%s/$$", j.dest) }

// write creates a file that only its owner can read, and returns its path.
func (j *job) write(name, text string) (string, error) {
	path := filepath.Join(j.state, name)
	return path, os.WriteFile(path, []byte(text), 0o600)
}

// one is the command of a program that delivers into a single Maildir, or pipes.
func (j *job) one(argv ...string) command {
	out := output{maildir, j.maildir("Maildir")}
	switch {
	case j.w.agents:
		out = output{files, j.dest}
	case j.place != nil:
		out = j.place.out
	}
	return command{argv, []output{out}}
}

func limitCommand(j *job) (command, error) {
	out := output{joined, filepath.Join(j.dest, "out")}
	argv := []string{j.self, "limit", "-proto", j.w.proto, "-ca", j.ca, "-password", j.password, "-out",
		out.path, "-fresh", fmt.Sprint(j.w.fresh)}
	if j.place != nil {
		out, argv = j.place.out, append(argv, j.place.arguments()...)
	}
	for _, a := range j.accounts {
		argv = append(argv, fmt.Sprintf("127.0.0.1:%d,%s", a.port, a.user))
	}
	return command{argv, []output{out}}, nil
}

func spawnCommand(j *job) (command, error) {
	text := "X-Bench-Id: none\n\n" + strings.Repeat(strings.Repeat("x", 71)+"\n", 56)
	path, err := j.write("message", text)
	return command{[]string{j.self, "spawn", fmt.Sprint(j.w.count), path, j.agent()}, nil}, err
}

func fetchdCommand(jobs int) func(*job) (command, error) {
	return func(j *job) (command, error) {
		deliver := fmt.Sprintf("maildir %q", j.maildir("Maildir"))
		switch {
		case j.w.agents:
			deliver = fmt.Sprintf("mda %q mdajobs %d", j.agent(), jobs)
		case j.place != nil:
			deliver = j.place.words()
		}
		path, err := j.write("rc", j.rc("fetchd", deliver))
		return j.one(j.fetchd, "-s", "--nodetach", "-f", path), err
	}
}

// rc is fetchmail's configuration, which fetchd reads too.
func (j *job) rc(program, deliver string) string {
	var b strings.Builder
	b.WriteString("set postmaster \"nobody\"\n")
	proto, uidl := "imap", ""
	if j.w.proto == pop3s {
		proto = "pop3"
		if program == "fetchmail" {
			uidl = "uidl"
		}
	}

	for _, a := range j.accounts {
		fmt.Fprintf(&b, `poll %s via 127.0.0.1 with protocol %s service %d timeout 60 auth password %s
  user %q there with password %q is %q here
  options keep ssl sslcertck sslcertfile %q sslcommonname "localhost" %s
`, a.name, proto, a.port, uidl, a.user, j.password, j.recipient(), j.ca, deliver)
	}

	return b.String()
}
