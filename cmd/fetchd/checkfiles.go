package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"fetchd/delivery"
	"fetchd/rcfile"
)

// checkFiles looks for the commands, files and directories that the account's settings name. Those for TLS were loaded
// already. Mail goes to the Maildir in home where nothing else is said.
func checkFiles(poll *rcfile.Poll, u *rcfile.User, home string) []error {
	var errs []error
	add := func(err error) {
		if err != nil {
			errs = append(errs, err)
		}
	}
	if u.MDA.Set {
		add(checkCommand("mda", u.MDA.Value))
	}
	for _, c := range [][2]string{{"preconnect", u.Preconnect.Value}, {"postconnect", u.Postconnect.Value}, {"plugin", poll.Plugin.Value}} {
		if c[1] != "" {
			add(checkCommand(c[0], c[1]))
		}
	}
	if u.PasswordEval.Set && !u.Password.Set {
		add(checkCommand("passwordeval", u.PasswordEval.Value))
	}
	if u.PasswordFile.Set && !u.Password.Set {
		add(checkReadable("passwordfile", u.PasswordFile.Value))
	}
	if u.Maildir.Set || choseDefault(u) {
		add(checkMaildir(u.Maildir.Or(delivery.DefaultMaildir(home))))
	}
	return errs
}

// checkCommand looks for the program that a shell command starts with. A command that begins with shell syntax is
// left to the shell.
func checkCommand(keyword, command string) error {
	words := strings.Fields(command)
	if len(words) == 0 {
		return fmt.Errorf("%s is empty", keyword)
	}
	name := words[0]
	if mark := name[:1]; len(name) > 1 && strings.ContainsAny(mark, `"'`) && strings.HasSuffix(name, mark) {
		name = name[1 : len(name)-1]
	}
	if strings.ContainsAny(name, "\"'$`|&;<>(){}[]*?!=~#\\") || shellWord(name) {
		return nil
	}
	if _, err := exec.LookPath(name); err != nil {
		return fmt.Errorf("%s: there is no command %q; install it or write its full path", keyword, name)
	}
	return nil
}

// shellWord tells whether the shell does name itself.
func shellWord(name string) bool {
	switch name {
	case "if", "for", "while", "until", "case", "!", "exec", "cd", "set", "export", "umask", "trap", "eval", "command", ":", ".":
		return true
	}
	return false
}

func checkReadable(keyword, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("%s: %w", keyword, err)
	}
	return f.Close()
}

func checkDirectory(keyword, dir string) error {
	if err := unix.Access(dir, unix.W_OK|unix.X_OK); err != nil {
		return fmt.Errorf("%s: the directory %s: %w", keyword, dir, err)
	}
	return nil
}

// checkMaildir looks at the directory that a delivery writes to first, or would make it in; the one above a Maildir is
// never made.
func checkMaildir(dir string) error {
	for _, at := range []string{filepath.Join(dir, "tmp"), dir} {
		if _, err := os.Stat(at); !errors.Is(err, fs.ErrNotExist) {
			return checkDirectory("maildir", at)
		}
	}
	return checkDirectory("maildir", filepath.Dir(dir))
}

// checkPlaces tells whether the journal, the lock file and the log could be written.
func checkPlaces(at *places, cfg *rcfile.Config) error {
	pidfile := cfg.Globals.Pidfile.Or(at.pidfile)
	if pidfile == "" {
		return errors.New("pidfile is empty; leave it out")
	}
	errs := []error{
		checkDirectory("journal", existing(filepath.Dir(journalPath(at, cfg)))),
		checkDirectory("pidfile", filepath.Dir(pidfile)),
	}
	if logfile := cfg.Globals.Logfile.Value; logfile != "" && cfg.Globals.Daemon.Value > 0 {
		errs = append(errs, checkDirectory("logfile", filepath.Dir(logfile)))
	}
	return errors.Join(errs...)
}

// existing is dir, or the nearest directory above it that exists: the journal's directories are made when needed.
func existing(dir string) string {
	for {
		if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) || dir == filepath.Dir(dir) {
			return dir
		}
		dir = filepath.Dir(dir)
	}
}
