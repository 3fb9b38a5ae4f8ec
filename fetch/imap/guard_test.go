package imap

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	goimap "github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"

	"fetchd/fetch"
	"fetchd/fetch/fetchtest"
	"fetchd/fetch/wire"
)

// guardOn returns a guard that reads r in pieces and waits for the answers to T1, T2, T3 and T4.
func guardOn(r io.Reader, size int) *guard {
	conn := wire.New(&fetchtest.Tape{R: r, Size: size}, wire.Options{})
	g := newGuard(conn, []string{"IMAP4REV1"}, &alerts{log: slog.New(slog.DiscardHandler)})
	g.open = []string{"T1", "T2", "T3", "T4"}
	return g
}

const shown = "* PREAUTH [CAPABILITY IMAP4REV1] logged in\r\n"

// pull reads all that a guard lets through.
func pull(g *guard, size int) (string, error) {
	var out bytes.Buffer
	_, err := io.CopyBuffer(struct{ io.Writer }{&out}, struct{ io.Reader }{g}, make([]byte, size))
	return strings.TrimPrefix(out.String(), shown), err
}

func TestGuard(t *testing.T) {
	t.Parallel()
	pad := strings.Repeat("x", 20<<10)
	tests := []struct{ name, in, want, err string }{
		{"tagged", "T1 OK done\r\nT2 no [INUSE x] a\rb\x00c\r\nT3 BAD\r\n",
			"T1 OK done\r\nT2 NO [INUSE] a b c\r\nT3 BAD\r\n", ""},
		{"codes with arguments",
			"T1 OK [COPYUID x] a\r\nT2 OK [CAPABILITY IMAP4rev2] b\r\nT3 NO [APPENDUID] c\r\n",
			"T1 OK a\r\nT2 OK b\r\nT3 NO c\r\n", ""},
		{"unclosed code", "T1 NO [X a\r\nT2 NO [] b\r\nT3 NO [a\"b] c\r\nT4 OK [X] [Y\r\n",
			"T1 NO (X a\r\nT2 NO b\r\nT3 NO c\r\nT4 OK [X] (Y\r\n", ""},
		{"text that looks like a literal", "T1 OK done {5}\r\n* OK hi {7}\r\nT2 OK x\r\n",
			"T1 OK done {5}\r\nT2 OK x\r\n", ""},
		{"continuation that nothing waits for", "+ idling {9}\r\n+\r\n+OK\r\n", "", ""},
		{"status",
			"* OK [UIDNEXT 5] x\r\n* ok [uidvalidity 6]\r\n* NO [X] y\r\n* OK [UIDNEXT x] y\r\n" +
				"* OK [CLOSED] z\r\n", "* OK [UIDNEXT 5] ok\r\n* OK [UIDVALIDITY 6] ok\r\n", ""},
		{"flags that imapclient can't take",
			"* OK [PERMANENTFLAGS (a]b)] x\r\n* FLAGS (a]b)\r\n* 1 FETCH (FLAGS (a]b) UID 1)\r\n", "", ""},
		{"sizes", "* 1 FETCH (UID 1 RFC822.SIZE 5)\r\n", "* 1 FETCH (UID 1 RFC822.SIZE 5)\r\n", ""},
		{"empty lines and lone LF", "\r\n\n* 1 EXISTS\n\r\r\n", "* 1 EXISTS\n", ""},
		{"unknown with literals", "* XFOO (((\" {3}\r\na\nb {2}\r\ncd\r\n* 2 EXISTS\r\n", "* 2 EXISTS\r\n",
			""},
		{"body", "* 1 FETCH (UID 1 BODY[] {4}\r\na\r\n) FLAGS ())\r\nT1 OK\r\n",
			"* 1 FETCH (UID 1 BODY[] {4}\r\na\r\n))\r\nT1 OK\r\n", ""},
		{"body, blank behind the literal", "* 1 FETCH (BODY[]  {4} \r\n)((( UID 1)\r\n",
			"* 1 FETCH (BODY[] {4}\r\n)((( UID 1)\r\n", ""},
		{"body of lines like responses", "* 1 FETCH (UID 1 BODY[] {22}\r\n* BYE x\r\n* 1 EXISTS\r\n\n)\r\n",
			"* 1 FETCH (UID 1 BODY[] {22}\r\n* BYE x\r\n* 1 EXISTS\r\n\n)\r\n", ""},
		{"NIL and quoted body", "* 1 FETCH (UID 1 BODY[] NIL)\r\n* 1 FETCH (BODY[] \"a{5}\")\r\n",
			"* 1 FETCH (UID 1 BODY[] NIL)\r\n* 1 FETCH (BODY[] \"a{5}\")\r\n", ""},
		{"quoted braces and parentheses", `* LIST () "/" "a\"({5}"` + "\r\n",
			`* LIST () "/" "a\"({5}"` + "\r\n", ""},
		{"name that ends in a brace", "* LIST () {1}\r\n/ a}\r\n* LIST () NIL b{c}\r\n",
			"* LIST () \"/\" a}\r\n* LIST () NIL b{c}\r\n", ""},
		{"literal8", "* 1 FETCH (BINARY[] ~{3}\r\na\x00b)\r\n", "* 1 FETCH (BODY[TEXT] {3}\r\na\x00b)\r\n",
			""},
		{"line longer than the buffer", "* LIST (\\" + pad + ") NIL a\r\n",
			"* LIST (\\" + pad + ") NIL a\r\n", ""},

		{"no IMAP", "HTTP/1.1 400 Bad Request\r\n", "", "no IMAP response"},
		{"BYE", "* BYE bye\x1b\r\n* 1 EXISTS\r\n", "", `BYE "bye\x1b"`},
		{"cut in a line", "* 1 EXI", "", "the server ended the connection"},
		{"cut in a body", "* 1 FETCH (BODY[] {9}\r\nabc", "* 1 FETCH (BODY[] {9}\r\nabc",
			"the server ended the connection"},
		{"body longer than announced", "* 1 FETCH (BODY[] {3}\r\nabc\r\ndef\r\n)\r\n",
			"* 1 FETCH (BODY[] {3}\r\nabc", "not as long"},
		{"body longer than announced, blank line", "* 1 FETCH (BODY[] {3}\r\nabc indeed\r\n)\r\n",
			"* 1 FETCH (BODY[] {3}\r\nabc", "not as long"},
		{"body shorter than announced", "* 1 FETCH (BODY[] {9}\r\nabc)\r\nT1 OK\r\n",
			"* 1 FETCH (BODY[] {9}\r\nabc)\r\nT1 ", "not as long"},
		{"cut in a literal", "* LIST () NIL {9}\r\nabc", "", "the server ended the connection"},
		{"nested", "* 1 FETCH (UID 1 BODYSTRUCTURE " + strings.Repeat("(", maxDepth) + "\r\n", "", "nested"},
		{"nested across literals", "* 1 FETCH (X " + strings.Repeat("((((((({1}\r\nx ", 10), "*", "nested"},
		{"nested behind closing ones", "* 1 FETCH )))))((((((\r\n", "", "unbalanced"},
		{"open quote", "* LIST () NIL \"abc\r\n", "", "quotes"},
		{"literal in an open quote", "* LIST () NIL \"abc{3}\r\nabc\"\r\n", "", "quotes"},
		{"LITERAL+ from the server", "* LIST () NIL {3+}\r\nabc\r\n", "* LIST () NIL \"abc\"\r\n", ""},
		{"negative literal", "* 1 FETCH (BODY[] {-5}\r\n", "* 1 FETCH (BODY[] {-5}\r\n", ""},
		{"literal of 2^63", "* 1 FETCH (BODY[] {9223372036854775808}\r\n", "", "malformed literal"},
		{"body of 2^63-1", "* 1 FETCH (BODY[] {9223372036854775807}\r\n", "", "a message of"},
		{"large literal elsewhere", "* 1 FETCH (BODY[HEADER] {9000000}\r\n", "", "a literal of"},
		{"large literal in a list of headers", "* 1 FETCH (BODY[HEADER.FIELDS (BODY[] {9000000}\r\n", "",
			"a literal of"},
		{"large literal in a search", "* ESEARCH {9000000}\r\n", "", "a literal of"},
		{"a tag that is a literal", "* ESEARCH (TAG {2}\r\nT2)\r\n* SEARCH {1}\r\n1\r\n",
			"* ESEARCH (TAG {2}\r\nT2)\r\n* SEARCH {1}\r\n1\r\n", ""},
		{"a search with a number", "* 5 SEARCH 1\r\n* 5 ESEARCH\r\n* 2 EXISTS\r\n", "* 2 EXISTS\r\n", ""},
		{"large response", "* LIST () NIL " + strings.Repeat("x", maxResponse) + "\r\n", "", "more than"},
		{"large response of small literals",
			"* LIST () NIL " + strings.Repeat("{9000}\r\n"+strings.Repeat("x", 9000), 200), "*",
			"more than 16 literals"},
		{"search in any order", "* SEARCH" + strings.Repeat(" 9 1", 3) + "\r\n", "* SEARCH 1 1 1 9 9 9\r\n",
			""},
		{"blanks behind a search", "* SEARCH  \r\n* SEARCH  1 2 \r\n* SEARCH 3\r\n",
			"* SEARCH\r\n* SEARCH 1 2\r\n* SEARCH 3\r\n", ""},
		{"extended search in small letters", "* esearch (tag \"T1\") uid all 1:2 \r\n",
			"* ESEARCH (TAG \"T1\") UID ALL 1:2\r\n", ""},
		{"lines of a search in no order", strings.Repeat("* SEARCH 9\r\n* SEARCH 1\r\n", maxUnsorted+1),
			strings.Repeat("* SEARCH 9\r\n* SEARCH 1\r\n", maxUnsorted) + "* SEARCH 9\r\n", "no order"},
		{"answered twice", "T1 OK a\r\nT1 OK b\r\n", "T1 OK a\r\n",
			`an answer to no command under way: "T1 OK b"`},
		{"answer to no command of ours", "T9 NO \x1b\r\n", "",
			`an answer to no command under way: "T9 NO \x1b"`},
		{"renumbered", "* OK [UIDVALIDITY 7] x\r\n* OK [UIDVALIDITY 8] x\r\nT1 OK\r\n", "", "renumbered"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			g := guardOn(strings.NewReader(tt.in), len(tt.in))
			if tt.name == "renumbered" {
				g.expectValidity(7)
				tt.want = "* OK [UIDVALIDITY 7] ok\r\n"
			}
			got, err := pull(g, 512)
			if got != tt.want && tt.want != "*" {
				t.Errorf("lets through %.300q, want %.300q", got, tt.want)
			}
			// The tape's end.
			ok := tt.err != "" && strings.Contains(err.Error(), tt.err) ||
				tt.err == "" && errors.Is(err, io.ErrUnexpectedEOF)
			if _, again := g.Read(make([]byte, 1)); !ok || !errors.Is(again, err) {
				t.Errorf("error %v, want %s; then %v", err, tt.err, again)
			}
		})
	}
}

