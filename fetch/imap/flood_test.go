package imap

import (
	"bytes"
	"compress/flate"
	"context"
	"log/slog"
	"runtime"
	"strings"
	"testing"
	"time"

	goimap "github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"

	"fetchd/fetch"
	"fetchd/fetch/fetchtest"
	"fetchd/fetch/login/imapline"
	"fetchd/fetch/wire"
)

// allocated is how many bytes do allocates.
func allocated(do func()) int64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	do()
	runtime.ReadMemStats(&after)
	return int64(after.TotalAlloc - before.TotalAlloc)
}

// Whatever a server goes on with on the way to a login comes to an end, after little of it and in little
// memory.
func TestFloodsBeforeTheLogin(t *testing.T) {
	const greeting = "* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN AUTH=LOGIN AUTH=SCRAM-SHA-256] x\r\n"
	long := "* CAPABILITY" + strings.Repeat(" A=B", (wire.MaxLine-64)/4) + "\r\n"
	for _, tt := range []struct{ name, begin, text string }{
		{"greeting", "", "x"},
		{"greeting of a line", "* OK [CAPABILITY", " A=B"},
		{"greetings", "", "* OK x\r\n"},
		{"capability", "* OK x\r\n* CAPABILITY", " A=B"},
		{"capabilities", "* OK x\r\n", "* CAPABILITY A=B\r\n"},
		{"long capabilities", "* OK x\r\n", long},
		{"capabilities in codes", "* OK x\r\n", "* OK [CAPABILITY A=B C=D] x\r\n"},
		{"alerts", greeting, "* OK [ALERT] x\r\n"},
		{"challenges", greeting, "+ \r\n"},
		{"challenge", greeting, "+ eHh4"},
		{"bytes", greeting, "\r\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := &fetch.Account{
				Name: "ann@mail.example.org", Log: slog.New(slog.DiscardHandler),
				Server: fetch.Server{Protocol: fetch.IMAP, Host: "mail.example.org",
					TLS: fetch.ClearText, Timeout: time.Minute},
				Credentials: fetch.Credentials{User: "ann", Auth: "any",
					Password: func(context.Context) (string, error) { return "sesame", nil }},
			}

			source := &endless{begin: tt.begin, text: tt.text}
			var s fetch.Session
			var err error
			server := &fetchtest.Tape{R: source, Size: 4096}
			n := allocated(func() { s, err = new(Quirks).begin(t.Context(), a, server) })
			if err == nil {
				_ = s.Close()
				t.Error("no error")
			}

			const most = (imapline.MaxUntagged + 2) * wire.MaxLine // one command's answer
			if source.sent > most || n > 10*most {
				t.Errorf("%d bytes are read and %d allocated (%v)", source.sent, n, err)
			}
		})
	}
}

// Of a thousand times more than what a server sends the same is taken as of what is not compressed.
func TestCompressedBombs(t *testing.T) {
	for _, tt := range []struct{ name, text string }{
		{"line", "x"},
		{"blank lines", "\r\n"},
		{"search results", "* SEARCH 1 3 5 7 9 11 13\r\n"},
		{"mailboxes", "* LIST () NIL a\r\n"},
		{"news", "* 1 EXISTS\r\n"},
		{"unasked messages", "* 1 FETCH (UID 1 BODY[] {1024}\r\n" + strings.Repeat("x", 1024) + ")\r\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var z bytes.Buffer
			w, err := flate.NewWriter(&z, flate.BestCompression)
			if err != nil {
				t.Fatal(err)
			}
			_, _ = w.Write(bytes.Repeat([]byte(tt.text), 1+(1<<20)/len(tt.text)))
			_ = w.Flush()
			source := &endless{text: z.String()}
			g := guardOn(source, 512)
			g.maxText = 1 << 20 // a 16th of what it is
			if err := g.conn.Compress(); err != nil {
				t.Fatal(err)
			}
			n := allocated(func() {
				client := imapclient.New(g, nil)
				search := client.UIDSearch(&goimap.SearchCriteria{}, nil)
				select {
				case <-client.Closed():
				case <-time.After(time.Minute):
					t.Fatalf("still reading after %d bytes", source.sent)
				}
				_, _ = search.Wait()
				_ = client.Close()
			})
			if err := g.conn.Err(); err == nil {
				t.Error("no error")
			}
			if source.sent > 64<<10 || n > 128<<20 {
				t.Errorf("%d bytes are read and %d allocated (%v)", source.sent, n, g.conn.Err())
			}
		})
	}
}
