package delivery

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestAgentArgument(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]string{
		"": "", "ann": "ann", "Ann.O-Neil_2@mail.example.org": "Ann.O-Neil_2@mail.example.org",
		"ann+lists@example.org":                "ann+lists@example.org",
		"SRS0=Hh/+=TT=dom.example=ann@x":       "SRS0=Hh/+=TT=dom.example=ann@x",
		"SRS1=HHH=x.example==HHH=TT=d=ann@x":   "SRS1=HHH=x.example==HHH=TT=d=ann@x",
		"prvs=1234abcdef=ann@x":                "prvs=1234abcdef=ann@x",
		"bounces+ann=example.org@list.example": "bounces+ann=example.org@list.example",
		"list-return-7-ann=x@list.example":     "list-return-7-ann=x@list.example",
		"/G=John/S=Doe/O=x/@gate.example":      "_G=John/S=Doe/O=x/@gate.example",
		"/tmp/any/existing/file":               "_tmp/any/existing/file",
		"exec+canary,@x":                       "exec+canary_@x",
		"//x":                                  "_/x",
		"@a,@b:ann@c":                          "@a_@b:ann@c",
		"o'neil@x":                             "o_neil@x",
		"a!b#c$d%e&f*g?h^i`j{k|l}m~n@x":        "a_b_c_d_e_f_g_h_i_j_k_l_m_n@x",
		`"john doe"@x`:                         "_john_doe_@x",
		`a\b@x`:                                "a_b@x",
		"ann@[192.0.2.1]":                      "ann@_192.0.2.1_",
		"<a>(b);@x":                            "_a__b__@x",
		"rené@exämple":                         "ren_@ex_mple",
		"用户@例子":                                "__@__",
		"a\x00\t\n\r\x7f\x80\xff":              "a_______",
		"\u00a0\u2028\u202e":                   "___",
		"-x":                                   "_x",
		"--":                                   "_-",
		"-oQ/tmp/x@evil":                       "_oQ/tmp/x@evil",
		"\x00-x":                               "_-x",
		"a-b":                                  "a-b",
		"../../etc/passwd":                     "__/__/etc/passwd",
		"...":                                  "__.",
		"a..b@x":                               "a__b@x",
	} {
		if got := agentArgument(value); got != want {
			t.Errorf("%q became %q, want %q", value, got, want)
		}
	}
}

// Wherever a sender gets to, it is not the name of a program or of a file that there is on a machine.
func TestAgentSender(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ sender, login, want string }{
		{"", "ann@mail.example.org", ""},
		{"bob@example.net", "ann@mail.example.org", "bob@example.net"},
		{"reboot", "ann@mail.example.org", "reboot@mail.example.org"},
		{"bin/agent", "ann@mail.example.org", "bin/agent@mail.example.org"},
		{"host!bob", "ann@mail.example.org", "host_bob@mail.example.org"},
		{"reboot", "ann@example.org@192.0.2.1", "reboot@_192.0.2.1_"},
		{"reboot", "ann", "reboot@localhost"},
		{"reboot", "", "reboot@localhost"},
		{"node/@scope/bin/run", "ann@x", "node/@scope_bin_run"},
		{"@a/b@c/d", "ann@x", "@a/b@c_d"},
		{"A=b", "ann@x", "A=b@x"},
	} {
		m := mailFrom(t, "1", "x")
		m.Sender = tt.login
		if tt.sender != "" {
			m = mailFrom(t, "1", "From: "+tt.sender+"\n\nx")
			m.Sender = tt.login
		} else {
			m = mailFrom(t, "1", "Return-Path: <>\n\nx")
		}
		if got := agentSender(m); got != tt.want {
			t.Errorf("%q of %q became %q, want %q", tt.sender, tt.login, got, tt.want)
		}
	}
}

