package delivery

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func newMDA(t *testing.T, o MDAOptions) *MDA {
	t.Helper()
	a, err := NewMDA(o)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// argsScript returns the path of an agent that writes its arguments, each followed by a NUL, to the file
// named by OUT.
func argsScript(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "args")
	script := "#!/bin/sh\nfor a; do printf '%s\\0' \"$a\"; done >\"$OUT\"\n"
	if err := os.WriteFile(path, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

// hostile are values that a shell or a careless program would take for more than data.
var hostile = []string{
	"ann", "x'; touch P; '", "lo'c;id al", "-x", "--", "a b", "$(touch P)", "`touch P`", "a\nb", "\n",
	"a\tb", `"; touch P; "`, `\`, `a\'b`, "*", "~", "${HOME}", "$1", "!!", "", "\x01\x7f\x80\xff", "#x",
	"a;b", "a&b", "a|touch P", "%T", "%F", "%s", "%n", "<P", ">P", "é", "FOO=bar", "$((1+1))", "\r",
	"a\x00b", "a`touch P`@x", "-oQ/tmp/x@evil", "../P",
}

func TestMDAArguments(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, command string
		want          func(sender, r string) []string
	}{
		{"plain", "ARGS -f %F -d %T",
			func(s, r string) []string { return []string{"-f", s, "-d", r, "bob"} }},
		{"through the shell", "ARGS -f %F -d %T; true",
			func(s, r string) []string { return []string{"-f", s, "-d", r, "bob"} }},
		{"same as T", "ARGS %s %%", func(_, r string) []string { return []string{r, "bob", "%%"} }},
		{"in a word", "ARGS -d%T+x %Fy",
			func(s, r string) []string { return []string{"-d" + r, "bob+x", s + "y"} }},
		{"double quotes", `ARGS "%F" "%T". -f"%F"`,
			func(s, r string) []string { return []string{s, r + " bob.", "-f" + s} }},
		{"after set", `set -- 1 2; ARGS %F "$2"`, func(s, _ string) []string { return []string{s, "2"} }},
		{"in a function", `f() { ARGS "$1" %F; }; f 7`,
			func(s, _ string) []string { return []string{"7", s} }},
		{"others untouched", `ARGS %h %t '%d' \%T "50%"`,
			func(_, _ string) []string { return []string{"%h", "%t", "%d", "%T", "50%"} }},
		{"comment", "ARGS %F # don't use %T", func(s, _ string) []string { return []string{s} }},
		{"variable", `V=%F; ARGS "$V"`, func(s, _ string) []string { return []string{s} }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			out := filepath.Join(dir, "out")
			a := newMDA(t, MDAOptions{
				Command: strings.ReplaceAll(tt.command, "ARGS", argsScript(t)),
				Dir:     dir, Env: []string{"OUT=" + out},
			})

			for i, value := range hostile {
				m := mailFrom(t, "1", "x")
				m.Sender, m.Recipients = hostile[len(hostile)-1-i], []string{value, "bob"}
				deliver(t, a, m)
				got, err := os.ReadFile(out)
				if err != nil {
					t.Fatal(err)
				}

				want := strings.Join(tt.want(agentSender(m), agentArgument(value)), "\x00") + "\x00"
				if string(got) != want {
					t.Errorf("recipient %q: got %q, want %q", value, got, want)
				}
			}

			if left := namesIn(t, dir, ""); !slices.Equal(left, []string{"out"}) {
				t.Errorf("a value was run: files %q", left)
			}
		})
	}
}

