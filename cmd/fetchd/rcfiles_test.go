package main

import (
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"fetchd/cmd/fetchd/internal/cli"
	"fetchd/rcfile"
)

// A daemon reads its configuration again after each change that may make it another one, or make one that
// was refused usable.
func TestChangedRCFiles(t *testing.T) {
	t.Parallel()
	chmod := func(name string, mode os.FileMode) func(string) error {
		return func(dir string) error { return os.Chmod(filepath.Join(dir, name), mode) }
	}
	const entry = "poll h proto imap user ann password sesame\n"
	for _, tt := range []struct {
		name   string
		change func(dir string) error
		want   bool
	}{
		{"nothing", func(string) error { return nil }, false},
		{"the rc file", func(dir string) error { return rewrite(dir, "rc", "# shorter\n") }, true},
		{"its permissions", chmod("rc", 0o700), true},
		{"another in its place", func(dir string) error { return replace(filepath.Join(dir, "rc")) }, true},
		{"it is gone", func(dir string) error { return os.Remove(filepath.Join(dir, "rc")) }, true},
		{"an included file", func(dir string) error { return rewrite(dir, "one", "# none\n") }, true},
		{"permissions of one", chmod("d/a.rc", 0o600), true},
		{"a file in a directory", func(dir string) error { return rewrite(dir, "d/b.rc", entry) }, true},
		{"another file", func(dir string) error { return rewrite(dir, "other", entry) }, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			rc := filepath.Join(dir, "rc")
			for name, text := range map[string]string{
				"rc": "include one\ninclude d\n", "one": entry, "d/a.rc": entry,
			} {
				if err := rewrite(dir, name, text); err != nil {
					t.Fatal(err)
				}
			}
			// The configuration is refused for this.
			if err := os.Chmod(filepath.Join(dir, "d/a.rc"), 0o644); err != nil {
				t.Fatal(err)
			}

			p := &program{name: "fetchd", stderr: io.Discard, env: func(string) string { return "" }}
			c := new(cli.CommandLine)
			c.Rcfile = rcfile.Some(rc)
			if _, err := p.configuration(c, &places{}); err == nil {
				t.Fatal("a secret that others can read")
			}
			if err := tt.change(dir); err != nil {
				t.Fatal(err)
			}
			if got := p.rcfiles.haveChanged(); got != tt.want {
				t.Errorf("changed: %t, want %t", got, tt.want)
			}
		})
	}
}

func rewrite(dir, name, text string) error {
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return os.WriteFile(path, []byte(text), 0o600)
}

// replace puts a copy of the file in its place, with the same times, as cp -p and mv do.
func replace(path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if err := os.WriteFile(path+".new", text, 0o600); err != nil {
		return err
	}
	if err := os.Chtimes(path+".new", time.Time{}, info.ModTime()); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}
