package pop3

import (
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"testing"
	"time"

	"fetchd/fetch"
	"fetchd/fetch/fetchtest"
	"fetchd/tlsverify"
)

// stranger is an account whose server nobody knows; its trace goes to heard.
func stranger(mode fetch.TLSMode, auth string, heard *strings.Builder) *fetch.Account {
	return &fetch.Account{
		Name: "ann@mail.example.org", Key: "ann", Log: slog.New(slog.DiscardHandler),
		Trace: func(line string) { fmt.Fprintln(heard, line) },
		Server: fetch.Server{
			Host: "mail.example.org", Protocol: fetch.POP3, TLS: mode, Timeout: 5 * time.Minute,
		},
		Credentials: fetch.Credentials{
			Auth: auth, User: "ann",
			Password: func(context.Context) (string, error) { return password, nil },
		},
	}
}

// flooding says text for ever, after a beginning.
type flooding struct {
	begin, text string
	at          int
}

func (f *flooding) Read(p []byte) (int, error) {
	n := 0
	if f.at < len(f.begin) {
		n = copy(p, f.begin[f.at:])
	} else {
		for n < len(p) {
			n += copy(p[n:], f.text[(f.at+n-len(f.begin))%len(f.text):])
		}
	}
	f.at += n
	return n, nil
}

// Whatever a server goes on with on the way to a login comes to an end, after little of it and in little
// memory.
func TestFloodsBeforeTheLogin(t *testing.T) {
	const sasl = "+OK\r\n+OK\r\nSASL PLAIN LOGIN SCRAM-SHA-256 CRAM-MD5\r\n.\r\n"
	long := strings.Repeat("x ", maxCapabilityLine/2-2) + "\r\n"
	for _, tt := range []struct{ name, begin, text string }{
		{"greeting", "", "x"},
		{"greeting of a line", "+OK ", "x"},
		{"greetings", "", "+OK <1@x>\r\n"},
		{"refusals", "", "-ERR\r\n"},
		{"capability", "+OK\r\n+OK\r\n", "X"},
		{"capabilities", "+OK\r\n+OK\r\n", "X\r\n"},
		{"long capabilities", "+OK\r\n+OK\r\n", long},
		{"mechanisms", "+OK\r\n+OK\r\nSASL ", "PLAIN "},
		{"empty capabilities", "+OK\r\n+OK\r\n", "\r\n"},
		{"challenges", sasl, "+ \r\n"},
		{"challenge", sasl, "+ eHh4"},
		{"answers that are none", sasl, "x\r\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var heard strings.Builder
			a, source := stranger(fetch.ClearText, "any", &heard), &flooding{begin: tt.begin, text: tt.text}
			a.Trace = nil
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			s, err := new(Quirks).start(t.Context(), a, &fetchtest.Tape{R: source, Size: 4096})
			runtime.ReadMemStats(&after)
			if err == nil {
				_ = s.Close()
			}
			const most = maxCapabilities * (maxCapabilityLine + 2)
			if source.at > most+64<<10 {
				t.Errorf("%d bytes are read (%v)", source.at, err)
			}
			if n := int64(after.TotalAlloc - before.TotalAlloc); n > 24<<20 {
				t.Errorf("%d bytes allocated for %d (%v)", n, source.at, err)
			}
			if err == nil && tt.name != "greetings" {
				t.Error("no error")
			}
		})
	}
}

// An error in the answer to CAPA names the command once, whoever has asked.
func TestCapaIsNamedOnce(t *testing.T) {
	t.Parallel()
	endless := "+OK\r\n" + strings.Repeat("X\r\n", maxCapabilities)
	for _, said := range []string{"hello\r\n", "+OK\r\nUSER\r\n", endless} {
		a := stranger(fetch.ClearText, "any", new(strings.Builder))
		server := &fetchtest.Tape{R: strings.NewReader("+OK\r\n" + said), Size: 4096}
		_, err := new(Quirks).start(t.Context(), a, server)
		if strings.Count(fmt.Sprint(err), "CAPA") != 1 {
			t.Errorf("%.20q: %v", said, err)
		}
	}
}

