package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// daemon is a fetchd that runs.
type daemon struct {
	b       *bench
	cmd     *exec.Cmd
	maildir string
	log     string
}

// daemon starts one with its files in a folder in place, and n accounts, each of which entry writes into the
// rc file.
func (b *bench) daemon(
	place string, interval, n int, entry func(rc *strings.Builder, maildir string, i int),
) *daemon {
	dir := b.s.folder(place)
	d := &daemon{b: b, maildir: filepath.Join(dir, "Maildir"), log: filepath.Join(dir, "log")}
	var rc strings.Builder
	rc.WriteString("set postmaster nobody\n")
	for i := range n {
		entry(&rc, d.maildir, i)
	}
	path := filepath.Join(dir, "rc")
	b.s.check(os.WriteFile(path, []byte(rc.String()), 0o600))
	log, err := os.Create(d.log)
	b.s.check(err)
	defer log.Close()

	d.cmd = exec.Command(b.fetchd, "--daemon", strconv.Itoa(interval), "--nodetach", "-f", path)
	d.cmd.Dir, d.cmd.Stdout, d.cmd.Stderr = dir, log, log
	d.cmd.Env = []string{"PATH=/usr/bin:/bin", "HOME=" + dir, "FETCHMAILHOME=" + dir, "USER=nobody",
		"LOGNAME=nobody"}
	if os.Geteuid() == 0 {
		d.cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
		b.s.check(own(dir))
	}
	b.s.check(d.cmd.Start())
	return d
}

func (d *daemon) end() {
	_ = d.cmd.Process.Signal(syscall.SIGTERM)
	if err := d.cmd.Wait(); err != nil {
		text, _ := os.ReadFile(d.log)
		d.b.s.Errorf("fetchd: %v: %s", err, text[max(0, len(text)-1000):])
	}
}

// delivered is how many messages are in the Maildir.
func (d *daemon) delivered() int {
	names, _ := os.ReadDir(filepath.Join(d.maildir, "new"))
	return len(names)
}

// figures are what a process has used so far, but for rss, which is what it holds.
type figures struct {
	rss, written int64
	cpu          time.Duration
	lines        int
}

// minus is what was used since g.
func (f figures) minus(g figures) figures {
	return figures{f.rss, f.written - g.written, f.cpu - g.cpu, f.lines - g.lines}
}

// figures reads them from outside the process.
func (d *daemon) figures() figures {
	proc := fmt.Sprintf("/proc/%d/", d.cmd.Process.Pid)
	text, err := os.ReadFile(d.log)
	d.b.s.check(err)
	stat, err := os.ReadFile(proc + "stat")
	d.b.s.check(err)
	// The program's name may hold anything; what follows is numbers.
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	ticks := number(fields[11]) + number(fields[12]) // user and system, in hundredths of a second
	return figures{
		rss: d.read(proc+"status", "VmRSS:") << 10, written: d.read(proc+"io", "write_bytes:"),
		cpu: time.Duration(ticks) * 10 * time.Millisecond, lines: bytes.Count(text, []byte("\n")),
	}
}

// read is the number behind a word in a file.
func (d *daemon) read(file, word string) int64 {
	text, err := os.ReadFile(file)
	d.b.s.check(err)
	_, rest, _ := strings.Cut(string(text), word)
	return number(strings.Fields(rest)[0])
}

func number(text string) int64 {
	n, _ := strconv.ParseInt(text, 10, 64)
	return n
}
