package secret

import (
	"context"
	"path/filepath"
	"testing"

	"fetchd/rcfile"
)

// A credential's name says whose password it is, however systemd was told to load it.
func TestNamesOfCredentials(t *testing.T) {
	t.Parallel()
	login := Login{
		Account: "ann@entry", Poll: "entry", Host: "mail.example.org", Name: "ann",
		Secrets: new(rcfile.Secrets), Needed: true,
	}
	tests := []struct {
		name, credential string
		found            bool
	}{
		{"its server's", "fetchd.ann@mail.example.org", true},
		{"its entry's", "fetchd.ann@entry", true},
		{"from a directory, its server's", "fetchd_ann@mail.example.org", true},
		{"from a directory, its entry's", "fetchd_ann@entry", true},
		{"the entry alone", "entry", true},
		{"somebody else's", "fetchd_bob@mail.example.org", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f, dir, _ := finderIn(t)
			writeFile(t, filepath.Join(dir, "credentials", tt.credential), "secret\n", 0o400)

			text, found, err := f.search(context.Background(), login)
			if found != tt.found || found && text != "secret" || err != nil {
				t.Errorf("%q, %v, %v", text, found, err)
			}
		})
	}
}