func TestNewMDARefuses(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, command, user, says string
	}{
		{"empty", "", "", "command is empty"},
		{"blank", " \t\n", "", "command is empty"},
		{"quoted %T", "procmail -d '%T'", "", "%T in single quotes; hint: remove the quotes"},
		{"quoted %s", "procmail -d 'x %s'", "", "%s in single quotes"},
		{"quoted %F", `a "'" 'b%F'`, "", "%F in single quotes"},
		{"here-document", "cat <<E\n%T\nE\n", "", "<<"},
		{"second shell", `sh -c "agent -f %F"`, "", "%F in double quotes with other text; hint: "},
		{"before other text", `a "%T "`, "", "%T in double quotes"},
		{"after other text", `a " %s"`, "", "%s in double quotes"},
		{"twice", `a "%F%T"`, "", "%F in double quotes"},
		{"after an escaped quote", `a "\"%F"`, "", "%F in double quotes"},
		{"before an escaped quote", `a "%F\""`, "", "%F in double quotes"},
		{"quotes left open", `a "%F`, "", "%F in double quotes"},
		{"substitution in quotes", `a "$(echo '%T')"`, "", "%T in double quotes"},
		{"backquotes in quotes", "a \"`echo %T`\"", "", "%T in double quotes"},
		{"file to write", "cat >%F", "", "%F as the name of a file"},
		{"file to write, apart", "cat 2>> %F", "", "%F as the name of a file"},
		{"file to write, quoted", `cat >|"%F"`, "", "%F as the name of a file"},
		{"file in a directory", "cat >box/%T", "", "%T as the name of a file"},
		{"file to read", "cat <%F", "", "%F as the name of a file"},
		{"command", "%F -d ann", "", "%F in the place of a command"},
		{"command, quoted", `"%T"`, "", "%T in the place of a command"},
		{"command in a directory", "agents/%T", "", "%T in the place of a command"},
		{"second command", "true && %F", "", "%F in the place of a command"},
		{"command in a substitution", "echo $(%F)", "", "%F in the place of a command"},
		{"script", ". %F", "", "%F in the place of a command"},
		{"eval", "eval %F", "", "%F in the place of a command"},
		{"exec", "exec -c %F", "", "%F in the place of a command"},
		{"nice", "nice -n 5 %F", "", "%F in the place of a command"},
		{"after a word of the shell", "if true; then %F; fi", "", "%F in the place of a command"},
		{"env", "env %F agent", "", "%F in the place of a command"},
		{"env with a setting", "/usr/bin/env -i A=b %F agent", "", "%F in the place of a command"},
		{"behind a redirection", ">/dev/null %F", "", "%F in the place of a command"},
		{"behind a redirection of both", "agent &>log %F", "", "%F in the place of a command"},
		{"in a function", "f() { %F; }; f", "", "%F in the place of a command"},
		{"in backquotes", "agent `%F`", "", "%F in the place of a command"},
		{"in backquotes within backquotes", "agent `x \\`nice %F\\``", "", "%F in the place of a command"},
		{"in a function by name", "function f { %F; }; f", "", "%F in the place of a command"},
		{"export", "export %F; agent", "", "%F in the place of a command"},
		{"in braces of a pattern", "case x in *) %F;; esac", "", "%F in the place of a command"},
		{"in quotes of a substitution", `agent "x $(nice "%F")"`, "", "%F in the place of a command"},
		{"a default", "${V:-%F} x", "", "%F in the place of a command"},
		{"sudo", "sudo -u ann %F", "", "%F in the place of a command"},
		{"sudo, joined flags", "/usr/bin/sudo -nu ann -- %F", "", "%F in the place of a command"},
		{"sudo, long option", "sudo --user ann %F", "", "%F in the place of a command"},
		{"sudo and a setting", "sudo -u ann env A=b %F", "", "%F in the place of a command"},
		{"exec with a name", "exec -a x %F", "", "%F in the place of a command"},
		{"timeout", "timeout -k 5 10 %F", "", "%F in the place of a command"},
		{"nohup", "nohup %F", "", "%F in the place of a command"},
		{"stdbuf", "stdbuf -o0 %F", "", "%F in the place of a command"},
		{"stdbuf, apart", "stdbuf -o 0 -e L %F", "", "%F in the place of a command"},
		{"su", "su ann -c %F", "", "%F in the place of a command"},
		{"su, text for its shell", `su ann -c exec\ %F`, "", "%F in the place of a command"},
		{"su, a script", "su - ann %F", "", "%F in the place of a command"},
		{"chroot", "chroot /x %F", "", "%F in the place of a command"},
		{"find", "find . -exec %F", "", "%F in the place of a command"},
		{"find and nice", "find . -exec nice %F", "", "%F in the place of a command"},
		{"command", "command -p %F", "", "%F in the place of a command"},
		{"busybox", "busybox sh -c %F", "", "%F in the place of a command"},
		{"sh, script", "sh -x %F", "", "%F in the place of a command"},
		{"sh, text", "/bin/sh -ec %F", "", "%F in the place of a command"},
		{"sh, text in its word", "sh -c%F", "", "%F in the place of a command"},
		{"sh, options", "sh -o pipefail -c %F", "", "%F in the place of a command"},
		{"sh, a setting and a command", `sh -c A=b\ exec\ %F`, "", "%F in the place of a command"},
		{"perl", "perl -ne%F", "", "%F in the place of a command"},
		{"unknown with a program's text", "interpret --eval=%F", "", "%F in the place of a command"},
		{"awk", "awk -v a=b %F", "", "%F in the place of a command"},
		{"sed", "sed -i -e %F", "", "%F in the place of a command"},
		{"env with a split string", "env -S %F", "", "%F in the place of a command"},
		{"ssh", "ssh -l ann host %F", "", "%F in the place of a command"},
		{"xargs", "echo x | xargs -n 1 %F", "", "%F in the place of a command"},
		{"flock", "flock -w 5 /tmp/lock %F", "", "%F in the place of a command"},
		{"formail", "formail +1 -ds %F", "", "%F in the place of a command"},
		{"spamc", "spamc -e %F", "", "%F in the place of a command"},
		{"trap", "trap %F EXIT", "", "%F in the place of a command"},
		{"an option of the value", "agent -%F", "", "%F in the place of a command"},
		{"a long option of the value", "agent --%F", "", "%F in the place of a command"},
		{"procmail", "procmail %F", "", "%F as an operand of procmail"},
		{"procmail behind a runner", "exec nice -n 5 /usr/bin/procmail -Y -f- %T", "",
			"%T as an operand of procmail"},
		{"procmail behind its rc file", "procmail rc '%F'", "", "%F in single quotes"},
		{"procmail, two rc files", "procmail rc %F", "", "%F as an operand of procmail"},
		{"procmail -m without a file", "procmail -m %F", "", "%F as an operand of procmail"},
		{"NUL", "a\x00b", "", "NUL"},
		{"unknown user", "cat", "no-such-user", "run as \"no-such-user\""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := NewMDA(MDAOptions{Command: tt.command, User: tt.user})
			if err == nil || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("got %v, want %q in it", err, tt.says)
			}
		})
	}
}

