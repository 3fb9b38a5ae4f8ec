package secret

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"fetchd/fetch"
	"fetchd/rcfile"
	"fetchd/tlsverify/hints"
)

// finderIn finds passwords in files of dir; systemd's credentials are in its directory "credentials".
func finderIn(t *testing.T) (f *Finder, dir string, warnings *[]string) {
	t.Helper()
	dir, warnings = t.TempDir(), new([]string)
	credentials := filepath.Join(dir, "credentials")
	if err := os.Mkdir(credentials, 0o700); err != nil {
		t.Fatal(err)
	}
	return &Finder{
		Getenv: func(string) string { return credentials }, Netrc: filepath.Join(dir, "netrc"),
		Collected: map[string]string{},
		Warn:      func(_, text string) { *warnings = append(*warnings, text) },
	}, dir, warnings
}

func writeFile(t *testing.T, path, text string, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

// What may be in the place of a password file: a password, or an error that names the file.
func TestPasswordFile(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, path string
		make       func(t *testing.T, path string)
		says       string // in the error; "" = the password is found
		warns      string
	}{
		{"ours", "p", func(t *testing.T, path string) { writeFile(t, path, "sesame\n", 0o600) }, "", ""},
		{"others read", "p", func(t *testing.T, path string) { writeFile(t, path, "sesame\n", 0o644) }, "",
			"chmod 600"},
		{"others write", "p", func(t *testing.T, path string) { writeFile(t, path, "sesame\n", 0o622) },
			"p: others can write it", ""},
		{"empty", "p", func(t *testing.T, path string) { writeFile(t, path, "", 0o600) }, "p: the first line",
			""},
		{"a directory", "p", func(t *testing.T, path string) { _ = os.Mkdir(path, 0o700) }, "p: ", ""},
		{"none", "p", func(*testing.T, string) {}, "…: no such file", ""},
		{"a pipe nobody writes", "p", func(t *testing.T, path string) { _ = syscall.Mkfifo(path, 0o600) },
			"p: the first line", ""},

		// As systemd leaves a credential: root's, with an access list that shows as the group's bits.
		{"a credential", "credentials/p", func(t *testing.T, path string) {
			writeFile(t, path, "sesame\n", 0o440)
		}, "", ""},
		{"beside a copied rc file", "credentials/p", func(*testing.T, string) {},
			"add LoadCredential=NAME:/whole/path", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f, dir, warnings := finderIn(t)
			path := filepath.Join(dir, tt.path)
			tt.make(t, path)
			u := &rcfile.Secrets{PasswordFile: rcfile.Opt[string]{Value: path, Set: true}}
			l := Login{Account: "ann@h", Name: "ann", Poll: "h", Host: "h", Secrets: u, Needed: true}

			text, err := f.Password(l)(t.Context())
			if tt.says == "" && (err != nil || text != "sesame") ||
				tt.says != "" && (err == nil || !strings.Contains(err.Error(), tt.says)) {
				t.Errorf("%q, %v", text, err)
			}
			if said := strings.Join(*warnings, " "); !strings.Contains(said, tt.warns) ||
				tt.warns == "" && said != "" {
				t.Errorf("it warns %q", said)
			}
		})
	}
}

// A file that is gone is found out before the program connects.
// A password that was written where its file or its command belongs is not repeated.
func TestMisplacedPasswordIsNotShown(t *testing.T) {
	t.Parallel()
	for _, u := range []*rcfile.Secrets{
		{PasswordFile: rcfile.Opt[string]{Value: "/home/ann/sesame", Set: true}},
		{PasswordEval: rcfile.Opt[string]{Value: "sesame", Set: true}},
	} {
		f, _, _ := finderIn(t)
		l := Login{Account: "ann@h", Name: "ann", Poll: "h", Host: "h", Secrets: u, Needed: true}
		_, err := f.Password(l)(t.Context())
		for _, text := range []string{f.Describe(l), fmt.Sprint(err), fmt.Sprint(f.Check(l))} {
			if strings.Contains(text, "sesame") {
				t.Errorf("shows it: %s", text)
			}
		}
		if hints.Of(err) == "" || hints.Of(f.Check(l)) == "" {
			t.Errorf("no next step: %v, %v", err, f.Check(l))
		}
	}
}

func TestPasswordFileGone(t *testing.T) {
	t.Parallel()
	f, dir, _ := finderIn(t)
	path := filepath.Join(dir, "p")
	u := &rcfile.Secrets{PasswordFile: rcfile.Opt[string]{Value: path, Set: true}}
	l := Login{Account: "ann@h", Name: "ann", Poll: "h", Host: "h", Secrets: u, Needed: true}
	if err := f.Missing(l); err == nil || fetch.KindOf(err) != fetch.KindAuth {
		t.Error(err)
	}
	writeFile(t, path, "sesame\n", 0o600)
	if err := f.Missing(l); err != nil {
		t.Error(err)
	}
}

