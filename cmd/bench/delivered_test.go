package main

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

// TestCheck delivers in every way that a contender may, and then damages what is there.
func TestCheck(t *testing.T) {
	t.Parallel()
	c := newCorpus(small, "m", 8)
	lf := func(m []byte) []byte { return bytes.ReplaceAll(m, []byte("\r\n"), []byte("\n")) }
	received := []byte("Received: from localhost\n\tby fetchd\nX-Fetchd: yes\n")
	tests := []struct {
		name   string
		kind   string
		change func(messages [][]byte) [][]byte
		want   tally
	}{
		{"Maildir", maildir, nil, tally{want: 8, whole: 8}},
		{"a file each", files, nil, tally{want: 8, whole: 8}},
		{"one file", joined, nil, tally{want: 8, whole: 8}},
		{"batched SMTP", batched, nil, tally{want: 8, whole: 8}},
		{"an mbox", mboxed, nil, tally{want: 8, whole: 8}},
		{"with more fields", maildir, func(m [][]byte) [][]byte {
			m[3] = append(bytes.Clone(received), m[3]...)
			return m
		}, tally{want: 8, whole: 8}},
		{"one is missing", maildir, func(m [][]byte) [][]byte { return m[1:] },
			tally{want: 8, whole: 7, missing: 1}},
		{"one came twice", maildir, func(m [][]byte) [][]byte { return append(m, m[0]) }, tally{
			want: 8, whole: 8, extra: 1,
		}},
		{"one is cut", files, func(m [][]byte) [][]byte {
			m[0] = m[0][:len(m[0])-20]
			return m
		}, tally{want: 8, whole: 7, missing: 1, damaged: 1}},
		{"a byte differs", joined, func(m [][]byte) [][]byte {
			m[0][len(m[0])/2] ^= 1
			return m
		}, tally{want: 8, whole: 7, missing: 1, damaged: 1}},
		{"a field is gone", maildir, func(m [][]byte) [][]byte {
			m[0] = bytes.Replace(m[0], []byte("To: ann@example.org\n"), nil, 1)
			return m
		}, tally{want: 8, whole: 7, missing: 1, damaged: 1}},
	}

	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var messages [][]byte
			for _, m := range c.messages {
				messages = append(messages, lf(m))
			}

			if tt.change != nil {
				messages = tt.change(messages)
			}
			out := output{tt.kind, t.TempDir()}
			deliver(t, &out, messages)
			got, err := c.check([]output{out}, nil, 1)
			if err != nil || got != tt.want {
				t.Errorf("%+v, %v; want %+v", got, err, tt.want)
			}
		})
	}
}

var fromLine = regexp.MustCompile(`(?m)^>*From `)

// deliver puts messages where o says; o.path becomes the file where it is to be one.
func deliver(t *testing.T, o *output, messages [][]byte) {
	t.Helper()
	write := func(path string, text []byte) {
		t.Helper()
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var all []byte
	for i, m := range messages {
		name := string(rune('a'+i)) + ":2,"
		switch o.kind {
		case maildir:
			if err := os.MkdirAll(filepath.Join(o.path, "new"), 0o700); err != nil {
				t.Fatal(err)
			}
			write(filepath.Join(o.path, "new", name), m)
		case files:
			write(filepath.Join(o.path, name), m)
		case joined:
			all = append(all, m...)
		case mboxed:
			all = append(all, "From a@example.org Sun Nov 22 04:00:00 2026\n"...)
			all = append(append(all, fromLine.ReplaceAll(m, []byte(">$0"))...), '\n')
		case batched:
			all = append(all, "MAIL FROM:<a@example.org>\nRCPT TO:<b@example.org>\nDATA\n"...)
			all = append(append(all, bytes.ReplaceAll(m, []byte("\n."), []byte("\n.."))...), ".\n"...)
		}
	}
	if o.isOneFile() {
		o.path = filepath.Join(o.path, "out")
		write(o.path, all)
	}
}
