package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"fetchd/rcfile"
)

func TestInsertPin(t *testing.T) {
	t.Parallel()
	const pin = "sha256//jHba6gQd8qGrqx9wuvjbGhKELX2wvm1fR8BuD8WPXUY="
	tests := []struct {
		name, file, text, want string // want: PIN is the new line
		fails, alone           bool
		port                   int
	}{
		{
			name: "the last entry",
			file: "rc",
			text: "poll h proto imap user ann pass x",
			want: "poll h proto imap user ann pass x\n    sslpin PIN\n",
			port: 143,
		},
		{
			name: "two users, comments",
			file: "rc",
			text: "poll h proto imap\n\tuser a pass x # one\n" +
				"\tuser b pass y\n\n# two\npoll other proto imap user c pass z\n",
			want: "poll h proto imap\n\tuser a pass x # one\n    sslpin PIN\n" +
				"\tuser b pass y\n\n# two\n    sslpin PIN\npoll other proto imap user c pass z\n",
			port: 143,
		},
		{
			name: "all on one line",
			file: "rc",
			text: "poll h proto imap user a pass x poll other proto imap user b pass y\n",
			want: "poll h proto imap user a pass x \n    sslpin PIN\npoll other proto imap user b pass y\n",
			port: 143,
		},
		{
			name: "more pins",
			file: "rc",
			text: "poll h proto imap user a pass x sslpin " +
				"sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n",
			want: "poll h proto imap user a pass x sslpin " +
				"sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n    sslpin PIN\n",
			port: 143,
		},
		{
			name: "defaults that the pin would replace",
			file: "rc",
			text: "defaults sslpin sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n" +
				"poll h proto imap user a pass x\n",
			fails: true,
			port:  143,
		},
		{
			name: "TOML",
			file: "rc.toml",
			text: "[[poll]]\nname = \"h\"\nprotocol = \"imap\"\n[[poll.user]]\n" +
				"user = \"a\"\n\n[[poll]]\nname = \"other\"\nprotocol = \"imap\"\n",
			want: "[[poll]]\nname = \"h\"\nprotocol = \"imap\"\n[[poll.user]]\n" +
				"user = \"a\"\n\nsslpin = [PIN]\n[[poll]]\nname = \"other\"\nprotocol = \"imap\"\n",
			port: 143,
		},
		{
			name:  "alone",
			file:  "rc",
			text:  "poll h proto imap user ann pass x",
			want:  "poll h proto imap user ann pass x\n    no sslcertck\n    sslpin PIN\n",
			alone: true,
			port:  143,
		},
		{
			name: "alone, TOML",
			file: "rc.toml",
			text: "[[poll]]\nname = \"h\"\nprotocol = \"imap\"\nuser = \"a\"\n",
			want: "[[poll]]\nname = \"h\"\nprotocol = \"imap\"\nuser = \"a\"\nsslcertck = false\n" +
				"sslpin = [PIN]\n",
			alone: true,
			port:  143,
		},
		{
			name: "only those at the port",
			file: "rc",
			text: "poll h proto imap user a pass x ssl\n" +
				"  user b pass y\npoll h proto pop3 user c pass z ssl\n",
			want: "poll h proto imap user a pass x ssl\n    sslpin PIN\n" +
				"  user b pass y\npoll h proto pop3 user c pass z ssl\n",
			port: 993,
		},
		{
			name:  "TOML in a form of its own",
			file:  "rc.toml",
			text:  "poll = [{name = \"h\", protocol = \"imap\", user = [{user = \"a\"}]}]\n",
			fails: true,
			port:  143,
		},
	}

	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			path := filepath.Join(dir, tt.file)
			if err := os.WriteFile(path, []byte(tt.text), 0o600); err != nil {
				t.Fatal(err)
			}

			cfg, err := rcfile.Load(path, rcfile.Auto)
			if err != nil {
				t.Fatal(err)
			}

			var edits []pinEdit
			for _, a := range accountsAt(cfg, "h", tt.port) {
				edits = append(edits,
					pinEdit{a.poll, a.user, nextPlace(cfg, a.poll, a.user), pinLine{pin, tt.alone}})
			}

			err = insertPin(rcfile.Loader{}, path, cfg, edits)
			got, rerr := os.ReadFile(path)
			if rerr != nil {
				t.Fatal(rerr)
			}

			want := strings.ReplaceAll(tt.want, "PIN", `"`+pin+`"`)
			if tt.fails {
				want = tt.text
			}
			if (err != nil) != tt.fails || string(got) != want {
				t.Errorf("%v\n%s\nwant\n%s", err, got, want)
			}
			if left, _ := os.ReadDir(dir); len(left) != 1 {
				t.Errorf("%d files are left", len(left))
			}
		})
	}
}

// A link stays a link. The grammar is that of the link's name, and relative paths stay what they are.
func TestEditThroughLink(t *testing.T) {
	t.Parallel()
	const text = "poll h proto imap user a pass x maildir mail\n"
	for _, tt := range []struct{ name, link, file, text, want string }{
		{"kept elsewhere", "rc", "kept", text, text + "# x\n"},
		{"a name that says less", "rc", "kept.toml", text, text + "# x\n"},
		{"a name that says more", "rc.toml", "kept", "[[poll]]\nname = 'h'\n", "[[poll]]\nname = 'h'\n# x\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			kept, link := filepath.Join(dir, "repository", tt.file), filepath.Join(dir, tt.link)
			err := errors.Join(os.Mkdir(filepath.Dir(kept), 0o700),
				os.WriteFile(kept, []byte(tt.text), 0o644),
				os.Symlink(kept, link))
			if err != nil {
				t.Fatal(err)
			}

			edit := rcEdit{path: link, private: true, loader: rcfile.Loader{SkipPermissions: true},
				text:    func(old []byte) []byte { return append(old, "# x\n"...) },
				meaning: func(*rcfile.Config) {}}
			if err := edit.apply(); err != nil {
				t.Fatal(err)
			}
			got, err := os.ReadFile(link)
			if err != nil || string(got) != tt.want {
				t.Errorf("%q, %v", got, err)
			}
			info, err1 := os.Lstat(link)
			target, err2 := os.Stat(kept)
			err = errors.Join(err1, err2)
			if err != nil || info.Mode().IsRegular() || target.Mode() != 0o600 {
				t.Errorf("%v, %v, %v", info.Mode(), target.Mode(), err)
			}
		})
	}
}
