package account

import (
	"os"
	"path/filepath"
	"testing"
)

func TestCheckMaildir(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	for _, name := range []string{"spool", "spool/ann", "spool/ann/tmp", "empty"} {
		if err := os.Mkdir(at(name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(at("file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(at("spool"), 0o500); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		good bool
	}{
		{"spool/ann", true}, // the directory above need not be writable
		{"empty", true},
		{"new", true},
		{"no/such", false},
		{"file", false},
		{"file/mail", false},
	} {
		if err := checkMaildir(at(tt.name)); (err == nil) != tt.good {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

// The directory is looked at with the rights that mail is written with.
func TestCheckMaildirOfAnotherUser(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, path := range []string{filepath.Dir(dir), dir} {
		if err := os.Chmod(path, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for name, mode := range map[string]os.FileMode{"open": 0o700, "locked": 0o500} {
		home := filepath.Join(dir, name)
		if err := os.Mkdir(home, mode); err != nil {
			t.Fatal(err)
		}
		if os.Geteuid() == 0 { // whom nothing is locked for
			if err := os.Chown(home, 54321, 54321); err != nil {
				t.Fatal(err)
			}
		}
		if err := checkMaildir(filepath.Join(home, "Maildir")); (err == nil) != (name == "open") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
