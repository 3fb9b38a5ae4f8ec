package rcfile

import (
	"reflect"
	"slices"
	"testing"
)

func TestOverride(t *testing.T) {
	t.Parallel()
	c := mustParse(t, "rc", "defaults proto imap keep\n"+
		"poll x timeout 5 envelope 3 A user a pass p folder A B is l here user b no keep\nskip y user c\n")
	c.Override(&Said{
		Poll: Poll{Name: "ignored", Protocol: Some("pop3"), Envelope: Some("X-To"), AKA: []string{"k"}},
		User: User{Keep: Some(false), Folders: []string{"C"}, Locals: []LocalName{{"m", "m"}}},
	})
	want := mustParse(t, "rc", `poll x timeout 5 envelope 3 X-To proto pop3 aka k
		user a pass p folder C is m here no keep user b folder C is m here no keep
		skip y proto pop3 envelope X-To aka k user c folder C is m here no keep`)
	if !Equal(c, want) {
		t.Errorf("got:\n%s", printed(t, c, Fetchmailrc))
	}
	if c.Polls[0].Users[1].Pos.Line != 2 || c.Polls[0].Timeout.Pos.Col == 0 {
		t.Error("places were lost")
	}
}

func TestOverrideNothing(t *testing.T) {
	t.Parallel()
	const text = "set daemon 5 poll x proto imap aka a envelope X user a pass p is a * here user b folder F"
	c := mustParse(t, "rc", text)
	c.Override(new(Said))
	if !reflect.DeepEqual(c, mustParse(t, "rc", text)) {
		t.Errorf("got:\n%s", printed(t, c, Fetchmailrc))
	}
}

func TestAdHoc(t *testing.T) {
	t.Parallel()
	c := mustParse(t, "rc", "defaults proto pop3 user joe keep mda m\npoll x\n")
	c.Polls = []Poll{c.AdHoc("new.example")}
	c.Override(&Said{User: User{Remote: Some("ann")}})
	if !Equal(c, mustParse(t, "rc", "poll new.example proto pop3 user ann keep mda m")) {
		t.Errorf("got:\n%s", printed(t, c, Fetchmailrc))
	}
	if p := (&Config{}).AdHoc("n"); len(p.Users) != 1 || !p.Active {
		t.Errorf("without defaults: %+v", p)
	}
}

// TestRivalsAreNotInherited: a user's own password source must not lose to that of the defaults, which is for
// another server; and so for the other things that several words say.
func TestRivalsAreNotInherited(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, text, want string }{
		{"password", "defaults password p poll x user a passwordfile /f", "poll x user a passwordfile /f"},
		{"password source", "defaults passwordeval c passwordfd 3 poll x user a password p",
			"poll x user a password p"},
		{"TLS", "defaults ssl poll x user a sslmode none", "poll x user a sslmode none"},
		{"TLS mode", "defaults sslmode none poll x user a ssl", "poll x user a ssl"},
		{"own destination", "defaults mda m smtphost h/24 lmtp bsmtp /b poll x user a maildir /d",
			"poll x user a maildir /d"},
		{"fetchmail's destination", "defaults maildir /d poll x user a smtphost h",
			"poll x user a smtphost h"},
		{"several destinations", "defaults mda m maildir /d smtphost h poll x user a deliver \"mbox:/m\"",
			"poll x user a deliver \"mbox:/m\""},
		{"one in place of several", "defaults deliver \"mbox:/m\" poll x user a maildir /d",
			"poll x user a maildir /d"},
		{"fetchmail's in place of several", "defaults deliver \"mbox:/m\" poll x user a mda m",
			"poll x user a mda m"},
		{"as fetchmail", "defaults mda m poll x user a smtphost h", "poll x user a mda m smtphost h"},
		{"nothing said", "defaults password p ssl maildir /d poll x user a",
			"poll x user a password p ssl maildir /d"},
	} {
		if c := mustParse(t, "rc", tt.text); !Equal(c, mustParse(t, "rc", tt.want)) {
			t.Errorf("%s: got:\n%s", tt.name, printed(t, c, Fetchmailrc))
		}
	}

	c := mustParse(t, "rc", "poll x user a password p")
	c.Override(&Said{User: User{Secrets: Secrets{PasswordFile: Some("/f")}}})
	if !Equal(c, mustParse(t, "rc", "poll x user a passwordfile /f")) {
		t.Errorf("command line: got:\n%s", printed(t, c, Fetchmailrc))
	}
}

// TestDefaultsAreNotShared changes one entry's list and looks at another's.
func TestDefaultsAreNotShared(t *testing.T) {
	t.Parallel()
	c := mustParse(t, "rc",
		"defaults proto imap folder A is l here sslpin p\npoll x user a user b\npoll y user c\n")
	u := &c.Polls[0].Users[0]
	u.Folders[0], u.Locals[0], u.SSLPins[0] = "Z", LocalName{"z", "z"}, Some("z")
	for _, other := range []User{c.Polls[0].Users[1], c.Polls[1].Users[0]} {
		if other.Folders[0] != "A" || other.Locals[0].Local != "l" || other.SSLPins[0].Value != "p" {
			t.Errorf("shared: %+v", other.Folders)
		}
	}
}

func TestEqual(t *testing.T) {
	t.Parallel()
	texts := []string{
		"", "set daemon 0", "set daemon 5", "set syslog", "set no syslog", "poll x", "skip x", "poll y",
		"poll x poll x", "poll x user a", "poll x user b", "poll x user a user b",
		`poll x user a pass ""`, "poll x user a pass p", "poll x user a is * here",
		"poll x user a is b here", "poll x user a is b=c here", "poll x aka a b", "poll x aka b a",
		"poll x user a antispam 5", "poll x user a sslpin p", "poll x timeout 5",
	}
	for i, a := range texts {
		for j, b := range texts {
			if Equal(mustParse(t, "a", a), mustParse(t, "b", " "+b)) != (i == j) {
				t.Errorf("%q and %q", a, b)
			}
		}
	}
}

func TestKeywordsIsACopy(t *testing.T) {
	t.Parallel()
	list := Keywords()
	list[0].Name = "changed"
	if Keywords()[0].Name == "changed" {
		t.Error("the table can be changed")
	}

	names := map[string]bool{}
	for _, k := range Keywords() {
		for _, name := range append([]string{k.Name}, k.Aliases...) {
			if names[name] && name != "properties" {
				t.Errorf("%s is there twice", name)
			}
			names[name] = true
		}

		if k.Verdict != Accepted && k.Note == "" || k.Kind == Enum != (k.Values != nil) {
			t.Errorf("%s: note or values", k.Name)
		}
		if slices.ContainsFunc(k.Values,
			func(v Value) bool { return v.Verdict != Accepted && v.Note == "" }) {
			t.Errorf("%s: a value without a note", k.Name)
		}
	}
}
