package rcfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// filesIn writes files into a new directory; names may hold directories, modes follow the name after "@".
func filesIn(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		name, mode, _ := strings.Cut(name, "@")
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if mode == "" {
			mode = "600"
		}
		bits, err := strconv.ParseUint(mode, 8, 9)
		if err == nil {
			err = os.Chmod(path, fs.FileMode(bits))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestLoadPermissions(t *testing.T) {
	t.Parallel()
	const secret, harmless = "poll x proto imap user a pass p\n", "poll x proto imap user a\n"
	tests := []struct {
		name, mode, text string
		refused, warned  bool
	}{
		{"private", "600", secret, false, false},
		{"executable", "700", secret, false, false},
		{"group may search", "710", secret, false, false},
		{"group reads", "640", secret, true, false},
		{"group writes", "620", secret, true, false},
		{"others search", "601", secret, true, false},
		{"world readable", "644", secret, true, false},
		{"no secret", "644", harmless, false, true},
		{"empty password", "644", `poll x proto imap user a pass ""`, false, true},
		{"mda", "644", "poll x proto imap user a mda m\n", true, false},
		{"plugin", "644", "poll x proto imap plugin m user a\n", true, false},
		{"passwordeval", "644", "poll x proto imap user a passwordeval m\n", true, false},
		{"alertcommand", "644", "set alertcommand m\npoll x proto imap user a\n", true, false},
		{"preconnect", "644", "poll x proto imap user a pre m\n", true, false},
		{"esmtppassword", "644", "poll x proto imap esmtppassword m user a\n", true, false},
		{"defaults only", "644", "defaults user a pass p\n", true, false},
		{"passwordfile", "644", "poll x proto imap user a passwordfile f\n", true, false},
		{"passwordfd", "644", "poll x proto imap user a passwordfd 3\n", true, false},
		{"sslkey", "644", "poll x proto imap user a sslcert c sslkey k\n", true, false},
		{"sslkeypass", "644", "poll x proto imap user a sslcert c sslkeypass s\n", true, false},
		{"sslcert alone", "644", "poll x proto imap user a sslcert c\n", false, true},
		{"no secret, group writes", "620", harmless, true, false},
		{"no secret, others write", "602", harmless, true, false},
		{"a mistake, others write", "666", "poll x frob\n", true, false},
		{"toml", "644", "[[poll]]\nname='x'\nprotocol='imap'\nuser='a'\npassword='p'\n", true, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(filesIn(t, map[string]string{"rc@" + tt.mode: tt.text}), "rc")
			c, err := Load(path, Auto)
			refused, ok := errors.AsType[*PermissionError](err)
			if ok != tt.refused {
				t.Fatalf("refused: %v, want %v: %v", ok, tt.refused, err)
			}
			if ok && !strings.Contains(refused.Error(), "chmod 600 "+path) {
				t.Errorf("doesn't say how to mend it: %v", err)
			}
			if c != nil && len(c.Warnings()) > 0 != tt.warned {
				t.Errorf("warnings: %v", c.Warnings())
			}
			_, err = Loader{SkipPermissions: true}.Load(path)
			if _, ok := errors.AsType[*PermissionError](err); ok {
				t.Errorf("with the check off: %v", err)
			}
		})
	}
}

func TestLoadKindsOfFile(t *testing.T) {
	t.Parallel()
	dir := filesIn(t, map[string]string{"rc": "poll x proto imap user a pass p\n"})
	if err := os.Symlink(filepath.Join(dir, "rc"), filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}

	for name, ok := range map[string]bool{
		filepath.Join(dir, "link"): true, os.DevNull: true, filepath.Join(dir, "none"): false,
	} {
		if _, err := Load(name, Auto); (err == nil) != ok {
			t.Errorf("%s: %v", name, err)
		}
	}

	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}

	for _, name := range []string{pipe, dir, "/dev/zero"} {
		if _, err := Load(name, Auto); err == nil || !strings.Contains(err.Error(), "regular file") {
			t.Errorf("%s: %v", name, err)
		}
	}

	if _, err := Load(filepath.Join(dir, "none"), Auto); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing file: %v", err)
	}
}

