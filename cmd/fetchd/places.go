package main

import (
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"fetchd/tlsverify/hints"
)

// places are where the program's own files are unless the configuration says otherwise.
type places struct {
	home     string
	caller   string // login name of the user who runs the program
	agent    string // the user whom delivery agents run as; "" = the caller
	rcfile   string
	fetchids string // fetchmail's record, imported once
	pidfile  string
	netrc    string
	journal  string
	grants   string // directory of OAuth's
}

// places finds them by the environment. It is an error if FETCHMAILHOME or HOME_ETC is not a directory.
func (p *program) places() (*places, error) {
	at, err := findFiles(p.env)
	if err != nil {
		return nil, err
	}
	// As in fetchmail, so that the two exclude each other.
	if p.uid == 0 && p.env("FETCHMAILHOME") == "" {
		at.pidfile = filepath.Join(p.runDir, "fetchmail.pid")
	}
	named := namedUsers(p.env)
	at.caller, at.agent = caller(named, p.uid), agentUser(named, p.uid)
	return at, nil
}

func findFiles(env func(string) string) (*places, error) {
	home := env("HOME")
	if home == "" {
		if u, err := user.Current(); err == nil {
			home = u.HomeDir
		}
	}
	// Everything in this one directory and, as in fetchmail, some names without their dot.
	if h := env("FETCHMAILHOME"); h != "" {
		if err := mustBeDirectory("FETCHMAILHOME", h); err != nil {
			return nil, err
		}
		return &places{
			home: home, rcfile: filepath.Join(h, "fetchmailrc"), fetchids: filepath.Join(h, ".fetchids"),
			pidfile: filepath.Join(h, "fetchmail.pid"), netrc: filepath.Join(h, ".netrc"),
			journal: filepath.Join(h, journalName), grants: filepath.Join(h, grantsName),
		}, nil
	}

	etc := home
	if e := env("HOME_ETC"); e != "" {
		if err := mustBeDirectory("HOME_ETC", e); err != nil {
			return nil, err
		}
		etc = e
	}

	return &places{
		home: home, rcfile: filepath.Join(etc, ".fetchmailrc"), fetchids: filepath.Join(etc, ".fetchids"),
		pidfile: filepath.Join(etc, ".fetchmail.pid"), netrc: filepath.Join(etc, ".netrc"),
		journal: filepath.Join(stateDir(env, home), journalName),
		grants:  filepath.Join(stateDir(env, home), grantsName),
	}, nil
}

func mustBeDirectory(variable, path string) error {
	if info, err := os.Stat(path); err != nil || !info.IsDir() {
		return hints.Errorf("create it or unset the variable", "%s: %q is not a directory", variable, path)
	}
	return nil
}

// What is in the state directory.
const (
	journalName = "journal.db"
	grantsName  = "oauth"
)

func stateDir(env func(string) string, home string) string {
	if d := env("STATE_DIRECTORY"); d != "" { // systemd's, which may be a list
		first, _, _ := strings.Cut(d, ":")
		return first
	}
	// The specification of the XDG directories has relative paths ignored.
	if d := env("XDG_STATE_HOME"); filepath.IsAbs(d) {
		return filepath.Join(d, "fetchd")
	}
	return filepath.Join(home, ".local", "state", "fetchd")
}

// caller is the name of the user who runs the program. If the uid has several names, the environment chooses
// among them.
func caller(named []*user.User, uid int) string {
	for _, name := range named {
		// A name with another uid is not believed: the name is that of mailboxes and of the login.
		if name.Uid == strconv.Itoa(uid) {
			return name.Username
		}
	}
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return strconv.Itoa(uid)
}

// namedUsers are the users that the environment names and that exist. Each name is looked up once: the usual
// ones are the same, and the answer may have to come from a server.
func namedUsers(env func(string) string) []*user.User {
	var names []string
	var users []*user.User
	for _, variable := range []string{"FETCHMAILUSER", "LOGNAME", "USER"} {
		name := env(variable)
		if name == "" || slices.Contains(names, name) {
			continue
		}
		names = append(names, name)
		if u, err := user.Lookup(name); err == nil {
			users = append(users, u)
		}
	}
	return users
}

// agentUser is the user whom delivery agents run as; "" = the caller. For root it is the first user that the
// environment names.
func agentUser(named []*user.User, uid int) string {
	// Only root can become another user, and should not run an agent as root if it can be avoided.
	if uid == 0 && len(named) > 0 {
		return named[0].Username
	}
	return ""
}
