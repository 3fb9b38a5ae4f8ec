package rcfile

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestNetrcLookup(t *testing.T) {
	t.Parallel()
	const text = `# comment
machine mail.example.org login ann password s3cret
machine mail.example.org
	login bob
	password 'two words " quoted'
	account ignored
machine Other.Example.Org login ann password "" machine other.example.org login ann password second
macdef init
cd /pub
machine not.this login ann password x

machine via.example login ann passwd a\b#c" d"e # end
machine nologin.example password nobody
default login ann password everywhere
machine after.default login ann password after`
	n, warnings, err := parseNetrc("netrc", []byte(text))
	if err != nil || len(warnings) > 0 {
		t.Fatal(err)
	}
	tests := []struct{ name, login, host, via, want string }{
		{"plain", "ann", "mail.example.org", "", "s3cret"},
		{"second login", "bob", "mail.example.org", "", `two words " quoted`},
		{"host without case", "ann", "OTHER.example.org", "", "second"},
		{"via", "ann", "poll name", "via.example", `a\b#c de`},
		{"poll name first", "ann", "mail.example.org", "via.example", "s3cret"},
		{"login with case", "Ann", "mail.example.org", "", ""},
		{"macro body", "ann", "not.this", "", ""},
		{"default", "ann", "elsewhere", "", ""},
		{"no login", "ann", "nologin.example", "", ""},
		{"after default", "ann", "after.default", "", "after"},
		{"no host", "ann", "", "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if s, ok := n.Lookup(tt.login, tt.host, tt.via); s.Reveal() != tt.want || ok != (tt.want != "") {
				t.Errorf("%q, %v", s.Reveal(), ok)
			}
		})
	}
	if _, ok := (*Netrc)(nil).Lookup("a", "b"); ok {
		t.Error("nil has a password")
	}
}

// TestNetrcMistakes: other programs read the file too, and know other words; as for fetchmail none of them is
// the end.
func TestNetrcMistakes(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"machine":                         `n:2:1: "machine" without a value`,
		"machine a\n  passwort x":         "n:3:3: unknown word (not shown: it may be a secret)",
		"machine a login b port 5":        "n:2:19: unknown word (not shown: it may be a secret)",
		"machine a login \"b\npassword c": "n:2:17: quoted text has no end",
		"machine a password \"b":          "n:2:20: quoted text has no end",
		"machine a password my tok": "n:2:23: " +
			"unknown word after a password; hint: a password with a blank needs quotes",
		"machine a login b password 'a\rb'": `n:2:19: the value of "password" holds a line end`,
	} {
		n, warnings, err := parseNetrc("n", []byte("machine h login l password p\n"+text))
		if err != nil || len(warnings) == 0 || !strings.HasPrefix(warnings[0].Error(), want) {
			t.Errorf("%q: %v, %v", text, warnings, err)
		} else if s, _ := n.Lookup("l", "h"); s.Reveal() != "p" {
			t.Errorf("%q: the good line is lost", text)
		}
	}

	_, warnings, _ := parseNetrc("n", []byte("login ann"))
	const early = `n:1:1: "login" before the first machine`
	if len(warnings) != 1 || !strings.HasPrefix(warnings[0].Error(), early) {
		t.Errorf("no machine: %v", warnings)
	}

	_, _, err := parseNetrc("n", []byte("machine a\x00"))
	if err == nil || !strings.HasPrefix(err.Error(), "n:1:10: the file holds a NUL byte") {
		t.Errorf("NUL: %v", err)
	}
}

func TestLoadNetrc(t *testing.T) {
	t.Parallel()
	const text = "machine h login l password p\n"
	dir := filesIn(t, map[string]string{
		"good": text, "open@640": text, "open2@620": text, "harmless@666": "machine h login l\n",
		"exec@700": text, "d/x": text,
	})
	if err := os.Chmod(filepath.Join(dir, "d"), 0o777); err != nil {
		t.Fatal(err)
	}

	for name, want := range map[string][2]bool{
		"good":     {true, false},
		"exec":     {true, false},
		"open":     {false, true},
		"d/x":      {false, true},
		"open2":    {false, true},
		"harmless": {false, false},
		"none":     {false, false},
		".":        {false, true},
	} {
		n, warnings, err := LoadNetrc(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := n.Lookup("l", "h"); ok != want[0] || len(warnings) > 0 != want[1] {
			t.Errorf("%s: found %v, warnings %v", name, ok, warnings)
		}
		if refusal := n.Refusal("l", "x", "h"); (refusal != nil) != (want[1] && name != ".") {
			t.Errorf("%s: refusal %v", name, refusal)
		}
		if refusal := n.Refusal("l", "another"); refusal != nil {
			t.Errorf("%s: refusal for a machine that it does not have: %v", name, refusal)
		}
	}
}