// endless repeats a text for ever, after a beginning.
type endless struct {
	begin, text string
	at          int
	sent        int64
}

func (e *endless) Read(p []byte) (int, error) {
	for i := range p {
		if e.at < len(e.begin) {
			p[i] = e.begin[e.at]
		} else {
			p[i] = e.text[(e.at-len(e.begin))%len(e.text)]
		}
		e.at++
	}
	e.sent += int64(len(p))
	return len(p), nil
}

// What nobody asked for is bounded by its number and, beyond what one message may have, by its bytes; an
// answer to a command and a message that was asked for begin the count anew.
func TestUnaskedBodies(t *testing.T) {
	t.Parallel()
	const body = "* 1 FETCH (UID 1 BODY[] {3}\r\nabc)\r\n"
	for _, tt := range []struct {
		name, in string
		asked    bool
		want     string
	}{
		{"many", strings.Repeat(body, maxUnasked+2), false, "nobody asked for"},
		{"asked for", strings.Repeat(body, maxUnasked+2), true, "the server ended the connection"},
		{"as many as we ask for at once",
			strings.Repeat(body, 2*maxBatch) + "T1 OK\r\n" + strings.Repeat(body, 2*maxBatch), false,
			"the server ended the connection"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			g := guardOn(strings.NewReader(tt.in), 4096)
			var err error
			for p := make([]byte, 512); err == nil; _, err = g.Read(p) {
				if tt.asked {
					g.asked()
				}
			}

			if !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %s", err, tt.want)
			}
		})
	}
}

