package account

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"fetchd/cmd/fetchd/internal/account/secret"
	"fetchd/rcfile"
)

// An account's stamp changes with the files that its own login needs, and with no others.
func TestStamp(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, name := range []string{"password", "netrc", "fetchd.ann@h", "crl", "other"} {
		err := os.WriteFile(filepath.Join(dir, name), []byte("machine h login ann password x\n"), 0o600)
		if err != nil {
			t.Fatal(err)
		}
	}
	getenv := func(name string) string { return map[string]string{"CREDENTIALS_DIRECTORY": dir}[name] }
	r := New(Environment{
		Getenv: getenv, Secrets: &secret.Finder{Getenv: getenv, Netrc: filepath.Join(dir, "netrc")},
	})

	for _, tt := range []struct {
		name, words, change string
		reload, want        bool
	}{
		{"passwordfile", "passwordfile " + dir + "/password", "password", false, true},
		{".netrc", "", "netrc", false, true},
		{"a credential", "", "fetchd.ann@h", false, true},
		{"a file that isn't the source", "passwordfile " + dir + "/password", "netrc", false, false},
		{"another account's", "", "other", false, false},
		{"nothing, a reload", "passwordfile " + dir + "/password", "", true, false},
		{"a command, a reload", "passwordeval true", "", true, true},
		{"a command, no reload", "passwordeval true", "", false, false},
	} {
		cfg, err := rcfile.Parse("rc",
			[]byte("poll h proto imap user ann sslproto '' mda true "+tt.words+"\n"), rcfile.Fetchmailrc)
		if err != nil {
			t.Fatal(err)
		}
		resolve := func() func() string {
			accounts, _, err := r.Resolve(cfg, Selected(cfg, nil), nil)
			if err != nil {
				t.Fatal(err)
			}
			return accounts[0].Stamp
		}
		stamp := resolve()
		before := stamp()
		if tt.change != "" {
			later := time.Now().Add(time.Hour)
			if err := os.Chtimes(filepath.Join(dir, tt.change), later, later); err != nil {
				t.Fatal(err)
			}
		}
		if tt.reload {
			resolve()
		}
		if got := stamp() != before; got != tt.want {
			t.Errorf("%s: changed = %v", tt.name, got)
		}
		if tt.change != "" {
			if err := os.Chtimes(filepath.Join(dir, tt.change), time.Now(), time.Now()); err != nil {
				t.Fatal(err)
			}
		}
	}
}
