package delivery

import (
	"strings"
	"testing"
)

func TestMboxLines(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, in, want string }{
		{"nothing", "", ""},
		{"plain", "a: b\n\nbody\n", "a: b\n\nbody\n"},
		{"no final line end", "a\nb", "a\nb\n"},
		{"CRLF", "a\r\nb\r\n\r\n", "a\nb\n\n"},
		{"lone CR", "a\rb\r", "a\rb\r\n"},
		{"CR CR LF", "a\r\r\nb", "a\r\nb\n"},
		{"CR at the beginning", "\ra\r\n\r", "\ra\n\r\n"},
		{"From", "From a\n", ">From a\n"},
		{"quoted", ">From a\n>>From b\n", ">>From a\n>>>From b\n"},
		{"not quite", "From\nFrom:\n>Fro\n> From x\nfrom y\n From z\n",
			"From\nFrom:\n>Fro\n> From x\nfrom y\n From z\n"},
		{"within a line", "a From b\rFrom c\n", "a From b\rFrom c\n"},
		{"behind CRLF", "a\r\nFrom b\r\n", "a\n>From b\n"},
		{"at the end", "a\n>From ", "a\n>>From \n"},
		{"cut short", "a\n>>Fro", "a\n>>Fro\n"},
		{"only quotes", ">>>", ">>>\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			for _, size := range []int{1, 2, 3, len(tt.in) + 1} {
				if got := mboxed(tt.in, size, false); got != tt.want {
					t.Errorf("in pieces of %d: %q, want %q", size, got, tt.want)
				}
			}
		})
	}
}

func mboxed(text string, size int, ended bool) string {
	lines := mboxLines{ended: ended}
	var out []byte
	for ; len(text) > size; text = text[size:] {
		out = lines.append(out, []byte(text[:size]))
	}
	return string(lines.end(lines.append(out, []byte(text))))
}

// FuzzMboxLines: in whatever pieces a text comes, no line of it looks like the beginning of a message, and a
// reader gets it back.
func FuzzMboxLines(f *testing.F) {
	f.Add("From a\n>From b\r\n\n>>From", uint8(3), false)
	f.Add("\r\n\r\r\n>From \r", uint8(1), false)
	f.Add("\r\n\r\r\n>From \r", uint8(1), true)
	f.Fuzz(func(t *testing.T, text string, size uint8, ended bool) {
		got := mboxed(text, int(size)+1, ended)
		if got != mboxed(text, len(text)+1, ended) {
			t.Fatalf("%q depends on the pieces", text)
		}

		var back strings.Builder
		for line := range strings.Lines(got) {
			if strings.HasPrefix(line, fromWord) || !strings.HasSuffix(line, "\n") {
				t.Fatalf("%q has the line %q", got, line)
			}
			if strings.HasPrefix(line, ">") && strings.HasPrefix(strings.TrimLeft(line, ">"), fromWord) {
				line = line[1:]
			}
			back.WriteString(line)
		}
		want := text
		if !ended {
			want = strings.ReplaceAll(text, "\r\n", "\n")
		}
		if want != "" && !strings.HasSuffix(want, "\n") {
			want += "\n"
		}
		if back.String() != want {
			t.Errorf("%q comes back as %q", want, back.String())
		}
	})
}