func TestLargeUnaskedBodies(t *testing.T) {
	t.Parallel()
	g := guardOn(strings.NewReader(""), 1)
	for range 2 { // the second may be one that was asked for
		if err := g.admit(fetch.MaxMessage); err != nil {
			t.Fatal(err)
		}
		g.asked()
	}
	_ = g.admit(fetch.MaxMessage)
	_ = g.admit(1)
	if err := g.admit(1); err == nil || fetch.KindOf(err) != fetch.KindProtocol {
		t.Errorf("error %v", err)
	}
}

// imapclient behind the guard comes to an end with whatever a server sends for ever, and takes little memory.
func TestEndlessServers(t *testing.T) {
	for _, tt := range []struct{ name, begin, text string }{
		{"line", "", "x"},
		{"untagged line", "* LIST () NIL ", "x"},
		{"numbers", "* SEARCH", " 1 3"},
		{"rising numbers", "* SEARCH ", "1"},
		{"search results", "", "* SEARCH 1 3 5 7 9 11 13\r\n"},
		{"parentheses", "* 1 FETCH (BODYSTRUCTURE ", "("},
		{"parentheses in turns", "* 1 FETCH (BODYSTRUCTURE ", "(\"a\" "},
		{"body in a list of headers", "* 1 FETCH (BODY[HEADER.FIELDS (BODY[] {99999999999}\r\n", "x"},
		{"literal behind a blank", "* LIST () NIL {99999999999} \r\n", "x\r\n"},
		{"quoted string", "* LIST () NIL \"", "x\r\n"},
		{"code", "* OK [X ", "x\r\n"},
		{"tagged code", "T1 OK [X ", "x\r\n"},
		{"blank lines", "", "\r\n"},
		{"news", "", "* 1 EXISTS\r\n"},
		{"mailboxes", "", "* LIST () NIL a\r\n"},
		{"capabilities", "* CAPABILITY", " A=B"},
		{"capabilities in a code", "", "* OK [CAPABILITY IMAP4rev1] x\r\n"},
		{"unasked messages", "", "* 1 FETCH (UID 1 BODY[] {3}\r\nabc)\r\n"},
		{"unasked messages of some size", "",
			"* 1 FETCH (UID 1 BODY[] {1024}\r\n" + strings.Repeat("x", 1024) + ")\r\n"},
		{"items", "* 1 FETCH (UID 1", " BODY[] {1}\r\nx"},
		{"literals", "* 1 FETCH (UID 1 ENVELOPE (", "{1}\r\nx "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			source := &endless{begin: tt.begin, text: tt.text}
			g := guardOn(source, 4096)
			g.maxText = 1 << 20
			client := imapclient.New(g, nil)
			search := client.UIDSearch(&goimap.SearchCriteria{}, nil)
			select {
			case <-client.Closed():
			case <-time.After(20 * time.Second):
				t.Fatalf("still reading after %d bytes", source.sent)
			}
			_, _ = search.Wait()
			_ = client.Close()
			runtime.ReadMemStats(&after)
			if n := after.HeapSys - before.HeapSys; int64(n) > 64<<20 || source.sent > 6<<20 {
				t.Errorf("heap grew by %d for %d bytes", int64(n), source.sent)
			}
			if err := g.conn.Err(); err == nil {
				t.Error("no error")
			}
		})
	}
}