// Where a value is an argument or the value of a variable it may stand.
func TestNewMDAAccepts(t *testing.T) {
	t.Parallel()
	for _, command := range []string{
		"procmail -d %T", "procmail -d ann %T", "procmail -Yf %F", "procmail -f%F -d%T",
		"procmail -m rc %F %T",
		"procmail SENDER=%F rc", `agent -f"%F" %T`, "agent 2>&1 %F", "agent 2>/dev/null -f %F",
		"agent >log; agent2 %F",
		"V=%F agent", "env V=%F agent -f %F", "exec agent -f %F", "nice -n 5 agent %F",
		`sh -c 'agent -f "$1"' sh %F`,
		"if test -n %F; then agent; fi", "agent -f %F | cat", "ssh host agent -f %F", "echo $(agent %F)",

		"/usr/bin/procmail -f %F -d %T", "exec /usr/bin/procmail -Y -f- -a %T", "/usr/bin/maildrop -d %T",
		"maildrop -f %F .mailfilter",
		"/usr/sbin/sendmail -i -f %F %T", "/usr/sbin/sendmail -oem -f %F -- %T", "sendmail -i -f%F -- %T",
		"rmail %T",
		"/usr/lib/dovecot/dovecot-lda -d %T",
		"/usr/libexec/dovecot/deliver -c /etc/dovecot.conf -f %F -a %T -d %T -e",
		"/usr/lib/dovecot/dovecot-lda -e -d %T", "/usr/lib/cyrus/deliver -e -a %T -m INBOX -r %F -- %T",
		"/bin/mail -d %T", "mail.local -f %F %T",
		"fdm -a stdin -m fetch -D user=%T", "crm -u /home/ann/crm mailfilter %T", "msmtp -f %F -- %T",
		"rspamc --mime -e 'dovecot-lda -d ann' -f %F",
		"sudo -u ann procmail -d %T", "sudo -nHu ann -- /home/ann/bin/agent %F",
		"sudo --user=ann -n agent %T", "doas -u ann procmail -d %T",
		"su ann -c 'agent' -- %F", `su -s /bin/sh ann -c agent\ -f\ %F`, "runuser -u ann -- procmail -d %T",
		"chroot /x agent %F",
		"timeout 60 procmail -d %T", "timeout -k 5 -s KILL 60 nice -n 5 procmail -d %T",
		"timeout --foreground 5 agent %F", "nohup agent %F",
		"stdbuf -o0 agent %F", "env -i PATH=/bin agent -f %F", "env -u TZ agent %F",
		"flock /tmp/lock agent %F", "exec -a x agent %F",
		"formail -I From:\\ x | procmail -d %T", "formail -ds procmail -d %T", "formail -A X-Env:%F",
		"spamc -e sendmail -i -f %F %T",
		"spamc -u %T | procmail -d %T", "spamc | /usr/sbin/sendmail -i -f %F %T",
		"bogofilter -p | procmail -d %T",
		"for t in %T; do procmail -d \"$t\"; done", "case %F in a@*) exit 1;; esac; agent", "( agent %F )",
		"agent $(date) %F", "agent `date +%%s` -f %F",
		"perl deliver.pl %F", `perl -e 'exit' %F`, "python3 -m deliver %F",
		"bash -o pipefail -c 'agent \"$1\"' bash %F", "awk -f prog.awk %F",
		"export V=%F; agent", "case x in *) agent %F;; esac", "while read -r l; do agent %F; done",
		"{ agent %F; }",
		"docker exec -i mail agent -f %F", "f() { agent \"$@\"; }; f %F", "# it's one\nagent %F",
		"agent '' %F", "agent a\\ b %F",
	} {
		if _, err := NewMDA(MDAOptions{Command: command}); err != nil {
			t.Errorf("%s: %v", command, err)
		}
	}
}

