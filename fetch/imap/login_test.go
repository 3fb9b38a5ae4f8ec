package imap

import (
	"context"
	"crypto/tls"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"fetchd/fetch"
	"fetchd/fetch/login/imapline"
	"fetchd/tlsverify/tlstest"
)

// upgrade is the way to TLS when all is well.
const upgrade = `
S: * OK [CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED AUTH=EVIL] hi
C: A1 STARTTLS
S: A1 OK [CAPABILITY IMAP4rev1 AUTH=EVIL] go
TLS
`

func TestLogin(t *testing.T) {
	t.Parallel()
	ca := tlstest.NewCA(t)
	config := tlstest.ServerConfig(ca.Leaf(tlstest.Leaf{DNS: []string{"mail.example.org"}}))
	other := tlstest.ServerConfig(ca.Leaf(tlstest.Leaf{DNS: []string{"other.example.org"}}))
	user := func(name, password string) func(*fetch.Account) {
		return func(a *fetch.Account) {
			a.User = name
			a.Password = func(context.Context) (string, error) { return password, nil }
		}
	}
	auth := func(word string) func(*fetch.Account) { return func(a *fetch.Account) { a.Auth = word } }
	host := func(name string) func(*fetch.Account) { return func(a *fetch.Account) { a.Host = name } }
	const caps = "C: A2 CAPABILITY\nS: * CAPABILITY IMAP4rev1 "
	const in = "\nS: A3 OK [CAPABILITY IMAP4rev1] in\nC: T1 LOGOUT"
	tests := []struct {
		name   string
		tls    fetch.TLSMode
		script string
		setup  func(*fetch.Account)
		kind   fetch.Kind
		want   string // in the error; "" = logged in
		wait   time.Duration
	}{
		// Greetings.
		{"greeting BYE", fetch.StartTLS, "S: * BYE too many connections",
			nil, fetch.KindServer, "too many connections", 0},
		{"refused for the password before TLS", fetch.StartTLS, "S: * BYE [AUTHENTICATIONFAILED] no", nil,
			fetch.KindServer, "hint: it came before TLS", 0},
		{"sent elsewhere before TLS", fetch.StartTLS,
			"S: * BYE [WEBALERT https://evil.example/] Web login required", nil, fetch.KindServer,
			"hint: it came before TLS", 0},
		{"sent elsewhere over TLS", fetch.Wrapped,
			"TLS\nS: * BYE [WEBALERT https://a.example/] Web login required", nil, fetch.KindAuth,
			"hint: log in once with a web browser", 0},
		{"greeting of POP3", fetch.StartTLS, "S: +OK POP3 ready",
			nil, fetch.KindProtocol, "this is a POP3 server", 0},
		{"greeting of SMTP", fetch.StartTLS, "S: 220 mx ESMTP",
			nil, fetch.KindProtocol, "is this the IMAP port", 0},
		{"greeting of TLS", fetch.StartTLS, "S< \\x15\\x03\\x01\\x00\\x02\\x02\\x0a\\r\\n",
			nil, fetch.KindProtocol, "does \"ssl\" fit it", 0},
		{"endless greeting", fetch.StartTLS, "ENDLESS * OK ",
			nil, fetch.KindNetwork, "more than 65536 bytes", 0},
		{"no greeting", fetch.StartTLS, "STALL", nil, fetch.KindNetwork, "try \"ssl\"", time.Minute},
		{"dripping greeting", fetch.StartTLS, "DRIP 30s * OK x", nil, fetch.KindNetwork, "", 3 * time.Minute},
		{"closed before the greeting", fetch.StartTLS, "CLOSE",
			nil, fetch.KindNetwork, "wait for the greeting: ", 0},
		{"PREAUTH skips STARTTLS", fetch.StartTLS,
			"S: * PREAUTH [CAPABILITY IMAP4rev1] hi", nil, fetch.KindTLS, "skips STARTTLS", 0},
		{"PREAUTH over TLS", fetch.Wrapped,
			"TLS\nS: * PREAUTH [CAPABILITY IMAP4rev1] hi\nC: T1 LOGOUT", nil, 0, "", 0},
		{"plain IMAP on a TLS port", fetch.Wrapped,
			"S: * OK hi\nSTALL", nil, fetch.KindTLS, "leave ssl out", 0},
		{"implicit without PREAUTH", fetch.Wrapped, "TLS\nS: * OK [CAPABILITY IMAP4rev1] hi",
			auth("implicit"), fetch.KindAuth, "did not greet as one that knows the user", 0},

		// STARTTLS.
		{"STARTTLS stripped", fetch.StartTLS, "S: * OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] hi",
			nil, fetch.KindTLS, "does not offer STARTTLS", 0},
		{"STARTTLS refused", fetch.StartTLS, "S: * OK hi\nC: A1 STARTTLS\nS: A1 BAD no",
			nil, fetch.KindTLS, "STARTTLS: the server answers BAD", 0},
		{"no STARTTLS", fetch.StartTLS, "S: * OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] hi",
			nil, fetch.KindTLS, "TLS on port 993, write \"ssl\"", 0},
		{"a proxy here without TLS", fetch.StartTLS, "S: * OK [CAPABILITY IMAP4rev1] hi", host("127.0.0.1"),
			fetch.KindTLS, "no TLS needs \"sslproto ''\" in its entry, behind the user's name", 0},
		{"a proxy here that refuses", fetch.StartTLS, "S: * OK hi\nC: A1 STARTTLS\nS: A1 BAD no",
			host("::1"), fetch.KindTLS, "no TLS needs \"sslproto ''\"", 0},
		{"STARTTLS answered with a judgement", fetch.StartTLS,
			"S: * OK hi\nC: A1 STARTTLS\nS: * BYE [EXPIRED] x", nil, fetch.KindServer,
			"hint: it came before TLS", 0},
		{"STARTTLS never answered", fetch.StartTLS, "S: * OK hi\nC: A1 STARTTLS\nSTALL",
			nil, fetch.KindNetwork, "STARTTLS: no answer", time.Minute},
		{"STARTTLS answered with noise", fetch.StartTLS,
			"S: * OK hi\nC: A1 STARTTLS\nENDLESS * OK x\\r\\n", nil, fetch.KindProtocol, "more than 100", 0},
		{"STARTTLS answered with another tag", fetch.StartTLS,
			"S: * OK hi\nC: A1 STARTTLS\nS: A2 OK go", nil, fetch.KindProtocol, "A2 OK", 0},
		{"STARTTLS answered with +", fetch.StartTLS,
			"S: * OK hi\nC: A1 STARTTLS\nS: + go", nil, fetch.KindProtocol, "+ go", 0},
		{"tagged OK before STARTTLS", fetch.StartTLS, "S< * OK hi\\r\\nA1 OK go\\r\\n\n" +
			"C: A1 STARTTLS\nS: A1 OK go\nSTALL", nil, fetch.KindTLS, "no TLS on this port", 0},
		{"injected behind STARTTLS", fetch.StartTLS, "S: * OK hi\nC: A1 STARTTLS\n" +
			"S< A1 OK go\\r\\n* PREAUTH in\\r\\n", nil, fetch.KindTLS, "in clear text", 0},
		{"stall in the handshake", fetch.StartTLS, "S: * OK hi\nC: A1 STARTTLS\nS: A1 OK go\nSTALL",
			nil, fetch.KindNetwork, "handshake", time.Minute},
		{"closed in the handshake", fetch.StartTLS, "S: * OK hi\nC: A1 STARTTLS\nS: A1 OK go\nCLOSE", nil,
			fetch.KindNetwork, "handshake", 0},
		{"another server's certificate", fetch.StartTLS, "S: * OK hi\nC: A1 STARTTLS\n" +
			"S: A1 OK go\nTLS refused", nil, fetch.KindTLS, "other.example.org", 0},
		{"silence after TLS", fetch.StartTLS, upgrade + "C: A2 CAPABILITY\nSTALL",
			nil, fetch.KindNetwork, "no answer", time.Minute},
		{"closed after TLS", fetch.StartTLS,
			upgrade + "C: A2 CAPABILITY\nCLOSE", nil, fetch.KindNetwork, "", 0},
		{"BYE after TLS", fetch.StartTLS, upgrade + "C: A2 CAPABILITY\nS: * BYE restart",
			nil, fetch.KindServer, "restart", 0},

		// Logins.
		{"capabilities from before TLS", fetch.StartTLS, upgrade + caps +
			"AUTH=PLAIN SASL-IR\nS: A2 OK\nC: ~^A3 AUTHENTICATE PLAIN \\S+$" + in, nil, 0, "", 0},
		{"PLAIN without SASL-IR", fetch.StartTLS, upgrade + caps + "AUTH=PLAIN\n" +
			"S: A2 OK\nC: A3 AUTHENTICATE PLAIN\nS: +\nC: AGFubgBzZXNhbWU=" + in, nil, 0, "", 0},
		{"capabilities asked after login", fetch.StartTLS, upgrade + caps + "AUTH=PLAIN\nS: A2 OK\n" +
			"C: A3 AUTHENTICATE PLAIN\nS: + \nC*\nS: A3 OK in\nC: A4 CAPABILITY\n" +
			"S: * CAPABILITY IMAP4rev1\nS: A4 OK\nC: T1 LOGOUT", nil, 0, "", 0},
		{"LOGIN", fetch.StartTLS, upgrade + caps + "\nS: A2 OK\n" +
			"C: A3 LOGIN \"ann\" \"sesame\"" + in, nil, 0, "", 0},
		{"LOGIN quotes", fetch.StartTLS, upgrade + caps + "\nS: A2 OK\n" +
			"C: A3 LOGIN \"a\\\\b\" \"x\\\"y z\"" + in, user(`a\b`, `x"y z`), 0, "", 0},
		{"LOGIN with literals", fetch.StartTLS, upgrade + caps + "\nS: A2 OK\nC: A3 LOGIN {3}\nS: + go\n" +
			"C: äb {5}\nS: + go\nC: ößx" + "\nS: A3 OK [CAPABILITY IMAP4rev1] in\nC: T1 LOGOUT",
			user("äb", "ößx"), fetch.KindUnknown, "", 0},
		{"LOGIN literal refused", fetch.StartTLS, upgrade + caps + "\nS: A2 OK\n" +
			"C: A3 LOGIN {3}\nS: A3 NO no such", user("äb", "ößx"), fetch.KindAuth, "no such", 0},
		{"line break in the password", fetch.StartTLS, upgrade + caps + "\nS: A2 OK",
			user("ann", "x\r\nA4 DELETE INBOX"), fetch.KindAuth, "line break", 0},
		{"OAuth alone", fetch.StartTLS, upgrade + caps + "LOGINDISABLED AUTH=XOAUTH2\nS: A2 OK", nil,
			fetch.KindAuth, "hint: it lets in by OAuth: write oauth", 0},
		{"LOGINDISABLED in clear text", fetch.ClearText, "S: * OK [CAPABILITY IMAP4rev1 LOGINDISABLED] hi",
			nil, fetch.KindAuth, "nobody in without TLS", 0},
		{"LOGINDISABLED", fetch.StartTLS, upgrade + caps + "LOGINDISABLED\nS: A2 OK",
			nil, fetch.KindAuth, "disabled LOGIN", 0},
		{"word not offered", fetch.StartTLS, upgrade + caps + "AUTH=PLAIN\nS: A2 OK",
			auth("cram-md5"), fetch.KindAuth, "cram-md5", 0},
		{"CAPABILITY refused", fetch.StartTLS, upgrade + "C: A2 CAPABILITY\nS: A2 NO what",
			nil, fetch.KindProtocol, "CAPABILITY: the server answers NO", 0},
		{"CAPABILITY refused for now", fetch.StartTLS,
			upgrade + "C: A2 CAPABILITY\nS: A2 BAD too many commands", nil, fetch.KindServer,
			"CAPABILITY: the server answers BAD", 0},
		{"CAPABILITY not known", fetch.StartTLS, upgrade + "C: A2 CAPABILITY\nS: A2 BAD what\n" +
			"C: A3 LOGIN \"ann\" \"sesame\"\nS: A3 OK in\nC: A4 CAPABILITY\nS: A4 BAD what\nC: T1 LOGOUT",
			nil, 0, "", 0},
		{"CAPABILITY lists nothing", fetch.StartTLS, upgrade + "C: A2 CAPABILITY\nS: A2 OK done\n" +
			"C: A3 LOGIN \"ann\" \"sesame\"\nS: A3 OK in\nC: A4 CAPABILITY\nS: A4 OK done\nC: T1 LOGOUT",
			nil, 0, "", 0},
		{"CAPABILITY not known, and no STARTTLS", fetch.StartTLS,
			"S: * OK hi\nC: A1 STARTTLS\nS: A1 BAD what", nil, fetch.KindTLS, "nothing was sent in clear", 0},
		{"CAPABILITY not known, and a mechanism is wanted", fetch.StartTLS, upgrade +
			"C: A2 CAPABILITY\nS: A2 BAD what", auth("cram-md5"), fetch.KindAuth, "cram-md5", 0},
		{"endless capabilities", fetch.StartTLS, upgrade + "C: A2 CAPABILITY\n" +
			"ENDLESS * CAPABILITY A B C\\r\\n", nil, fetch.KindProtocol, "more than 100", 0},
		{"endless capability list", fetch.StartTLS, upgrade + "C: A2 CAPABILITY\n" +
			"S< * CAPABILITY\nENDLESS \\x20AUTH=X", nil, fetch.KindNetwork, "more than 65536 bytes", 0},

		// Refusals.
		{"wrong password", fetch.StartTLS, upgrade + caps + "AUTH=PLAIN AUTH=LOGIN SASL-IR\nS: A2 OK\n" +
			"C: ~^A3 AUTHENTICATE PLAIN\nS: A3 NO [AUTHENTICATIONFAILED] wrong",
			nil, fetch.KindAuth, "wrong", 0},
		{"refused without a code", fetch.StartTLS, upgrade + caps + "AUTH=PLAIN AUTH=LOGIN SASL-IR\n" +
			"S: A2 OK\nC: ~^A3 AUTHENTICATE PLAIN\nS: A3 NO what", nil, fetch.KindAuth, "what", 0},
		{"refused twice, not thrice", fetch.StartTLS, upgrade + caps + "AUTH=PLAIN AUTH=LOGIN\nS: A2 OK\n" +
			"C: A3 AUTHENTICATE PLAIN\nS: A3 NO what\nC: A4 AUTHENTICATE LOGIN\n" +
			"S: + VXNlcm5hbWU6\nC*\nS: A4 NO never", nil, fetch.KindAuth, "never", 0},
		{"SCRAM refused, then PLAIN", fetch.StartTLS, upgrade + caps +
			"AUTH=PLAIN AUTH=SCRAM-SHA-256 AUTH=SCRAM-SHA-1 SASL-IR\nS: A2 OK\n" +
			"C: ~^A3 AUTHENTICATE SCRAM-SHA-256 \\S+$\nS: A3 NO x\nC: ~^A4 AUTHENTICATE PLAIN\n" +
			"S: A4 OK [CAPABILITY IMAP4rev1] in\nC: T1 LOGOUT", nil, 0, "", 0},
		{"SCRAM refused by a code", fetch.StartTLS, upgrade + caps +
			"AUTH=PLAIN AUTH=SCRAM-SHA-256 SASL-IR\nS: A2 OK\n" +
			"C: ~^A3 AUTHENTICATE SCRAM-SHA-256 \\S+$\nS: A3 NO [AUTHENTICATIONFAILED] x",
			nil, fetch.KindAuth, "if they are right, write auth \"password\"", 0},
		{"SCRAM refused in clear text", fetch.ClearText, "S: * OK [CAPABILITY IMAP4rev1 AUTH=SCRAM-SHA-1 " +
			"AUTH=PLAIN AUTH=LOGIN] hi\nC: A1 AUTHENTICATE SCRAM-SHA-1\nS: A1 NO use the other",
			nil, fetch.KindAuth, "use the other", 0},
		{"wrong SCRAM proof", fetch.StartTLS, upgrade + caps +
			"AUTH=SCRAM-SHA-256 AUTH=PLAIN SASL-IR\nS: A2 OK\n" +
			"C: ~^A3 AUTHENTICATE\nS: + dj1BQUE=\nSTALL", nil, fetch.KindAuth, "may not be your server", 0},
		{"server does not know the password", fetch.StartTLS, upgrade + caps + "AUTH=SCRAM-SHA-256 " +
			"SASL-IR\nS: A2 OK\nC: ~^A3 AUTHENTICATE\nS: A3 OK trust me", nil, fetch.KindAuth, "", 0},
		{"unavailable", fetch.StartTLS, upgrade + caps + "AUTH=PLAIN AUTH=LOGIN SASL-IR\nS: A2 OK\n" +
			"C*\nS: A3 NO [UNAVAILABLE] LDAP is down", nil, fetch.KindServer, "LDAP is down", 0},
		{"TLS ends at a proxy", fetch.StartTLS, upgrade + caps + "AUTH=PLAIN SASL-IR\nS: A2 OK\nC*\n" +
			"S: A3 NO [PRIVACYREQUIRED] x", nil, fetch.KindServer, "hint: TLS is in use as far as a", 0},
		{"crowded", fetch.StartTLS, upgrade + caps +
			"AUTH=PLAIN SASL-IR\nS: A2 OK\nC*\nS: A3 NO [ALERT] Too many " +
			"simultaneous connections. (Failure)", nil, fetch.KindServer, "no more connections at a time", 0},
		{"in use", fetch.StartTLS, upgrade + caps + "AUTH=PLAIN SASL-IR\nS: A2 OK\n" +
			"C*\nS: A3 NO [INUSE] other session", nil, fetch.KindBusy, "other session", 0},

		// Exchanges.
		{"garbage challenge is cancelled", fetch.StartTLS, upgrade + caps + "AUTH=LOGIN LOGINDISABLED\n" +
			"S: A2 OK\nC: A3 AUTHENTICATE LOGIN\nS: + !garbage!\nC: *\n" +
			"S: A3 BAD cancelled", nil, fetch.KindAuth, "base64", 0},
		{"cancelled and yet OK", fetch.StartTLS, upgrade + caps +
			"AUTH=LOGIN\nS: A2 OK\nC: A3 AUTHENTICATE LOGIN\nS: + !garbage!\n" +
			"C: *\nS: A3 OK welcome", nil, fetch.KindProtocol, "accepts a login that was cancelled", 0},
		{"challenge after challenge", fetch.StartTLS, upgrade + caps + "AUTH=PLAIN SASL-IR\nS: A2 OK\n" +
			"C*\nS: + \nC: *\nS: + ", nil, fetch.KindProtocol, "goes on with a login that was cancelled", 0},
		{"endless challenge", fetch.StartTLS, upgrade + caps + "AUTH=PLAIN\nS: A2 OK\nC*\nENDLESS +",
			nil, fetch.KindNetwork, "more than 65536 bytes", 0},
		{"huge challenge", fetch.StartTLS, upgrade + caps + "AUTH=CRAM-MD5\nS: A2 OK\nC*\nS< + \n" +
			"S*3000 QUFBQUFB\nS: \nC: *\nS: A3 NO x", auth("cram-md5"), fetch.KindAuth, "longer than", 0},
		{"stall in the exchange", fetch.StartTLS, upgrade + caps + "AUTH=PLAIN\nS: A2 OK\nC*\nSTALL",
			nil, fetch.KindNetwork, "AUTHENTICATE PLAIN: no answer", time.Minute},
		{"close in the exchange", fetch.StartTLS,
			upgrade + caps + "AUTH=PLAIN\nS: A2 OK\nC*\nCLOSE", nil, fetch.KindNetwork, "", 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, ca)
				if r.TLS = tt.tls; tt.setup != nil {
					tt.setup(r.Account)
				}
				server := config
				if strings.HasPrefix(tt.name, "another") {
					server = other
				}
				checkLogin(t, r, tt.script, server, tt.kind, tt.want, tt.wait)
			})
		})
	}
}