func TestGuardTimeouts(t *testing.T) {
	t.Parallel()
	type say = func(*guard)
	write := func(s string) say { return func(g *guard) { _, _ = g.Write([]byte(s)) } }
	read := func(g *guard) { _ = g.next() }
	for _, tt := range []struct {
		name  string
		in    string
		steps []say
		quiet bool
	}{
		{"command under way", "", []say{write("T1 NOOP\r\n")}, false},
		{"answered", "T1 OK\r\n", []say{write("T1 NOOP\r\n"), read}, true},
		{"one of two answered", "T1 OK\r\n", []say{write("T1 NOOP\r\n"), write("T2 NOOP\r\n"), read}, false},
		{"long command in parts", "T1 OK\r\n", []say{write("T1 UID MOVE 1:2 \""), write("Trash\"\r\n"), read},
			true},
		{"idle not begun", "", []say{write("T1 IDLE\r\n")}, false},
		{"idle", "+ go\r\n", []say{write("T1 IDLE\r\n"), read}, true},
		{"idle with news", "+ go\r\n* 1 EXISTS\r\n", []say{write("T1 IDLE\r\n"), read, read}, true},
		{"idle ending", "+ go\r\n", []say{write("T1 IDLE\r\n"), read, write("DONE\r\n")}, false},
		{"idle ended", "+ go\r\nT1 OK\r\n", []say{write("T1 IDLE\r\n"), read, write("DONE\r\n"), read}, true},
		{"idle begun anew", "+ go\r\nT1 OK\r\n+ go\r\n",
			[]say{write("T1 IDLE\r\n"), read, write("DONE\r\n"), write("T2 IDLE\r\n"), read, read}, true},
		{"a continuation that is no IDLE's", "+ go\r\n", []say{write("T1 LIST \"\" {3}\r\n"), read}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			deadlines := &deadlineTape{Tape: fetchtest.Tape{R: strings.NewReader(tt.in), Size: 1 << 10}}
			g := newGuard(wire.New(deadlines, wire.Options{Timeout: time.Minute}),
				nil, &alerts{log: slog.New(slog.DiscardHandler)})

			for _, step := range tt.steps {
				step(g)
			}
			if d := time.Until(deadlines.last); (d > time.Minute) != tt.quiet {
				t.Errorf("the deadline is in %v", d)
			}
		})
	}
}

