package delivery

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestMDAStatus(t *testing.T) {
	t.Parallel()
	script := filepath.Join(t.TempDir(), "noshebang")
	if err := os.WriteFile(script, []byte("exit 0\n"), 0o700); err != nil {
		t.Fatal(err)
	}

	large := strings.Repeat("0123456789abcde\n", SpoolMemory/4)
	for _, tt := range []struct {
		name, command string
		class         Class
		says          string // "" = delivered
	}{
		{"success", "true", 0, ""},
		{"stdin not read", "exec 0<&-; exit 0", 0, ""},
		{"script without #!", script, 0, ""},
		{"shell script text", "cat >/dev/null && exit 0", 0, ""},
		{"EX_TEMPFAIL", "exit 75", Temporary, "exit status 75"},
		{"any", "exit 1", Temporary, "exit status 1"},
		{"direct", "/bin/false", Temporary, "exit status 1"},
		{"EX_USAGE", "exit 64", Temporary, "exit status 64"},
		{"EX_DATAERR", "exit 65", Permanent, "refuses this message"},
		{"EX_NOUSER", "exit 67", Permanent, "refuses this message"},
		{"EX_NOHOST", "exit 68", Permanent, "refuses this message"},
		{"EX_CANTCREAT", "exit 73", Temporary, "exit status 73"},
		{"EX_NOPERM", "exit 77", Permanent, "refuses this message"},
		{"no such command", "no-such-agent -d %T", Unusable, "full path"},
		{"no such path", "/no/such/agent -d %T", Unusable, "full path"},
		{"not executable", "/etc/passwd -d %T", Unusable, "permissions"},
		{"a directory", "/tmp", Unusable, "permissions"},
		{"signal", "kill -9 $$", Temporary, "signal 9"},
		{"syntax error", "if", Temporary, "exit status 2"},
		{"what it said", "echo no such user; echo $(printf '\\033') >&2; exit 67", Permanent,
			`said "no such user`},
		{"much output, success", "head -c 3000000 /dev/zero; exit 0", 0, ""},
		{"much output, failure", "yes | head -c 3000000; exit 3", Temporary, `said "y\ny\n`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			a := newMDA(t, MDAOptions{Command: tt.command})
			for _, body := range []string{"x\n", large} {
				err := a.Deliver(context.Background(), mailFrom(t, "1", body))
				if tt.says == "" {
					if err != nil {
						t.Errorf("not delivered: %v", err)
					}
					continue
				}

				if later := tt.name == "EX_TEMPFAIL"; IsLater(err) != later {
					t.Errorf("called later %v, want %v", !later, later)
				}
				if ClassOf(err) != tt.class ||
					!strings.Contains(fmt.Sprint(err), tt.says) || len(fmt.Sprint(err)) > 1200 {
					t.Errorf("class %d, %v", ClassOf(err), err)
				}
			}
		})
	}
}

// An agent that can't even be started has delivered nothing, and the error says whose fault that is.
func TestMDACannotStart(t *testing.T) {
	t.Parallel()
	missing := filepath.Join(t.TempDir(), "missing")
	many := slices.Repeat([]string{strings.Repeat("x", 1000)}, 10_000)

	for _, tt := range []struct {
		name       string
		options    MDAOptions
		recipients []string
		class      Class
		says       string
	}{
		{"no directory", MDAOptions{Command: "/bin/true", Dir: missing}, nil, Unusable,
			"a working directory that the agent may enter"},
		{"no directory for the shell", MDAOptions{Command: "exit 0", Dir: missing}, nil, Unusable,
			"no such file or directory"},
		{"a file as directory", MDAOptions{Command: "exit 0", Dir: "/dev/null"}, nil, Unusable,
			"not a directory"},
		{"too many recipients", MDAOptions{Command: "/bin/true %T"}, many, Permanent, "too many recipients"},
		{"too many for the shell", MDAOptions{Command: "true; true %T"}, many, Permanent,
			"too many recipients"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			m := mailFrom(t, "1", "x")
			m.Recipients = append(m.Recipients, tt.recipients...)
			err := newMDA(t, tt.options).Deliver(context.Background(), m)
			var agent *AgentError
			if !errors.As(err, &agent) || agent.Status != -1 ||
				ClassOf(err) != tt.class || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("class %d, %.500v; want %d, %q", ClassOf(err), err, tt.class, tt.says)
			}
		})
	}
}

// Not all the world's directories are open to the user whom root runs the agent as.
func TestMDACannotStartAsUser(t *testing.T) {
	t.Parallel()
	a := newMDA(t, MDAOptions{Command: "exit 0", Dir: t.TempDir()})
	a.cred = &syscall.Credential{Uid: 65534, Gid: 65534}
	err := a.Deliver(context.Background(), mailFrom(t, "1", "x"))
	if ClassOf(err) != Unusable || !strings.Contains(fmt.Sprint(err), "hint: fetchd ") {
		t.Errorf("class %d, %v", ClassOf(err), err)
	}
}