// FuzzGreeting: whatever a server says from its greeting on, the login comes to an end, in clear text the
// same one in whatever pieces; its error is fit to be shown, nothing shows the password, and where TLS is
// wanted no login is tried without it.
func FuzzGreeting(f *testing.F) {
	for _, s := range []string{
		"",
		"+OK\r\n",
		"+OK <1.2@x>\r\n+OK\r\nSTLS\r\nSASL PLAIN\r\n.\r\n+OK\r\n",
		"-ERR [IN-USE] x\r\n",
		"* OK IMAP\r\n",
		"+OK\r\n-ERR\r\n-ERR\r\n+OK\r\n+OK\r\n",
		"+OK\r\n+OK\r\nUSER\r\nRESP-CODES\r\n.\r\n+OK\r\n-ERR [AUTH] no\r\n",
		"+OK\r\n+OK\r\nSASL SCRAM-SHA-256 CRAM-MD5 LOGIN\r\n.\r\n" +
			"+ cj1h\r\n+ eA==\r\n-ERR\r\n+OK\r\n+OK\r\nPIPELINING\r\n.\r\n",
		"+OK\r\n+OK\r\nSTLS\r\n.\r\n+OK go\r\n\x16\x03\x03\x00\x02",
		"\r\n.\r\n+OK",
		"+OK\r\n+OK\r\nSASL PLAIN\r\n.\r\n+\r\n+ \r\n+OK",
	} {
		f.Add([]byte(s), uint8(1), uint8(0), true)
		f.Add([]byte(s), uint8(7), uint8(1), false)
	}

	policy, err := tlsverify.New(tlsverify.Options{Host: "mail.example.org"})
	if err != nil {
		f.Fatal(err)
	}

	auths := []string{
		"any", "password", "plain", "login", "cram-md5", "scram-sha-256", "apop", "implicit", "external",
	}
	f.Fuzz(func(t *testing.T, said []byte, size, auth uint8, clear bool) {
		said = said[:min(len(said), 8<<10)]
		var first string
		for i, size := range []int{int(size) + 1, len(said) + 1} {
			var heard strings.Builder
			a := stranger(fetch.ClearText, auths[int(auth)%len(auths)], &heard)
			if !clear {
				a.TLS, a.Policy = fetch.StartTLS, policy
			}

			server := &fetchtest.Tape{R: strings.NewReader(string(said)), Size: size}
			s, err := new(Quirks).start(t.Context(), a, server)
			if err == nil {
				_ = s.Close()
			}

			checkLogin(t, string(said), server.Sent.String(), heard.String(), err, clear)
			end := fmt.Sprint(err)
			if i > 0 && end != first && clear { // over TLS it matters what is there before the handshake
				t.Errorf("in pieces %s, whole %s", first, end)
			}
			first = end
		}
	})
}

// checkLogin judges what the server said, what was sent to it, what the trace has heard, and the end.
func checkLogin(t *testing.T, said, sent, heard string, err error, clear bool) {
	t.Helper()
	if err != nil && (len(err.Error()) > 4000 || strings.ContainsAny(err.Error(), "\r\x00\x1b")) {
		t.Errorf("error %q", err)
	}
	if fetch.KindOf(err) == fetch.KindInternal {
		t.Errorf("a panic: %v", err)
	}
	for _, secret := range secrets {
		if strings.Contains(said, secret) { // of its own, before we knew it
			continue
		}
		if strings.Contains(heard, secret) || strings.Contains(fmt.Sprint(err), secret) {
			t.Errorf("the password is to be seen: %v\n%s", err, heard)
		}
		if !clear && strings.Contains(sent, secret) {
			t.Errorf("the password is sent in clear text: %q", sent)
		}
	}
	if clear {
		return
	}
	if err == nil {
		t.Error("logged in without TLS")
	}
	plain, _, _ := strings.Cut(sent, "\x16\x03") // a TLS record
	for line := range strings.Lines(plain) {
		if verb := strings.TrimSpace(line); verb != "CAPA" && verb != "STLS" && verb != "QUIT" {
			t.Errorf("before TLS we say %.100q", line)
		}
	}
}