// A command may hand its arguments to one more interpreter: that finds nothing to do in a sender. ARGS is the
// agent.
func TestMDASecondInterpreter(t *testing.T) {
	t.Parallel()
	ssh := filepath.Join(t.TempDir(), "ssh") // joins its arguments for a shell on another host
	if err := os.WriteFile(ssh, []byte("#!/bin/sh\nshift\nexec /bin/sh -c \"$*\"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ name, command string }{
		{"eval", "eval ARGS -f %F"},
		{"eval exec", "eval exec ARGS -f %F"},
		{"sh with eval", "sh -c 'eval ARGS -f $1' sh %F"},
		{"sh", `sh -c ARGS\ -f\ %F`},
		{"sh from a pipe", "echo ARGS -f %F | sh"},
		{"bash", `bash -c ARGS\ -f\ %F`},
		{"zsh", `zsh -c ARGS\ -f\ %F`},
		{"csh", `csh -c ARGS\ -f\ %F`},
		{"ssh", ssh + " host ARGS -f %F"},
		{"ssh, quoted", ssh + ` host ARGS -f "%F"`},
		{"xargs", "echo -f %F | xargs ARGS"},
		{"xargs with sh", "echo %F | xargs -I{} sh -c 'ARGS -f {}'"},
		{"env -S", `env -S ARGS\ -f\ %F`},
		{"env with eval", "env V=%F sh -c 'eval ARGS -f $V'"},
		{"su", `su -s /bin/sh root -c ARGS\ -f\ %F`},
		{"awk", `awk -v v=%F 'BEGIN { system("ARGS -f " v) }'`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if name, _, _ := strings.Cut(tt.command, " "); !canRun(name) {
				t.Skip("no " + name)
			}
			deliverFromHostile(t, tt.command)
		})
	}
}

// canRun tells whether there is such a command, and whether we may use it.
func canRun(name string) bool {
	_, err := exec.LookPath(name)
	return name == "eval" || err == nil && (name != "su" || os.Geteuid() == 0)
}

func deliverFromHostile(t *testing.T, command string) {
	dir := t.TempDir()
	out := filepath.Join(dir, "out")
	a := newMDA(t, MDAOptions{
		Command: strings.ReplaceAll(command, "ARGS", argsScript(t)), Dir: dir, Env: []string{"OUT=" + out},
	})

	for _, sender := range []string{
		"ann@x", "a`touch P`@x", "a$(touch P)@x", `'";touch P;"'@x`,
		"a;touch P\ntouch P\n|touch P&touch P #@x", "a >P @x", `\";touch P;\"`, "-oQ/tmp/x@evil",
		"!!!touch!P", "~root ${HOME} $HOME *",
	} {
		m := mailFrom(t, "1", "x")
		m.Sender = sender
		deliver(t, a, m)
		got, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		if want := "-f\x00" + agentSender(m) + "\x00"; string(got) != want {
			t.Errorf("sender %q: the agent got %q", sender, got)
		}
	}

	if left := namesIn(t, dir, ""); !slices.Equal(left, []string{"out"}) {
		t.Errorf("a sender was run: files %q", left)
	}
}

// A name that would be told as another one is perhaps somebody else's.
func TestMDARefusesNames(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		command, name string
		fine          bool
	}{
		{"procmail -d %T", "ann", true},
		{"procmail -d %T", "ann+work@example.org", true},
		{"procmail -d %T", "o'neil", false},
		{"procmail -d %s;", "rené", false},
		{"procmail -d %T", "-ann", false},
		{"procmail -f %F -d ann", "o'neil", true},
		{`procmail -d "o'neil" # %T`, "o'neil", true},
	} {
		_, err := NewMDA(MDAOptions{Command: tt.command, Recipients: []string{"bob", tt.name}})
		fine := err == nil
		if fine != tt.fine || !fine && !strings.Contains(err.Error(), "the agent would be told") {
			t.Errorf("%q for %q: %v", tt.command, tt.name, err)
		}
	}
}

// A program that we can't know may run its arguments: no sender is the name of a program, in the path or not.
func TestMDAWrapperRunsNoSender(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	program := func(path, text string) string {
		path = filepath.Join(dir, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text), 0o700); err != nil {
			t.Fatal(err)
		}
		return path
	}
	wrapper := program("wrapper", `PATH=$PWD/bin:$PATH; "$@"`)
	for _, path := range []string{"bin/agent", "agent", "node/@scope/agent"} {
		program(path, "echo was run; exit 0")
	}

	for _, command := range []string{wrapper + " %F", wrapper + " sh -c %F", wrapper + " sh %F",
		wrapper + " env %F",
		wrapper + ` eval "%F"`, wrapper + " perl -x %F"} {
		a, err := NewMDA(MDAOptions{Command: command, Dir: dir})
		if err != nil {
			continue // refused when the file is read
		}
		for _, sender := range []string{
			"agent", "./agent", "bin/agent", "node/@scope/agent", "@scope/agent", "A=b",
		} {
			err := a.Deliver(t.Context(), mailFrom(t, "1", "From: "+sender+"\n\nx"))
			if err == nil && sender != "A=b" || err != nil && strings.Contains(err.Error(), "was run") {
				t.Errorf("%s with %q: %v", command, sender, err)
			}
		}
	}
}
