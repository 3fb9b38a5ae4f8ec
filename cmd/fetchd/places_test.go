package main

import (
	"os"
	"os/user"
	"testing"
)

func environment(pairs ...string) func(string) string {
	values := map[string]string{}
	for i := 0; i+1 < len(pairs); i += 2 {
		values[pairs[i]] = pairs[i+1]
	}
	return func(name string) string { return values[name] }
}

// Without a home directory nothing may be kept where the program happens to be started.
func TestNoHome(t *testing.T) {
	t.Parallel()
	at := &places{journal: ".local/state/fetchd/journal.db", grants: ".local/state/fetchd/oauth"}
	for path, want := range map[string]bool{
		at.journal: false, at.grants: false, "ids.db": true, "/s/j.db": true,
	} {
		if err := at.checkHome(path); (err == nil) != want {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestFindPlaces(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	tests := []struct {
		name string
		env  func(string) string
		uid  int
		want places
	}{
		{"home", environment("HOME", "/h"), 1000, places{
			home: "/h", rcfile: "/h/.fetchmailrc", fetchids: "/h/.fetchids",
			pidfile: "/h/.fetchmail.pid", netrc: "/h/.netrc",
			journal: "/h/.local/state/fetchd/journal.db", grants: "/h/.local/state/fetchd/oauth",
		}},
		{"root", environment("HOME", "/root"), 0, places{
			home: "/root", rcfile: "/root/.fetchmailrc", fetchids: "/root/.fetchids",
			pidfile: "/var/run/fetchmail.pid", netrc: "/root/.netrc",
			journal: "/root/.local/state/fetchd/journal.db", grants: "/root/.local/state/fetchd/oauth",
		}},
		{"HOME_ETC", environment("HOME", "/h", "HOME_ETC", dir), 1000, places{
			home: "/h", rcfile: dir + "/.fetchmailrc", fetchids: dir + "/.fetchids",
			pidfile: dir + "/.fetchmail.pid", netrc: dir + "/.netrc",
			journal: "/h/.local/state/fetchd/journal.db", grants: "/h/.local/state/fetchd/oauth",
		}},
		{"FETCHMAILHOME", environment(
			"HOME", "/h", "HOME_ETC", "/e", "FETCHMAILHOME", dir, "STATE_DIRECTORY", "/s",
		), 0, places{
			home: "/h", rcfile: dir + "/fetchmailrc", fetchids: dir + "/.fetchids",
			pidfile: dir + "/fetchmail.pid", netrc: dir + "/.netrc",
			journal: dir + "/journal.db", grants: dir + "/oauth",
		}},
		{"systemd", environment(
			"HOME", "/h", "STATE_DIRECTORY", "/var/lib/fetchd:/var/lib/other", "XDG_STATE_HOME", "/x",
		), 1000, places{
			home: "/h", rcfile: "/h/.fetchmailrc", fetchids: "/h/.fetchids",
			pidfile: "/h/.fetchmail.pid", netrc: "/h/.netrc",
			journal: "/var/lib/fetchd/journal.db", grants: "/var/lib/fetchd/oauth",
		}},
		{"XDG", environment("HOME", "/h", "XDG_STATE_HOME", "/x"), 1000, places{
			home: "/h", rcfile: "/h/.fetchmailrc", fetchids: "/h/.fetchids",
			pidfile: "/h/.fetchmail.pid", netrc: "/h/.netrc",
			journal: "/x/fetchd/journal.db", grants: "/x/fetchd/oauth",
		}},
	}

	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := &program{env: tt.env, uid: tt.uid, surroundings: surroundings{runDir: runDir}}
			got, err := p.places()
			if err != nil {
				t.Fatal(err)
			}

			got.caller, got.agent = "", "" // TestCaller looks at these
			if *got != tt.want {
				t.Errorf("got  %+v\nwant %+v", *got, tt.want)
			}
		})
	}

	if _, err := (&program{env: environment("FETCHMAILHOME", dir+"/missing")}).places(); err == nil {
		t.Error("a FETCHMAILHOME that is missing passes")
	}
}

func TestCaller(t *testing.T) {
	t.Parallel()
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	for _, env := range []func(string) string{
		environment(), environment("LOGNAME", "no such user"),
		environment("FETCHMAILUSER", me.Username), environment("USER", "nobody"),
	} {
		if got := caller(namedUsers(env), os.Getuid()); got != me.Username {
			t.Errorf("caller %q, want %q", got, me.Username)
		}
	}
	if got := agentUser(namedUsers(environment("LOGNAME", "no such user")), 0); got != "" {
		t.Errorf("agents run as %q", got)
	}
	if got := agentUser(namedUsers(environment("LOGNAME", me.Username)), 1000); got != "" {
		t.Errorf("without root, agents run as %q", got)
	}
}
