package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// program is what to run.
type program struct {
	Argv  []string
	Env   []string
	Dir   string
	Log   string // file for its output
	User  int    // uid and gid; 0 = ours
	Limit time.Duration
}

// usage is what a program and the processes that it waited for have used.
type usage struct {
	Wall, CPU time.Duration
	RSS       int64 // bytes, of the largest single process
	Exit      int
}

// running is a program that was started.
type running struct {
	cmd   *exec.Cmd
	hold  io.Closer
	start time.Time
	done  chan struct{} // closed when what follows is known
	usage usage
	err   error
}

// start runs p through a small process of our own: a program's largest size is at least that of the process
// that starts it.
func (p program) start() (*running, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}

	cmd := exec.Command(self, "launch")
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}

	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}

	r := &running{cmd: cmd, hold: in, start: time.Now(), done: make(chan struct{})}
	go func() {
		defer close(r.done)
		r.err = json.NewDecoder(out).Decode(&r.usage)
		_ = in.Close()
		if err := cmd.Wait(); err != nil {
			r.err = fmt.Errorf("launch: %w", err)
		}
	}()

	return r, json.NewEncoder(in).Encode(p)
}

// stop ends the program early.
func (r *running) stop() { _ = r.hold.Close() }

// ended tells whether the program has ended.
func (r *running) ended() bool {
	select {
	case <-r.done:
		return true
	default:
		return false
	}
}

// wait returns when the program has ended.
func (r *running) wait() (usage, error) {
	<-r.done
	return r.usage, r.err
}

// launch is the small process: it reads a program from in, runs it until it ends, in is closed or time is up,
// and writes its usage to out.
func launch(in io.Reader, out io.Writer) int {
	runtime.GOMAXPROCS(1)
	signal.Ignore(os.Interrupt) // the bench ends us
	r := bufio.NewReader(in)
	line, err := r.ReadBytes('\n')
	var p program
	if err == nil {
		err = json.Unmarshal(line, &p)
	}

	var u usage
	if err == nil {
		u, err = p.measure(r)
	}
	if err == nil {
		err = json.NewEncoder(out).Encode(u)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "bench: %v\n", err)
		return 1
	}

	return 0
}

func (p program) measure(hold io.Reader) (u usage, err error) {
	log, err := os.Create(p.Log)
	if err != nil {
		return u, err
	}
	defer log.Close()

	cmd := exec.Command(p.Argv[0], p.Argv[1:]...)
	cmd.Env, cmd.Dir, cmd.Stdout, cmd.Stderr = p.Env, p.Dir, log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if p.User != 0 {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(p.User), Gid: uint32(p.User)}
	}

	start := time.Now()
	if err := cmd.Start(); err != nil {
		return u, err
	}

	kill := func() { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	timer := time.AfterFunc(p.Limit, kill)
	defer timer.Stop()
	go func() {
		_, _ = io.Copy(io.Discard, hold)
		kill()
	}()

	_ = cmd.Wait() // its exit status is in ProcessState
	u.Wall = time.Since(start)
	u.CPU = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	u.Exit = cmd.ProcessState.ExitCode()
	if r, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		u.RSS = int64(r.Maxrss)
		if !strings.HasPrefix(runtime.GOOS, "darwin") {
			u.RSS <<= 10
		}
	}

	return u, nil
}

// spawn runs a command through the shell again and again with the same input: the least that piping to an
// agent can cost. Its arguments are the number of runs, the file with the input, and the command.
func spawn(args []string) int {
	var n int
	_, err := fmt.Sscan(args[0], &n)
	var text []byte
	if err == nil {
		text, err = os.ReadFile(args[1])
	}

	for i := 0; i < n && err == nil; i++ {
		err = spawnOne(args[2], text)
	}

	if err != nil {
		fmt.Fprintf(os.Stderr, "bench: spawn: %v\n", err)
		return 1
	}

	return 0
}

func spawnOne(command string, text []byte) error {
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	defer w.Close()

	p, err := os.StartProcess("/bin/sh", []string{"sh", "-c", command},
		&os.ProcAttr{Files: []*os.File{r, os.Stdout, os.Stderr}, Env: os.Environ()})
	_ = r.Close()
	if err != nil {
		return err
	}
	if _, err := w.Write(text); err != nil {
		return err
	}

	_ = w.Close()
	state, err := p.Wait()
	if err == nil && !state.Success() {
		err = fmt.Errorf("%v", state)
	}

	return err
}
