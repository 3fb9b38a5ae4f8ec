package main

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// openTerminal returns the two ends of a pseudo-terminal.
func openTerminal(t *testing.T) (master, tty *os.File) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skip(err)
	}
	n, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	tty, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tty.Close() })
	return master, tty
}

func echoes(tty *os.File) bool {
	mode, err := unix.IoctlGetTermios(int(tty.Fd()), unix.TCGETS)
	return err == nil && mode.Lflag&unix.ECHO != 0
}

// Ctrl-C ends the question for a password, and gives the terminal its echo back.
func TestPromptIsInterrupted(t *testing.T) {
	t.Parallel()
	master, tty := openTerminal(t)
	p := &program{stdin: tty, stderr: io.Discard, signals: make(chan os.Signal, 1)}
	go func() {
		for echoes(tty) { // until the question is asked
			runtime.Gosched()
		}
		p.signals <- unix.SIGINT
	}()
	text, err := p.prompt("Enter password: ")
	if text != "" || err == nil || !strings.Contains(err.Error(), "signal 2") {
		t.Errorf("%q, %v", text, err)
	}
	if !echoes(tty) {
		t.Error("the terminal does not echo")
	}
	master.Close() // ends the read
}

func TestPrompt(t *testing.T) {
	t.Parallel()
	master, tty := openTerminal(t)
	defer master.Close()
	if _, err := master.WriteString("sesame\n"); err != nil {
		t.Fatal(err)
	}
	p := &program{stdin: tty, stderr: io.Discard, signals: make(chan os.Signal, 1)}
	if text, err := p.prompt("Enter password: "); text != "sesame" || err != nil {
		t.Errorf("%q, %v", text, err)
	}
}
