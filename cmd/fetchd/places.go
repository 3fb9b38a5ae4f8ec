package main

import (
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strings"
)

// places are where the program's own files are when nothing else is said.
type places struct {
	home     string
	rcfile   string
	fetchids string // fetchmail's record, imported once
	pidfile  string
	netrc    string
	journal  string
}

// findPlaces reads them from the environment. The error is a FETCHMAILHOME that is no directory.
func findPlaces(env func(string) string, uid int) (*places, error) {
	home := env("HOME")
	if home == "" {
		if u, err := user.Current(); err == nil {
			home = u.HomeDir
		}
	}
	if h := env("FETCHMAILHOME"); h != "" {
		if info, err := os.Stat(h); err != nil || !info.IsDir() {
			return nil, fmt.Errorf("FETCHMAILHOME: %q is not a directory; create it or unset the variable", h)
		}
		return &places{
			home: home, rcfile: filepath.Join(h, "fetchmailrc"), fetchids: filepath.Join(h, ".fetchids"),
			pidfile: filepath.Join(h, "fetchmail.pid"), netrc: filepath.Join(h, ".netrc"), journal: filepath.Join(h, journalName),
		}, nil
	}
	etc := home
	if e := env("HOME_ETC"); e != "" {
		etc = e
	}
	p := &places{
		home: home, rcfile: filepath.Join(etc, ".fetchmailrc"), fetchids: filepath.Join(etc, ".fetchids"),
		pidfile: filepath.Join(etc, ".fetchmail.pid"), netrc: filepath.Join(etc, ".netrc"), journal: filepath.Join(stateDir(env, home), journalName),
	}
	if uid == 0 {
		p.pidfile = "/var/run/fetchmail.pid"
	}
	return p, nil
}

const journalName = "journal.db"

func stateDir(env func(string) string, home string) string {
	if d := env("STATE_DIRECTORY"); d != "" { // systemd: may be a list
		first, _, _ := strings.Cut(d, ":")
		return first
	}
	if d := env("XDG_STATE_HOME"); filepath.IsAbs(d) {
		return filepath.Join(d, "fetchd")
	}
	return filepath.Join(home, ".local", "state", "fetchd")
}

// caller is the name of the user who runs the program.
func caller(env func(string) string) string {
	for _, name := range []string{"FETCHMAILUSER", "LOGNAME", "USER"} {
		if v := env(name); v != "" {
			return v
		}
	}
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return "nobody"
}