func TestMDAErrorKeepsOutput(t *testing.T) {
	t.Parallel()
	err := newMDA(t, MDAOptions{Command: "yes | head -c 100000; exit 9"}).Deliver(
		context.Background(), mailFrom(t, "1", "x"))
	var agent *AgentError
	if !errors.As(err, &agent) || agent.Status != 9 || len(agent.Output) != mdaOutput {
		t.Errorf("got %+v", agent)
	}
}

func TestMDATimeout(t *testing.T) {
	t.Parallel()

	for _, tt := range []struct{ name, command string }{
		{"asleep", "sleep 60"},
		{"direct", "/bin/sleep 60"},
		{"deaf to SIGTERM", "trap '' TERM; sleep 60"},
		{"calls the end a success", "trap 'exit 0' TERM; sleep 60 & wait"},
		{"endless output", "yes"},
		{"with children", "sleep 60 & sleep 60 & wait"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			start := time.Now()
			a := newMDA(t, MDAOptions{Command: tt.command, Timeout: 200 * time.Millisecond})
			err := a.Deliver(context.Background(), mailFrom(t, "1", "x"))
			if err == nil || ClassOf(err) != Temporary ||
				!strings.Contains(err.Error(), "time limit of 200ms") {
				t.Errorf("got %v", err)
			}
			if took := time.Since(start); took > 10*time.Second {
				t.Errorf("took %v", took)
			}
		})
	}
}

func TestMDACancelled(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(context.Background())
	timer := time.AfterFunc(100*time.Millisecond, cancel)
	defer timer.Stop()
	err := newMDA(t, MDAOptions{Command: "sleep 60"}).Deliver(ctx, mailFrom(t, "1", "x"))
	if !errors.Is(err, context.Canceled) || ClassOf(err) != Temporary {
		t.Errorf("got %v", err)
	}
}

// An agent's exit decides, whatever it left behind: a server it started, say, holds its output for ever.
func TestMDAChildKeepsOutput(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, command, says string }{
		{"delivers", "sleep 30 & exit 0", ""},
		{"fails", "echo no room; sleep 30 & exit 75", "no room"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			a := newMDA(t, MDAOptions{Command: tt.command})
			a.grace = time.Minute
			start := time.Now()

			for range 2 * mdaLingers {
				err := a.Deliver(t.Context(), mailFrom(t, "1", "x"))
				if tt.says == "" && err != nil ||
					tt.says != "" && !strings.Contains(fmt.Sprint(err), tt.says) {
					t.Fatalf("got %v", err)
				}
			}

			if took := time.Since(start); took > 20*time.Second {
				t.Errorf("took %v", took)
			}
			if n := len(a.lingering); n != mdaLingers {
				t.Errorf("%d outputs are read on, want %d", n, mdaLingers)
			}
		})
	}
}

// What an agent left behind may say its last words, and is not read on for ever.
func TestMDAOutputAfterTheExit(t *testing.T) {
	t.Parallel()
	out, agent, err := newAgentOutput()
	if err != nil {
		t.Fatal(err)
	}
	defer agent.Close()
	slots := make(chan struct{}, 1)
	out.outliveAgent(slots, time.Second)
	if _, err := agent.WriteString("last words"); err != nil {
		t.Errorf("who writes once more gets %v", err)
	}

	<-out.ended
	if said := string(out.head(0)); said != "last words" || len(slots) != 0 {
		t.Errorf("read %q, and %d slots are taken", said, len(slots))
	}

	// A process that another test is starting has our end too, until it runs its program.
	_ = agent.SetWriteDeadline(time.Now().Add(10 * time.Second))
	for err == nil {
		_, err = agent.WriteString("more")
	}
	if !errors.Is(err, syscall.EPIPE) {
		t.Errorf("the pipe is still read: %v", err)
	}
}

// What an agent has started ends with it, even if it ignores SIGTERM: while a process of it lives, the pipe
// is open.
func TestMDAKillsTheGroup(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	pipe := filepath.Join(dir, "alive")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	alive, err := os.OpenFile(pipe, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer alive.Close()
	if err := alive.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	a := newMDA(t, MDAOptions{
		Command: "(trap '' TERM; exec 9>alive; echo up >&9; sleep 60; true) & wait", Dir: dir,
	})
	a.grace = 50 * time.Millisecond
	ctx, cancel := context.WithCancel(context.Background())
	delivered := make(chan error, 1)
	go func() { delivered <- a.Deliver(ctx, mailFrom(t, "1", "x")) }()

	awaitWriter(t, alive)
	cancel()
	if err := <-delivered; !errors.Is(err, context.Canceled) {
		t.Errorf("the delivery ended with %v", err)
	}
	if n, err := alive.Read(make([]byte, 1)); n != 0 || err != io.EOF {
		t.Errorf("a process survived: %d, %v", n, err)
	}
}

// awaitWriter returns when a line was read from a pipe that may have no writer yet.
func awaitWriter(t *testing.T, pipe *os.File) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		n, err := pipe.Read(make([]byte, 8))
		if n > 0 {
			return
		}
		if err != nil && err != io.EOF {
			t.Fatal(err)
		}
		<-tick.C
	}
}
