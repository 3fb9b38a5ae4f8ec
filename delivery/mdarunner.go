package delivery

import (
	"path"
	"slices"
	"strings"
)

// runner is a program, or a word of the shell, whose arguments name another program or hold a program's text.
type runner struct {
	names    string
	options  string // the letters of its options that take the next word
	operands int    // words before the command
	only     string // the letter of the option without which it runs nothing; "" = it always does
}

// runners are those that are usual before delivery agents, and interpreters, whose first operand is a program
// or its text.
var runners = [...]runner{
	{names: ". source eval command builtin trap if then elif else while until do ! { coproc"},
	{names: "export readonly local declare typeset alias setenv"},
	{names: "function", operands: 1},
	{names: "nohup setsid busybox toybox unshare nsenter fakeroot chronic unbuffer valgrind bwrap pkexec"},
	{names: "chroot taskset rsh gosu su-exec setuidgid envuidgid envdir setlock sg find", operands: 1},
	{names: "exec", options: "a"},
	{names: "env", options: "uC"},
	{names: "sudo", options: "ugphCrtTURD"},
	{names: "doas", options: "uCa"},
	{names: "su", options: "gGsw", operands: 1},
	{names: "runuser", options: "ugGsw"},
	{names: "setpriv systemd-run start-stop-daemon", options: "acdgknpuNPRrxEHM"},
	{names: "nice watch", options: "n"},
	{names: "ionice", options: "cnpPu"},
	{names: "stdbuf", options: "ioe"},
	{names: "time", options: "fo"},
	{names: "timeout", options: "ks", operands: 1},
	{names: "chrt", options: "TPD", operands: 1},
	{names: "flock", options: "wE", operands: 1},
	{names: "softlimit chpst", options: "abcdeflmnoprstuU/"},
	{names: "xargs parallel", options: "IinPLlsdaEjS"},
	{names: "strace ltrace", options: "eoOpsSuPaIXnlA"},
	{names: "script", options: "EIOTBm"},
	{names: "ssh", options: "BbcDEeFIiJLlmOopQRSWw", operands: 1},
	{names: "sh ash bash dash ksh mksh zsh csh tcsh fish", options: "oO"},
	{names: "perl ruby", options: "IrC"},
	{names: "python python2 python3", options: "WX"},
	{names: "awk gawk mawk nawk", options: "vF"},
	{names: "sed php node lua tclsh expect m4"},
	{names: "make gmake", options: "CfIjloW"},
	{names: "formail", options: "aAiIuUxXRzmp", only: "s"},
}

// longFlags are the long options of runners that take no value, as far as they are usual there.
var longFlags = strings.Fields(`-- --login --preserve-env --set-home --non-interactive --background --pty
	--foreground --preserve-status --ignore-environment --wait --fork --no-run-if-empty --scope --pipe
	--clear-groups --init-groups --posix`)

// namesCommand tells whether the words name the command that runs, so that what follows is an argument of it:
// that is a word which is no runner, and no setting of one.
func namesCommand(words []string) bool { return commandOf(words) != nil }

// commandOf are the words from the command on that runs, none if they don't name it.
func commandOf(words []string) []string {
	for len(words) > 0 {
		// Variables before a command are set for it alone.
		if assignment().MatchString(words[0]) {
			words = words[1:]
			continue
		}
		r, known := runnerOf(words)
		if !known {
			return words
		}
		words = r.behind(words[1:])
	}
	return nil
}

// isSetting tells whether the next word is one that procmail takes for a setting, as in HOST=x, or for its rc
// file: an operand, unless it is one behind -d, or behind the rc file of -m.
func isSetting(words []string) bool {
	command := commandOf(words)
	if len(command) == 0 || path.Base(command[0]) != "procmail" || slices.Contains(command, "-d") {
		return false
	}
	last := command[len(command)-1]
	if strings.HasPrefix(last, "-") {
		return !strings.ContainsAny(last[len(last)-1:], "adf")
	}
	return !slices.Contains(command, "-m")
}

// runnerOf finds the runner that a command begins with.
func runnerOf(words []string) (runner, bool) {
	for _, r := range runners {
		if slices.Contains(strings.Fields(r.names), path.Base(words[0])) {
			return r, r.only == "" || slices.ContainsFunc(words[1:], r.hasOnly)
		}
	}
	return runner{}, false
}

func (r runner) hasOnly(word string) bool {
	return strings.HasPrefix(word, "-") && strings.Contains(word, r.only)
}

// behind returns the command that a runner runs, from the words behind its name.
func (r runner) behind(words []string) []string {
	operands := r.operands
	for i := 0; i < len(words); i++ {
		switch w := words[i]; {
		case strings.HasPrefix(w, "-") || strings.HasPrefix(w, "+"):
			if r.takesNext(w) {
				i++
			}
		case operands > 0:
			operands--
		default:
			return words[i:]
		}
	}
	return nil
}

// takesNext tells whether an option takes the next word. A long one that isn't known is taken to do so.
func (r runner) takesNext(option string) bool {
	if strings.HasPrefix(option, "--") {
		return !strings.Contains(option, "=") && !slices.Contains(longFlags, option)
	}
	// Letters may be joined: only the last one can have its value in the next word.
	i := strings.IndexAny(option[1:], r.options)
	return i >= 0 && i+1 == len(option)-1
}
