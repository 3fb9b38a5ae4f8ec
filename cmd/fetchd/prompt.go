package main

import (
	"errors"
	"fmt"
	"os"
	"os/signal"

	"fetchd/cmd/fetchd/internal/account/secret"
	"fetchd/cmd/fetchd/internal/logging"

	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

// prompt asks on the terminal, if standard input is one, and reads the answer without echo. A signal ends it.
func (p *program) prompt(question string) (string, error) {
	if !isTerminal(p.stdin) {
		return "", secret.ErrNoTerminal
	}

	fd := int(p.stdin.(*os.File).Fd())
	signal.Notify(p.signals.end, unix.SIGTERM, unix.SIGINT)
	defer signal.Stop(p.signals.end)
	// Taken before ReadPassword switches the echo off: a signal must not leave the terminal like that.
	before, err := term.GetState(fd)
	if err != nil {
		return "", err
	}

	fmt.Fprint(p.stderr, logging.Escape(question))
	defer fmt.Fprintln(p.stderr)
	read := make(chan typed, 1)
	go func() { // a read from a terminal can't be cancelled; after a signal the process ends anyway
		text, err := term.ReadPassword(fd)
		read <- typed{string(text), err}
	}()

	select {
	case t := <-read:
		return t.text, t.err
	case sig := <-p.signals.end:
		return "", errors.Join(fmt.Errorf("terminated with %s", signalName(sig)), term.Restore(fd, before))
	}
}

// isTerminal tells whether a stream of the program is a terminal.
func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// columns is the width of the terminal that standard output is; 0 = unknown.
func (p *program) columns() int {
	f, ok := p.stdout.(*os.File)
	if !ok {
		return 0
	}
	width, _, err := term.GetSize(int(f.Fd()))
	if err != nil {
		return 0
	}
	return width
}

// typed is the answer to a prompt.
type typed struct {
	text string
	err  error
}