func TestLoadStdin(t *testing.T) {
	t.Parallel()
	c, err := Loader{Stdin: strings.NewReader("poll x proto imap user a pass p sslcert c\n")}.Load("-")
	if err != nil {
		t.Fatal(err)
	}
	if got := c.Polls[0].Users[0].SSLCert; got.Value != "c" || got.Pos.String() != "stdin:1:41" {
		t.Errorf("%+v", got)
	}
}

func TestLoadPaths(t *testing.T) {
	t.Parallel()
	const text = `set logfile l set idfile /i set pidfile p
poll x proto imap user a sslcert c sslkey k sslcertfile f sslcertpath d bsmtp b maildir m mbox ~/M
 passwordfile w sslcrlfile r
poll y proto imap user a bsmtp - sslcert ~/c smtphost host/24 ~/lmtp
`

	dir := filesIn(t, map[string]string{"rc": text})
	c, err := Load(filepath.Join(dir, "rc"), Auto)
	if err != nil {
		t.Fatal(err)
	}

	home, err := os.UserHomeDir()
	if err != nil {
		t.Fatal(err)
	}

	u, v := c.Polls[0].Users[0], c.Polls[1].Users[0]
	for _, tt := range []struct {
		got  Opt[string]
		want string
	}{
		{c.Globals.Logfile, dir + "/l"}, {c.Globals.Idfile, "/i"}, {c.Globals.Pidfile, dir + "/p"},
		{u.SSLCert, dir + "/c"}, {u.SSLKey, dir + "/k"},
		{u.SSLCertFile, dir + "/f"}, {u.SSLCertPath, dir + "/d"},
		{u.BSMTP, dir + "/b"}, {u.Maildir, dir + "/m"}, {u.Mbox, home + "/M"}, {u.PasswordFile, dir + "/w"},
		{u.SSLCRLFile, dir + "/r"}, {v.BSMTP, "-"}, {v.SSLCert, home + "/c"},
	} {
		if tt.got.Value != tt.want {
			t.Errorf("%s, want %s", tt.got.Value, tt.want)
		}
	}

	if want := []string{"host/24", home + "/lmtp"}; !slices.Equal(v.SMTPHosts, want) {
		t.Errorf("%q, want %q", v.SMTPHosts, want)
	}
	c, err = Loader{AsWritten: true}.Load(filepath.Join(dir, "rc"))
	if err != nil || c.Polls[0].Users[0].Mbox.Value != "~/M" || c.Polls[1].Users[0].SMTPHosts[1] != "~/lmtp" {
		t.Errorf("as written: %v", err)
	}
}

