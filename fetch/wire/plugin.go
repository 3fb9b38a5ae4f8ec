package wire

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// pluginGrace is how long a plugin may take to end after its input was closed.
const pluginGrace = 3 * time.Second

// pluginConn is one end of a socket pair whose other end is a command's standard input and output.
type pluginConn struct {
	net.Conn
	cmd    *exec.Cmd
	exited chan error
}

// dialPlugin runs command through the shell. %h and %p stand for host and port where they are words of their own, as
// in fetchmail; both are put in quoted.
func dialPlugin(command, host string, port int) (net.Conn, error) {
	words := strings.Fields(command)
	for i, w := range words {
		switch w {
		case "%h":
			words[i] = shellQuote(host)
		case "%p":
			words[i] = strconv.Itoa(port)
		}
	}
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err != nil {
		return nil, fmt.Errorf("plugin: %w", err)
	}
	for _, fd := range fds {
		syscall.CloseOnExec(fd)
	}
	ours, theirs := os.NewFile(uintptr(fds[0]), "plugin"), os.NewFile(uintptr(fds[1]), "plugin")
	defer theirs.Close()
	conn, err := net.FileConn(ours)
	_ = ours.Close()
	if err != nil {
		return nil, fmt.Errorf("plugin: %w", err)
	}
	cmd := exec.Command("/bin/sh", "-c", strings.Join(words, " "))
	cmd.Stdin, cmd.Stdout, cmd.Stderr = theirs, theirs, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		_ = conn.Close()
		return nil, fmt.Errorf("plugin %q: %w", command, err)
	}
	p := &pluginConn{Conn: conn, cmd: cmd, exited: make(chan error, 1)}
	go func() { p.exited <- cmd.Wait() }()
	return p, nil
}

// Close closes the connection and waits for the plugin, which is killed with its children when it does not end.
func (p *pluginConn) Close() error {
	err := p.Conn.Close()
	if errors.Is(err, net.ErrClosed) {
		return err
	}
	timer := time.NewTimer(pluginGrace)
	defer timer.Stop()
	select {
	case <-p.exited:
	case <-timer.C:
		_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
		<-p.exited
	}
	return err
}

func shellQuote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
