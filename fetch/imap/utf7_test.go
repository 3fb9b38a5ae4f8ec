package imap

import (
	"io"
	"net"
	"strconv"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"fetchd/fetch/fetchtest"
	"fetchd/fetch/login/imapline"

	"github.com/emersion/go-imap/v2/imapclient"
)

func TestDecodeUTF7(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, in, want string }{
		{"ASCII", "Archive/2024", "Archive/2024"},
		{"encoded", "Entw&APw-rfe", "Entwürfe"},
		{"ampersand", "R&-D", "R&D"},
		{"ampersand as it is", "R&D", "R&D"},
		{"UTF-8 as it is", "Entwürfe &APw-", "Entwürfe &APw-"},
		{"beyond the first plane", "&2D3eAA-", "😀"},
		{"replacement character", "&,,0-", "\ufffd"},
		{"half a surrogate pair", "&2D0-", "&2D0-"},
		{"ASCII in base64", "&AGE-", "&AGE-"},
		{"unended", "a&APw", "a&APw"},
		{"padding bits", "&APx-", "&APx-"},
		{"standard base64", "&//0-", "&//0-"},
		{"empty", "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := imapline.DecodeName(tt.in); got != tt.want {
				t.Errorf("%q gives %q, want %q", tt.in, got, tt.want)
			}
		})
	}
}

// written is a connection that keeps what is written and gives nothing.
type written struct {
	fetchtest.Tape
	text  strings.Builder
	ended chan struct{}
}

func (w *written) Read([]byte) (int, error) {
	<-w.ended
	return 0, io.EOF
}

func (w *written) Write(p []byte) (int, error) { return w.text.Write(p) }

func (w *written) Close() error { return net.ErrClosed }

// encoded is name as imapclient sends it.
func encoded(name string) string {
	conn := &written{ended: make(chan struct{})}
	client := imapclient.New(conn, nil)
	client.Select(name, nil)
	close(conn.ended)
	<-client.Closed()
	_, arg, _ := strings.Cut(strings.TrimSuffix(conn.text.String(), "\r\n"), "SELECT ")
	if text, err := strconv.Unquote(arg); err == nil {
		return text
	}
	return arg
}

func FuzzDecodeUTF7(f *testing.F) {
	for _, s := range []string{
		"INBOX", "Entwürfe", "R&D", "台北/日本語", "😀&😀", "a\ufffdb", "\u0080", "&", "&-", "x&APw-", `a"b\c`,
	} {
		f.Add(s)
	}

	f.Fuzz(func(t *testing.T, name string) {
		got := imapline.DecodeName(name)
		if !utf8.ValidString(name) || name == "" ||
			strings.ContainsFunc(name, func(r rune) bool { return r < 0x80 && unicode.IsControl(r) }) {
			if len(got) > 2*len(name) {
				t.Errorf("%q gives %q", name, got)
			}
			return
		}

		if strings.EqualFold(name, "INBOX") {
			return
		}
		if wire := encoded(name); imapline.DecodeName(wire) != name {
			t.Errorf("%q is sent as %q, which is read as %q", name, wire, imapline.DecodeName(wire))
		}
		if got := imapline.EncodeName(name); imapline.DecodeName(got) != name {
			t.Errorf("%q is encoded as %q, which is read as %q", name, got, imapline.DecodeName(got))
		}
	})
}