type deadlineTape struct {
	fetchtest.Tape
	last time.Time
}

func (d *deadlineTape) SetReadDeadline(t time.Time) error { d.last = t; return nil }

func TestViolationsAreProtocolErrors(t *testing.T) {
	t.Parallel()
	g := guardOn(strings.NewReader("* LIST () NIL \"\r\n"), 9)
	_, err := pull(g, 100)
	if fetch.KindOf(err) != fetch.KindProtocol || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("kind %d: %v", fetch.KindOf(err), err)
	}
}

func FuzzGuard(f *testing.F) {
	for _, s := range []string{
		"",
		"T1 OK [A b] c\r\n",
		"* OK [UIDVALIDITY 5] x\r\n+ x\r\n* BYE x\r\n",
		"* 1 FETCH (UID 1 BODY[] {3}\r\nabc FLAGS (\\Seen))\r\n* 1 EXISTS\r\n",
		"* LIST (\\A) \"/\" {3}\r\na\"b\r\n",
		"* 1 FETCH (BODY[] {3}\r\nabc UID 7)\r\nT1 OK\r\n",
		"* ESEARCH (TAG \"T1\") UID ALL 1:5,9\r\n* SEARCH 3 2 1\r\n",
		"* 1 FETCH (BODYSTRUCTURE ((((\"a\" \"b\" NIL NIL NIL \"x\" 5)\r\n",
		"* XFOO {2}\r\n\r\n\"\r\n",
		"* 1 FETCH (BODY[HEADER.FIELDS (BODY[] {9}\r\n",
		"* ESEARCH (TAG {2}\r\nT2)\r\n* SEARCH {1}\r\n1\r\n* 5 SEARCH 1\r\n* LIST\r\n* 1 FETCH (\r\n",
		"* 1 FETCH (ENVELOPE (\"{5}\" NIL) BODY[1.MIME] \"\\\"\" BINARY[] ~{1}\r\n\x00)\r\n",
	} {
		f.Add([]byte(s), uint8(3), false)
		f.Add([]byte(s), uint8(1), true)
	}

	f.Fuzz(func(t *testing.T, in []byte, chunk uint8, claim bool) {
		var first string
		for i, size := range []int{max(1, int(chunk)), len(in) + 1} {
			g := guardOn(bytes.NewReader(in), size)
			if claim {
				g.insertUID("7")
			}

			out, err := pull(g, size+3)
			if err == nil || errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Fatalf("ends with %v", err)
			}
			if fetch.KindOf(err) == fetch.KindInternal { // the guard makes an error of it
				t.Fatalf("a panic: %v", err)
			}
			if out += fmt.Sprint(" ", err, g.endInsertion()); i > 0 && out != first {
				t.Errorf("in pieces %q, whole %q", first, out)
			}
			if first = out; len(out) > len(in)+1000 {
				t.Errorf("%d bytes become %d", len(in), len(out))
			}
		}

		g := guardOn(bytes.NewReader(in), len(in)+1)
		client := imapclient.New(g, nil)
		<-client.Closed()
		_ = client.Close()
	})
}