// TestConvertedPathsOfIncludes: what is written as one file has the place of the outer one.
func TestConvertedPathsOfIncludes(t *testing.T) {
	t.Parallel()
	dir := filesIn(t, map[string]string{
		"rc":       "set logfile l include sub/x.rc poll b user u maildir M",
		"sub/x.rc": "poll a user u maildir M mbox ~/M sslcertfile /c",
	})
	c, err := Loader{AsWritten: true}.Load(filepath.Join(dir, "rc"))
	if err != nil {
		t.Fatal(err)
	}
	u := c.Polls[0].Users[0]
	got := []string{
		c.Globals.Logfile.Value, u.Maildir.Value, u.Mbox.Value, u.SSLCertFile.Value,
		c.Polls[1].Users[0].Maildir.Value,
	}
	if want := []string{"l", dir + "/sub/M", "~/M", "/c", "M"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestInclude(t *testing.T) {
	t.Parallel()
	dir := filesIn(t, map[string]string{
		"rc": "set daemon 5\ndefaults proto imap timeout 7\npoll first user a\n" +
			"include sub/one.rc\ninclude conf.d\npoll last user z\n",
		"sub/one.rc":      "set daemon 6\ndefaults keep\npoll one user b sslcert c\ninclude deeper.toml\n",
		"sub/deeper.toml": "[[poll]]\nname = 'deep'\nuser = 'c'\n",
		"conf.d/b.rc":     "poll b user d no keep\n",
		"conf.d/a.toml":   "[[poll]]\nname = 'a'\nuser = 'e'\n",
		"conf.d/skip.me":  "nonsense",
		"conf.d/.hid.rc":  "nonsense",
	})

	c, err := Load(filepath.Join(dir, "rc"), Auto)
	if err != nil {
		t.Fatal(err)
	}

	var names []string
	for _, p := range c.Polls {
		names = append(names, p.Name)
		keeps := p.Name == "one" || p.Name == "deep"
		if p.Timeout.Value != 7 || p.Users[0].Keep.Value != keeps {
			t.Errorf("%s: wrong defaults", p.Name)
		}
	}

	if got := strings.Join(names, " "); got != "first one deep a b last" {
		t.Errorf("order: %s", got)
	}
	if c.Globals.Daemon.Value != 6 || c.Polls[1].Users[0].SSLCert.Value != dir+"/sub/c" {
		t.Errorf("globals or paths of an included file: %+v", c.Globals.Daemon)
	}
	if c.AdHoc("new").Users[0].Keep.Set {
		t.Error("the defaults of an included file are those of all")
	}
}

func TestIncludeMistakes(t *testing.T) {
	t.Parallel()
	dir := filesIn(t, map[string]string{
		"circle":      "poll x proto imap user a\ninclude circle\n",
		"missing":     "include none\n",
		"broken":      "include inner.rc\npoll y proto nonsense\n",
		"inner.rc":    "poll x frob\n",
		"open":        "include open.rc\n",
		"open.rc@644": "poll x proto imap user a pass p\n",
		"late":        "include empty.rc\ndefaults keep\n",
		"empty.rc":    "",
		"other":       "include other.d\n",
		"other.d/a":   "poll x proto imap user a\n",
	})

	for name, want := range map[string]string{
		"circle":  "circle:2:9: " + dir + "/circle includes itself",
		"missing": "missing:1:9: include: open",
		"broken":  "inner.rc:1:8: unknown word",
		"open":    "chmod 600 " + dir + "/open.rc",
		"late":    `late:2:1: "defaults" is not the first`,
	} {
		_, err := Load(filepath.Join(dir, name), Auto)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", name, err)
		}
	}

	_, err := Load(filepath.Join(dir, "broken"), Auto)
	if !strings.Contains(err.Error(), "broken:2:14: unknown protocol") {
		t.Errorf("the error after the include is missing: %v", err)
	}

	c, err := Load(filepath.Join(dir, "other"), Auto)
	if err != nil || len(c.Warnings()) != 1 ||
		!strings.Contains(c.Warnings()[0].Error(), "other:1:9: include: nothing in") {
		t.Errorf("a directory without rc files: %v, warnings %v", err, c.Warnings())
	}
}

// TestIncludesOfOthers: what another user could have written is never read, even without a secret in it: it
// would say where the secrets go.
// TestIncludesThatMultiply would else read 64,000,000 files.
func TestIncludesThatMultiply(t *testing.T) {
	t.Parallel()
	files := map[string]string{"5": "poll x proto imap user a\n"}
	for i := range 5 {
		files[fmt.Sprint(i)] = strings.Repeat(fmt.Sprintf("include %d\n", i+1), 40)
	}

	dir := filesIn(t, files)
	_, err := Load(filepath.Join(dir, "0"), Auto)
	if want := "5 is included more than 1000 times"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%v, want %q", err, want)
	}
}