func checkLogin(t *testing.T, r *rig, script string,
	config *tls.Config, kind fetch.Kind, want string, wait time.Duration) {
	t.Helper()
	p := r.play(script, config)
	start := time.Now()
	s, err := r.Connect(t.Context(), r.Account)
	if err == nil {
		_ = s.Close()
	}
	if d := time.Since(start); d != wait {
		t.Errorf("took %v, want %v", d, wait)
	}
	if perr := p.Done(); perr != nil {
		t.Errorf("dialogue %v", perr)
	}
	if (kind == 0) != (err == nil) || fetch.KindOf(err) != kind ||
		err != nil && !strings.Contains(err.Error(), want) {
		t.Errorf("error of kind %d: %v; want kind %d: %s", fetch.KindOf(err), err, kind, want)
	}
	if r.TLS != fetch.ClearText {
		r.secretless(p.Clear())
	}
	r.secretless(r.traced())
	r.secretless(fmt.Sprint(err))
}

func TestLoginIsCancelled(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		r.play("S: * OK hi\nC: A1 CAPABILITY\nSTALL", nil)
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		start := time.Now()
		_, err := r.Connect(ctx, r.Account)
		if err == nil || ctx.Err() == nil || time.Since(start) != time.Second {
			t.Errorf("after %v: %v", time.Since(start), err)
		}
	})
}

func FuzzParseLine(f *testing.F) {
	for _, s := range []string{
		"", "*", "* OK", "+", "+ x", "A1 OK [CODE a b] text", "* OK [", "* OK []", "A1 NO [x",
		"* CAPABILITY a b", "A1  OK", "* \x00 [\xff] \r",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		r := imapline.Parse(line)
		if n := len(r.Tag) + len(r.Word) + len(r.Code) + len(r.Args) + len(r.Text); n > 4*len(line)+1 {
			t.Errorf("%q gives %d bytes", line, n)
		}
		out := string(plainAnswer(r))
		if !strings.HasSuffix(out, "\r\n") ||
			strings.Count(out, "\r\n") > 1 && !strings.ContainsAny(string(line), "\n") {
			t.Errorf("%q gives %q", line, out)
		}
	})
}