// A pipe whose writer says nothing ends the read, and not the program.
func TestPasswordFilePipe(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "p")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	writer, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer writer.Close()

	f, err := openAny(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := readWithin(t.Context(), f, time.Millisecond); err == nil ||
		!strings.Contains(err.Error(), "nothing came within") {
		t.Error(err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := readWithin(ended, f, time.Hour); err == nil {
		t.Error("the end of the program does not end it")
	}
}

// The error of a login without a password names the file that has one which is not used.
func TestNetrcIsNamed(t *testing.T) {
	t.Parallel()
	f, _, warnings := finderIn(t)
	writeFile(t, f.Netrc, "machine h login ann password sesame\n", 0o644)
	l := Login{Account: "ann@h", Name: "ann", Poll: "h", Host: "h", Secrets: &rcfile.Secrets{}, Needed: true}
	const says = "netrc: others may use it (0644), so its passwords are not used; hint: run: chmod 600"
	if err := f.Missing(l); err == nil || !strings.Contains(err.Error(), says) ||
		fetch.KindOf(err) != fetch.KindAuth {
		t.Error(err)
	}
	if _, err := f.Password(l)(t.Context()); err == nil || !strings.Contains(err.Error(), says) {
		t.Error(err)
	}
	if len(*warnings) > 0 {
		t.Errorf("said twice: %q", *warnings)
	}

	l.Name = "bob" // who is not in it
	if err := f.Missing(l); err == nil || strings.Contains(err.Error(), "netrc") {
		t.Error(err)
	}
}

// Two entries about one login ask for its password once.
func TestPromptsOnce(t *testing.T) {
	t.Parallel()
	f, _, _ := finderIn(t)
	l := Login{Account: "ann@h", Name: "ann", Poll: "h", Host: "h", Secrets: &rcfile.Secrets{}, Needed: true}
	asked := 0
	err := f.Collect([]Login{l, l}, func(string) (string, error) {
		asked++
		return "sesame", nil
	}, nil)
	if err != nil || asked != 1 || f.Collected["ann@h"] != "sesame" {
		t.Errorf("asked %d times, %v", asked, err)
	}
}

// Return alone is no password: to send an empty one would only be another refused login.
func TestNothingIsTyped(t *testing.T) {
	t.Parallel()
	f, _, _ := finderIn(t)
	l := Login{Account: "ann@h", Name: "ann", Poll: "h", Host: "h", Secrets: &rcfile.Secrets{}, Needed: true}
	if err := f.Collect([]Login{l}, func(string) (string, error) { return "", nil }, nil); err != nil {
		t.Fatal(err)
	}
	if text, err := f.Password(l)(t.Context()); err == nil || !strings.Contains(err.Error(), "can't find") {
		t.Errorf("%q, %v", text, err)
	}
}

// What was typed for one login is not sent by another of the same name that says where its password is.
func TestTypedPasswordStays(t *testing.T) {
	t.Parallel()
	f, _, _ := finderIn(t)
	f.Collected["ann@h"] = "typed"
	u := &rcfile.Secrets{PasswordEval: rcfile.Opt[string]{Value: "echo other", Set: true}}
	l := Login{Account: "ann@h", Name: "ann", Poll: "h", Host: "h", Secrets: u, Needed: true}
	if text, err := f.Password(l)(t.Context()); text != "other" || err != nil {
		t.Errorf("%q, %v", text, err)
	}
	l.Secrets = &rcfile.Secrets{}
	if text, err := f.Password(l)(t.Context()); text != "typed" || err != nil {
		t.Errorf("%q, %v", text, err)
	}
}

// A descriptor that the program was started with is read and closed; one of its own is left alone.
func TestPasswordDescriptor(t *testing.T) {
	t.Parallel()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	_, _ = w.WriteString("sesame\n")
	_ = w.Close()
	if text, err := fromDescriptor(int(r.Fd()), map[int]string{}); err == nil {
		t.Errorf("our own gives %q", text)
	}

	given, err := unix.Dup(int(r.Fd())) // without the flag that os sets
	if err != nil {
		t.Fatal(err)
	}
	read := map[int]string{}
	for range 2 { // the second one is for another account
		if text, err := fromDescriptor(given, read); err != nil || text != "sesame" {
			t.Errorf("%q, %v", text, err)
		}
	}

	f, _, _ := finderIn(t)
	u := &rcfile.Secrets{PasswordFD: rcfile.Opt[int]{Value: 1 << 20, Set: true}}
	var said error
	err = f.Collect([]Login{{Account: "ann@h", Secrets: u, Needed: true}}, nil,
		func(_ string, err error) { said = err })
	if err != nil || said == nil || !strings.Contains(said.Error(), "was not started with") {
		t.Errorf("%v, %v", err, said)
	}
}
