package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"syscall"
	"time"
)

// runShell runs a command of the rc file in a shell, and keeps what it prints in out and problems, which may be the same.
// After most it is killed with all that it started; what it leaves running in the background is not waited for.
func runShell(ctx context.Context, command string, most time.Duration, out, problems *bounded) error {
	timed, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	cmd := exec.CommandContext(timed, "/bin/sh", "-c", command)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second
	cmd.Stdout, cmd.Stderr = out, problems
	err := cmd.Run()
	switch {
	case err == nil || errors.Is(err, exec.ErrWaitDelay): // the latter: something in the background has our pipe
		return nil
	case errors.Is(timed.Err(), context.DeadlineExceeded) && ctx.Err() == nil:
		return fmt.Errorf("it did not end within %v", most)
	}
	return err
}

// bounded keeps the first limit bytes of what is written to it.
type bounded struct {
	buf   bytes.Buffer
	limit int
}

func (b *bounded) Write(p []byte) (int, error) {
	b.buf.Write(p[:min(len(p), b.limit-b.buf.Len())])
	return len(p), nil
}