func TestIncludesOfOthers(t *testing.T) {
	t.Parallel()
	const theft = "poll evil proto imap user a passwordfile /home/victim/.secret\n"
	tests := []struct {
		name, include string
		files         map[string]string
		mode          fs.FileMode // of the directory d
		want          string      // "" = it is read
	}{
		{"safe directory", "d", map[string]string{"d/x.rc": theft}, 0o755, ""},
		{"open directory", "d", map[string]string{"d/x.rc": theft}, 0o777, "chmod go-w"},
		{"open directory with nothing in it", "d", map[string]string{"d/x": ""}, 0o777, "chmod go-w"},
		{"directory like /tmp", "d", map[string]string{"d/x.rc": theft}, 0o777 | fs.ModeSticky, "chmod go-w"},
		{"open file", "d", map[string]string{"d/x.rc@622": "# nothing"}, 0o700, "chmod 600"},
		{"one file in an open directory", "d/x.rc", map[string]string{"d/x.rc": theft}, 0o777, "chmod go-w"},
		{"one file in a directory like /tmp", "d/x.rc",
			map[string]string{"d/x.rc": theft}, 0o777 | fs.ModeSticky, ""},
		{"within another", "one.rc",
			map[string]string{"one.rc": "include d", "d/x.rc": theft}, 0o777, "chmod go-w"},
		{"readable secret", "d/x.rc", map[string]string{"d/x.rc@644": theft}, 0o700, "chmod 600"},
	}

	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := filesIn(t, tt.files)
			if err := os.Chmod(filepath.Join(dir, "d"), tt.mode); err != nil {
				t.Fatal(err)
			}

			outer := "include " + filepath.Join(dir, tt.include)
			rc := filepath.Join(filesIn(t, map[string]string{"rc": outer}), "rc")
			for name, load := range map[string]func() (*Config, error){
				"file": func() (*Config, error) { return Load(rc, Auto) },
				"stdin": func() (*Config, error) {
					return Loader{Stdin: strings.NewReader(outer)}.Load("-")
				},
				"credentials": func() (*Config, error) {
					return Loader{Credentials: filepath.Dir(rc)}.Load(rc)
				},
			} {
				_, err := load()
				refused, ok := errors.AsType[*PermissionError](err)
				if ok != (tt.want != "") || ok && !strings.Contains(refused.Error(), tt.want) {
					t.Errorf("%s: %v, want %q", name, err, tt.want)
				}
			}

			if _, err := (Loader{SkipPermissions: true}).Load(rc); err != nil {
				t.Errorf("with the check off: %v", err)
			}
		})
	}
}

// TestCredentials: the files of that directory alone pass, whatever their bits.
func TestCredentials(t *testing.T) {
	t.Parallel()
	dir := filesIn(t, map[string]string{"rc@640": "poll x user a pass p", "x/rc@640": "poll x user a pass p"})
	if _, err := (Loader{Credentials: dir + "/"}).Load(filepath.Join(dir, "rc")); err != nil {
		t.Error(err)
	}
	for path, credentials := range map[string]string{"x/rc": dir, "rc": dir + "/x", "x/../rc": dir + "/x"} {
		_, err := Loader{Credentials: credentials}.Load(dir + "/" + path)
		if _, ok := errors.AsType[*PermissionError](err); !ok {
			t.Errorf("%s, credentials in %s: %v", path, credentials, err)
		}
	}
}

func TestDetect(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]Format{
		"": Fetchmailrc, "# c\n[global]": TOML, "[[poll]]": TOML, "poll [x]": Fetchmailrc,
		"set daemon = 5": Fetchmailrc, "include = ['a']": TOML, "include a": Fetchmailrc,
		"poll = []": TOML, "defaults = {}": TOML, "defaults keep": Fetchmailrc, "poll a": Fetchmailrc,
		"global.daemon = 5": TOML,
	} {
		if got := detect("rc", []byte(text)); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
	if detect("a.toml", nil) != TOML {
		t.Error("a.toml is not TOML")
	}
}
