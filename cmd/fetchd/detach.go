package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"sync/atomic"
	"syscall"

	"fetchd/cmd/fetchd/internal/exit"
	"fetchd/tlsverify/hints"
)

// detachedVariable marks the process that detach starts. That process gets its starter's streams and two
// pipes as the descriptors below; its own standard streams are /dev/null.
const detachedVariable = "FETCHD_DETACHED"

const (
	detachedOut = 3 + iota
	detachedErr
	detachedReady   // one byte is written to it when the daemon runs
	detachedSecrets // JSON: the passwords that the user typed
)

// maxHandover bounds what a daemon reads from its starter.
const maxHandover = 16 << 20

// detached connects a daemon to the process that started it. It is nil in all other processes.
type detached struct {
	out, err starterStream
	waiting  *os.File    // the starter's end of it waits for one byte
	isReady  atomic.Bool // ready was called
}

// starting tells whether the starter still waits and shows our errors.
func (d *detached) starting() bool { return d != nil && !d.isReady.Load() }

// detach starts the program once more as a daemon in a session of its own, waits until the daemon runs or has
// failed, and returns its status. Until then the daemon writes to our output, so that the user sees errors at
// the start.
func (p *program) detach() exit.Status {
	self, err := os.Executable()
	if err != nil {
		return p.fail(exit.Internal, err)
	}

	// Started as a new process and not forked: a Go process has threads, which a fork would not copy.
	readyOut, readyIn, err1 := os.Pipe()
	secretsOut, secretsIn, err2 := os.Pipe()
	if err := errors.Join(err1, err2); err != nil {
		return p.fail(exit.Internal, err)
	}

	cmd := exec.Command(self, p.args...)
	// The name decides whether there are subcommands, and os.Executable may be the target of a link.
	cmd.Args[0] = p.name
	cmd.Env = append(os.Environ(), detachedVariable+"=1")
	// nil, if the rc file is a file: then standard input is /dev/null.
	cmd.Stdin = p.rctext
	cmd.ExtraFiles = []*os.File{os.Stdout, os.Stderr, readyIn, secretsOut}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	err = cmd.Start()

	// The daemon must hold the only copies: otherwise the read below would not end when the daemon does.
	readyIn.Close()
	secretsOut.Close()
	if err != nil {
		return p.fail(exit.Internal, fmt.Errorf("start the daemon: %w", err))
	}

	// By a pipe and not in the environment, where ps and /proc would show them.
	err = json.NewEncoder(secretsIn).Encode(p.collected)
	secretsIn.Close()
	// Without a byte the pipe ends when the daemon does, and its status says why.
	if n, _ := readyOut.Read(make([]byte, 1)); n == 1 && err == nil {
		return exit.Mail
	}

	var ended *exec.ExitError
	if err := cmd.Wait(); errors.As(err, &ended) && ended.ExitCode() >= 0 {
		return exit.Status(ended.ExitCode())
	}

	return p.fail(exit.Internal, errors.New("the daemon ended while it started"))
}

// adopt makes p the daemon if detach has started this process.
func (p *program) adopt() error {
	if p.env(detachedVariable) == "" {
		return nil
	}
	// Not for our children: an agent may be a fetchd too.
	if err := os.Unsetenv(detachedVariable); err != nil {
		return err
	}

	var files []*os.File
	for _, fd := range []int{detachedOut, detachedErr, detachedReady, detachedSecrets} {
		syscall.CloseOnExec(fd) // agents and hooks must not inherit them
		files = append(files, os.NewFile(uintptr(fd), "starter"))
	}

	d := &detached{waiting: files[2]}
	d.out.file, d.err.file = files[0], files[1]
	p.stdout, p.stderr = &d.out, &d.err
	secrets := files[3]
	defer secrets.Close()
	if err := json.NewDecoder(io.LimitReader(secrets, maxHandover)).Decode(&p.collected); err != nil {
		return hints.Errorf("unset it", "%s is set, but not by this program", detachedVariable)
	}

	p.detached = d
	return nil
}

// ready tells the starter that the daemon runs, and closes the starter's streams.
func (d *detached) ready() error {
	if d == nil || d.isReady.Swap(true) {
		return nil
	}
	// The streams first: what is said from here on must not follow the prompt of the starter's shell.
	err := errors.Join(d.out.Close(), d.err.Close())
	_, werr := d.waiting.Write([]byte{1})
	return errors.Join(err, werr, d.waiting.Close())
}

// starterStream is an output of the starter. What is written after Close is discarded.
type starterStream struct {
	mu   sync.Mutex
	file *os.File // nil = closed
}

func (s *starterStream) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.file == nil {
		return len(p), nil
	}
	return s.file.Write(p)
}

func (s *starterStream) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.file
	s.file = nil
	return f.Close()
}
