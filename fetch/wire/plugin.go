package wire

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"

	"fetchd/fetch/pattern"
	"fetchd/tlsverify/hints"
)

// pluginGrace is how long a plugin may take to end after its input was closed.
const pluginGrace = 3 * time.Second

// pluginWord is a word of a plugin's command line.
var pluginWord = pattern.New(`\S+`)

// hostText is a host name or an IP address, perhaps with a zone. Such a word is never taken for an option,
// and means nothing special to the shell.
var hostText = pattern.New(`^[0-9A-Za-z_:][0-9A-Za-z_.:%-]*$`)

// pluginConn is one end of a socket pair whose other end is a command's standard input and output.
type pluginConn struct {
	net.Conn
	cmd     *exec.Cmd
	command string
	said    head // on its standard error

	brought atomic.Bool // something came by it

	exited chan struct{} // closed when it has ended
	err    error         // how; to be read once exited is closed
}

// PluginCommand returns what the shell runs for command: %h and %p stand for host and port where they are
// words of their own, as in fetchmail. It is an error if %h is used and the host has characters that no
// name or address has.
func PluginCommand(command, host string, port int) (string, error) {
	var err error
	command = pluginWord().ReplaceAllStringFunc(command, func(word string) string {
		switch {
		case word == "%p":
			return strconv.Itoa(port)
		case word != "%h":
			return word
		// Refused instead of quoted: the command may have the word within quotes of its own.
		case !hostText().MatchString(host):
			err = hints.Errorf("name the server by its host name or IP address",
				"plugin: host %.200q would mean something to the shell", host)
		}
		return host
	})
	return command, err
}

// dialPlugin runs command through the shell.
func dialPlugin(command, host string, port int) (net.Conn, error) {
	command, err := PluginCommand(command, host, port)
	if err != nil {
		return nil, err
	}

	fds, err := socketPair()
	if err != nil {
		return nil, fmt.Errorf("plugin: %w", err)
	}

	ours, theirs := os.NewFile(uintptr(fds[0]), "plugin"), os.NewFile(uintptr(fds[1]), "plugin")
	defer theirs.Close() // else the end of the plugin's output would never be seen
	conn, err := net.FileConn(ours)
	_ = ours.Close() // conn has a copy
	if err != nil {
		return nil, fmt.Errorf("plugin: %w", err)
	}

	cmd := exec.Command("/bin/sh", "-c", command)
	p := &pluginConn{Conn: conn, cmd: cmd, command: command, exited: make(chan struct{})}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = theirs, theirs, &p.said
	// A session of its own, so that what the shell started is killed with it. Without a terminal ssh fails,
	// where it would be stopped when it asks for a pass phrase.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	cmd.WaitDelay = pluginGrace // what it leaves running in the background may have its standard error
	if err := cmd.Start(); err != nil {
		_ = conn.Close()
		return nil, fmt.Errorf("plugin %q: %w", command, err)
	}

	go func() {
		defer close(p.exited)
		// That something of it still runs in the background is no failure of its own.
		if err := cmd.Wait(); !errors.Is(err, exec.ErrWaitDelay) {
			p.err = err
		}
	}()

	return p, nil
}

// socketPair makes two sockets that no other command inherits, not even one that is started at this moment:
// if it kept our end open, the plugin would never see the end of its input.
func socketPair() ([2]int, error) {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err == nil {
		syscall.CloseOnExec(fds[0])
		syscall.CloseOnExec(fds[1])
	}
	return fds, err
}

// Close closes the connection and waits for the plugin, which is killed with its children if it does not
// end in time.
func (p *pluginConn) Close() error {
	// The end of its input asks a plugin to end by itself: ssh then ends the session in order.
	err := p.Conn.Close()
	// Closed before: another Close has waited or is waiting.
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
