package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"fetchd/cmd/fetchd/internal/exit"

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
	p := &program{stdin: tty, stderr: io.Discard, signals: newSignals()}
	go func() {
		for echoes(tty) { // until the question is asked
			runtime.Gosched()
		}
		p.signals.end <- unix.SIGINT
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
	p := &program{stdin: tty, stderr: io.Discard, signals: newSignals()}
	if text, err := p.prompt("Enter password: "); text != "sesame" || err != nil {
		t.Errorf("%q, %v", text, err)
	}
}

// TestConvertOnATerminal: passwords are shown there only when they are asked for.
func TestConvertOnATerminal(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, text string
		args       []string
		want       exit.Status
		shown      string // at the terminal's other end; "" = nothing
	}{
		{"a password", "poll h proto imap user ann password sesame", nil, exit.Syntax, ""},
		{"a pass phrase", "poll h proto imap user ann sslcert c sslkeypass sesame", nil, exit.Syntax, ""},
		{"in defaults", "defaults user ann password sesame", nil, exit.Syntax, ""},
		{"asked for", "poll h proto imap user ann password sesame",
			[]string{"--show-secrets"}, exit.Mail, "sesame"},
		{"into a file", "poll h proto imap user ann password sesame",
			[]string{"--output", filepath.Join(t.TempDir(), "new")}, exit.Mail, ""},
		{"none", "poll h proto imap user ann passwordfile sesame", nil, exit.Mail, "passwordfile"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			master, tty := openTerminal(t)
			defer master.Close()
			dir := t.TempDir()
			rc := filepath.Join(dir, "rc")
			if err := os.WriteFile(rc, []byte(tt.text), 0o600); err != nil {
				t.Fatal(err)
			}

			var problems strings.Builder
			env := func(name string) string { return map[string]string{"HOME": dir}[name] }
			p := &program{name: "fetchd", stdout: tty, stderr: &problems, env: env}
			p.args = append([]string{"convert", rc}, tt.args...)
			if st := p.run(t.Context()); st != tt.want {
				t.Errorf("status %d: %s", st, problems.String())
			}
			if _, err := tty.WriteString("end"); err != nil {
				t.Fatal(err)
			}

			shown := untilEnd(t, master)
			if tt.shown == "" && shown != "end" || !strings.Contains(shown, tt.shown) {
				t.Errorf("the terminal shows %q", shown)
			}
			if tt.want != exit.Mail && !strings.Contains(problems.String(), "--show-secrets") {
				t.Errorf("said: %s", problems.String())
			}
		})
	}
}

// untilEnd reads what the terminal shows up to "end".
func untilEnd(t *testing.T, master io.Reader) string {
	t.Helper()
	var text []byte
	buf := make([]byte, 4096)
	for !strings.HasSuffix(string(text), "end") {
		n, err := master.Read(buf)
		if err != nil {
			t.Fatal(err)
		}
		text = append(text, buf[:n]...)
	}
	return string(text)
}
