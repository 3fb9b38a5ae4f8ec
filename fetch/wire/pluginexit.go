package wire

import (
	"cmp"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"sync"
	"time"

	"fetchd/tlsverify/hints"
)

// pluginOutput is how much of what a plugin says of itself is kept for an error.
const pluginOutput = 400

// PluginError says that a plugin ended, and the connection with it.
type PluginError struct {
	Command string
	Err     error  // how it ended
	Said    string // the beginning of what it wrote to its standard error
}

func (e *PluginError) Error() string {
	text := fmt.Sprintf("plugin %.200q: %v", e.Command, e.Err)
	if e.Said != "" {
		text += fmt.Sprintf("; it said %q", e.Said)
	}
	return hints.Text(text, e.Hint())
}

// Hint is the user's next step.
func (e *PluginError) Hint() string {
	const notFound = 127 // the shell's word for it
	if exit, ok := errors.AsType[*exec.ExitError](e.Err); ok && exit.ExitCode() == notFound {
		return "install the command, or write its full path"
	}
	return "try the command by hand"
}

// Unwrap returns Err.
func (e *PluginError) Unwrap() error { return e.Err }

// Read is a read from the plugin's output. An end that comes with an exit status is told as what it is.
func (p *pluginConn) Read(b []byte) (int, error) {
	n, err := p.Conn.Read(b)
	if n > 0 {
		p.brought.Store(true)
	}
	// Bytes come first: what the server said last may be the better explanation.
	if n == 0 && HasEnded(err) {
		err = p.explain(err)
	}
	return n, err
}

// Write is a write to the plugin's input; its error is explained as Read's.
func (p *pluginConn) Write(b []byte) (int, error) {
	n, err := p.Conn.Write(b)
	if HasEnded(err) {
		err = p.explain(err)
	}
	return n, err
}

// errEnded is how a plugin ended that has not failed.
var errEnded = errors.New("it ended, with exit status 0")

// explain turns the end of the connection into the plugin's, if that failed. It ends its output before it
// is gone.
func (p *pluginConn) explain(err error) error {
	// The end of the output is often seen before the end of the process, whose status says more than "EOF".
	timer := time.NewTimer(pluginGrace)
	defer timer.Stop()
	select {
	case <-p.exited:
	case <-timer.C:
		return err
	}

	said := p.said.text()
	if p.err == nil && p.brought.Load() && said == "" { // it has done its work
		return err
	}
	return &PluginError{Command: p.command, Err: cmp.Or(p.err, errEnded), Said: said}
}

// head keeps the beginning of what is written to it; the rest counts as written.
type head struct {
	mu   sync.Mutex
	kept []byte
}

func (h *head) Write(b []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.kept = append(h.kept, b[:min(len(b), pluginOutput-len(h.kept))]...)
	return len(b), nil
}

func (h *head) text() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return strings.TrimSpace(string(h.kept))
}