func TestPlainWords(t *testing.T) {
	t.Parallel()
	for command, plain := range map[string]bool{
		"procmail -d %T":                     true,
		"/usr/bin/maildrop -d %s -f %F":      true,
		" /usr/lib/dovecot/deliver\t-d  %T ": true,
		"a b=c %h @x +y -- -":                true,
		"exec procmail -d %T":                false,
		"FOO=bar procmail":                   false,
		"procmail -d%T":                      false,
		"%T":                                 false,
		"procmail -d %T | tee x":             false,
		"echo x":                             false,
		"a\nb":                               false,
		"a ~/x":                              false,
		"a $HOME":                            false,
		"a [b]":                              false,
		"a *":                                false,
		"a 'b'":                              false,
		"a \"b\"":                            false,
		"a \\b":                              false,
		"a {b,c}":                            false,
		"a >b":                               false,
		"a #b":                               false,
		"a !b":                               false,
		"a b;c":                              false,
		"a b&":                               false,
		"a (b)":                              false,
		"a é":                                false,
		"test x":                             false,
		"if":                                 false,
		"a %":                                true,
		"/bin/test x":                        true,
	} {
		if got := plainWords(command) != nil; got != plain {
			t.Errorf("%q: %v", command, got)
		}
	}
}

func TestMDAInput(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("0123456789abcde\n", SpoolMemory/8)
	// 16 bytes of the next field are within HeaderLimit.
	limit := "X: " + strings.Repeat("x", HeaderLimit-20) + "\n"

	for _, tt := range []struct{ name, sender, trace, body, want string }{
		{"plain", "a@b", "Received: x\n", "To: y\n\nz\n", "Return-Path: <a@b>\nReceived: x\nTo: y\n\nz\n"},
		{"null sender", "", "", "\nz", "Return-Path: <>\n\nz"},
		{"empty", "a@b", "", "", "Return-Path: <a@b>\n"},
		{"its own", "a@b", "R: 1\n", "A: 1\nreturn-path: <o>\n\t(folded)\nB: 2\n\nx",
			"Return-Path: <o>\nR: 1\nA: 1\nB: 2\n\nx"},
		{"two of them", "a@b", "", "Return-Path: 1\nReturn-Path: 2\n\n",
			"Return-Path: <1>\nReturn-Path: 2\n\n"},
		{"in the body only", "a@b", "", "A: 1\n\nReturn-Path: 2\n",
			"Return-Path: <a@b>\nA: 1\n\nReturn-Path: 2\n"},
		{"no end", "a@b", "", "Return-Path: x", "Return-Path: <x>\n"},
		{"sender with line ends", "a\r\nBcc: <x>", "", "\n", "Return-Path: <a__Bcc: _x_>\n\n"},
		{"large", "a@b", "R: 1\n", "A: 1\nReturn-Path: <o>\nB: 2\n\n" + long,
			"Return-Path: <o>\nR: 1\nA: 1\nB: 2\n\n" + long},
		{"field across the limit", "a@b", "", limit + "Return-Path: <o>\nSubject: s\n\nx",
			"Return-Path: <a@b>\n" + limit + "Return-Path: <o>\nSubject: s\n\nx"},
		{"large header", "a@b", "", long + "Return-Path: <o>\n",
			"Return-Path: <a@b>\n" + long + "Return-Path: <o>\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			out := filepath.Join(t.TempDir(), "out")
			for _, command := range []string{"dd of=" + out, "cat >" + out, "cat /dev/stdin >" + out} {
				m := mailFrom(t, "1", tt.body)
				m.Sender, m.Trace = tt.sender, []byte(tt.trace)
				deliver(t, newMDA(t, MDAOptions{Command: command}), m)
				got, err := os.ReadFile(out)
				if err != nil || string(got) != tt.want {
					t.Errorf("%s: got %.200q, %v", command, got, err)
				}
			}
		})
	}
}

