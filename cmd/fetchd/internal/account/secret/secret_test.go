package secret

import (
	"context"
	"strings"
	"testing"
	"time"

	"fetchd/fetch"
	"fetchd/tlsverify/hints"
)

func TestReadPassword(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, text, want, err string }{
		{"a line", "secret\n", "secret", ""},
		{"no line end", "secret", "secret", ""},
		{"CRLF", "secret\r\n", "secret", ""},
		{"more lines", "secret\nrest", "secret", ""},
		{"blanks stay", "  a b \n", "  a b ", ""},
		{"empty", "", "", "is empty"},
		{"empty line", "\nsecret", "", "is empty"},
		{"byte order mark", "\xef\xbb\xbfsecret\r\n", "secret", ""},
		{"byte order mark alone", "\xef\xbb\xbf\n", "", "is empty"},
		{"Latin-1", "s\xe9same\n", "s\xe9same", ""},
		{"UTF-16", "\xff\xfes\x00e\x00c\x00\r\x00\n\x00", "", "NUL byte"},
		{"NUL", "se\x00cret\n", "", "NUL byte"},
		{"endless", strings.Repeat("x", maxPassword+10), "", "longer than"},
	}

	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := readPassword(strings.NewReader(tt.text))
			if got != tt.want || (err != nil) != (tt.err != "") ||
				err != nil && !strings.Contains(err.Error(), tt.err) {
				t.Errorf("%q, %v", got, err)
			}
		})
	}
}

func FuzzReadPassword(f *testing.F) {
	for _, s := range []string{"a\n", "\r\n", "a\rb\n", "\x00\n", "\ufeffa\n"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, err := readPassword(strings.NewReader(s))
		if err == nil && (got == "" || strings.ContainsAny(got, "\n\x00") ||
			!strings.HasPrefix(strings.TrimPrefix(s, "\ufeff"), got)) {
			t.Errorf("%q gives %q", s, got)
		}
	})
}

func TestEvalPassword(t *testing.T) {
	t.Parallel()
	if got, err := evalPassword(t.Context(), "echo a secret; echo more"); got != "a secret" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	// What it starts may go on, as a key agent does.
	if got, err := evalPassword(t.Context(), "sleep 5 & echo secret"); got != "secret" || err != nil {
		t.Errorf("with an agent left in the background: %q, %v", got, err)
	}
	if got, err := evalPassword(t.Context(), "echo secret; exit 1"); got != "" ||
		err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("%q, %v", got, err)
	}
	_, err := evalPassword(t.Context(), "yes x | tr -d '\\n' | head -c 200000")
	if err == nil || !strings.Contains(err.Error(), "longer than") {
		t.Errorf("endless output: %v", err)
	}
}

// TestEvalPasswordEnds checks that a hanging command, and what it started, does not keep us.
func TestEvalPasswordEnds(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	start := time.Now()
	if _, err := evalPassword(ctx, "sleep 60 & sleep 60"); err == nil {
		t.Error("it gave a password")
	}
	if d := time.Since(start); d > 10*time.Second {
		t.Errorf("it took %v", d)
	}
}

// What a helper's end means: whether it passes, and what the user reads. Its arguments may be secret.
func TestEvalPasswordFails(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, command string
		kind          fetch.Kind
		text          string
	}{
		{"later", "sh -c 'echo no network >&2; exit 75'", fetch.KindNetwork,
			`passwordeval: "sh": exit status 75: "no network"`},
		{"killed", "kill -KILL $$", fetch.KindNetwork, `passwordeval: "kill": signal: killed`},
		{"killed below the shell", "sh -c 'kill -TERM $$'; exit $?", fetch.KindNetwork, "exit status 143"},
		{"another failure", "sh -c 'echo a; echo; echo gpg: no key; echo; exit 2' >&2", fetch.KindAuth,
			`"sh": exit status 2: "gpg: no key"`},
		{"says nothing", "false sesame", fetch.KindAuth, `passwordeval: "false": exit status 1`},
		{"shell syntax", "P=sesame; exit 4", fetch.KindAuth, "passwordeval: the command: exit status 4"},
		{"no such helper", "/no/such/helper", fetch.KindAuth,
			`passwordeval: there is no command "/no/such/helper"; hint: `},
		{"no such helper, with arguments", "no-such-helper show sesame", fetch.KindAuth,
			`passwordeval: there is no command "no-such-helper"; hint: `},
		{"the password itself", "sesame", fetch.KindAuth, "passwordeval: there is no such command; hint: "},
		{"no output", "true", fetch.KindAuth, `"true": the first line`},
		{"no output, at the end of a pipe", "sh -c 'echo gpg: no key >&2; exit 2' | head -n 1",
			fetch.KindAuth, `"sh": the first line, which should be the password, is empty: "gpg: no key"`},
		{"too long", "echo first >&2; sleep 60", fetch.KindNetwork,
			`"echo": it did not end within 500ms: "first"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			limit := evalTimeout
			if tt.name == "too long" {
				limit = 500 * time.Millisecond
			}

			_, err := evalWithin(t.Context(), tt.command, limit)
			if fetch.KindOf(err) != tt.kind || !strings.Contains(err.Error(), tt.text) ||
				strings.Contains(err.Error(), "sesame") || hints.Of(err) == "" {
				t.Errorf("%v, of kind %s", err, fetch.KindOf(err))
			}
		})
	}
}