func TestMDAEnvironment(t *testing.T) {
	t.Parallel()
	got := agentEnv([]string{
		"HOME=/h", "PATH=/b", "USER=u", "LOGNAME=u", "SHELL=/s", "LANG=C", "LC_ALL=C", "TZ=UTC",
		"TOKEN=secret", "FETCHMAIL_PASSWORD=secret", "LC=x", "HOMER=x", "LD_PRELOAD=x", "BASH_ENV=x",
		"=x", "",
	})
	want := []string{"HOME=/h", "PATH=/b", "USER=u", "LOGNAME=u", "SHELL=/s", "LANG=C", "LC_ALL=C", "TZ=UTC"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}

func TestMDARunsAsUser(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		_, err := NewMDA(MDAOptions{Command: "cat", User: "root"})
		if err == nil || !strings.Contains(err.Error(), "only root") {
			t.Errorf("got %v", err)
		}
		return
	}

	dir, err := os.MkdirTemp("", "fetchd-mda") // t.TempDir is closed to others
	if err != nil {
		t.Fatal(err)
	}

	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}

	for _, body := range []string{"x\n", strings.Repeat("0123456789abcde\n", SpoolMemory/8)} {
		out := filepath.Join(dir, fmt.Sprint("out", len(body)))
		a := newMDA(t, MDAOptions{
			Command: "(id -un; id -u; echo $USER $LOGNAME; cat /dev/stdin) >" + out, User: "nobody", Dir: "/",
		})
		deliver(t, a, mailFrom(t, "1", body))
		got, err := os.ReadFile(out)
		want := "nobody\n65534\nnobody nobody\nReturn-Path: <bob@example.net>\n" + body
		if err != nil || string(got) != want {
			t.Errorf("got %.200q, %v", got, err)
		}
	}
}

func FuzzAgentCommand(f *testing.F) {
	for _, seed := range []string{"procmail -d %T", `a "%F" 'b' \%T # %s`, "a \"$(%T", "<<%T", "'%T'", "%%T",
		"a\\", "#%T\n%F",
		`""(%T`, "a `b` $(c $((1)) >d) 2>&1 %F", `sh -c a\ \|\ %F`, "sudo -u x env A=b --c d %F"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c, err := parseAgentCommand(text)
		if err != nil {
			return
		}
		var back strings.Builder
		for _, p := range c.pieces {
			if p.value != 0 {
				back.WriteString("%" + string(p.value))
			}
			back.WriteString(p.text)
		}
		if len(back.String()) != len(text) {
			t.Errorf("%q became %q", text, back.String())
		}
		const value = "$(injected)"
		words := c.shellWords(&Message{Sender: value, Recipients: []string{value, value}})
		if !strings.Contains(text, value) && strings.Contains(words[2], value) {
			t.Errorf("a value in the shell's text: %q", words[2])
		}
	})
}

func BenchmarkMDA(b *testing.B) {
	for _, bb := range []struct{ name, command string }{
		{"direct", "dd of=/dev/null status=none"},
		{"shell", "dd of=/dev/null status=none;"},
		{"shell exec", "exec dd of=/dev/null status=none"},
	} {
		b.Run(bb.name, func(b *testing.B) {
			a, err := NewMDA(MDAOptions{Command: bb.command})
			if err != nil {
				b.Fatal(err)
			}
			m := mailFrom(b, "1", strings.Repeat("0123456789abcde\n", 256))
			b.ReportAllocs()
			for b.Loop() {
				if err := a.Deliver(context.Background(), m); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
