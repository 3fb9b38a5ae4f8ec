package account

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"testing"
	"time"
	"weak"

	"fetchd/cmd/fetchd/internal/account/secret"
	"fetchd/delivery"
	"fetchd/fetch"
	"fetchd/rcfile"
	"fetchd/tlsverify/tlstest"
)

// environment returns a getenv that knows the pairs.
func environment(pairs ...string) func(string) string {
	return func(name string) string {
		for i := 0; i < len(pairs); i += 2 {
			if pairs[i] == name {
				return pairs[i+1]
			}
		}
		return ""
	}
}

// newTestResolver returns a Resolver for the user "me" whose home is /h.
func newTestResolver() *Resolver {
	return New(Environment{
		MailServer: "localhost/1", // nobody listens there
		Getenv:     environment("HOME", "/h"), Home: "/h", Caller: "me", Hostname: "here", Version: "fetchd/test",
		Log:     slog.New(slog.DiscardHandler),
		Secrets: &secret.Finder{Getenv: environment(), Warn: func(string, string) {}},
	})
}

// resolveText resolves an rc file as a run would, and returns the warnings, a line each.
func resolveText(t *testing.T, text string) ([]*fetch.Account, string, error) {
	t.Helper()
	return resolveWith(t, newTestResolver(), text)
}

func resolveWith(t *testing.T, r *Resolver, text string) ([]*fetch.Account, string, error) {
	t.Helper()
	cfg, err := rcfile.Parse("rc", []byte(text), rcfile.Fetchmailrc)
	if err != nil {
		t.Fatal(err)
	}

	accounts, warnings, err := r.Resolve(cfg, Selected(cfg, nil), nil)
	var lines strings.Builder
	for _, w := range warnings {
		fmt.Fprintf(&lines, "%s: %s\n", w.Account, w.Text)
	}
	return accounts, lines.String(), err
}

func TestResolve(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, text string
		ok         func(*fetch.Account) bool
	}{
		{"names", "poll work via mail.example proto imap port 1143 user ann", func(a *fetch.Account) bool {
			return a.Name == "ann@work" && a.Poll == "work" && a.Host == "mail.example" && a.Port == 1143 && a.Key == "work|mail.example|1143|ann"
		}},
		{"a key can't be imitated", `poll "a|b" via h proto imap user "c%d"`, func(a *fetch.Account) bool { return a.Key == "a%7Cb|h|0|c%25d" }},
		{"defaults", "poll h proto imap user ann", func(a *fetch.Account) bool {
			return a.Timeout.Seconds() == 300 && a.TLS == fetch.StartTLS && a.Policy != nil && a.MarkSeen && a.Received && !a.Keep && a.Recipients[0] == "me" &&
				a.Deliverer.String() == "Maildir /h/Maildir" && a.Auth == "any"
		}},
		{"caller", "poll h proto imap", func(a *fetch.Account) bool { return a.User == "me" }},
		{"service name", "poll h proto imap service imaps user ann ssl", func(a *fetch.Account) bool { return a.Port == 993 && a.TLS == fetch.Wrapped }},
		{"local name", "poll h proto imap user ann is bob here maildir x", func(a *fetch.Account) bool { return a.Recipients[0] == "bob" }},
		{"mapping", "poll h proto imap user ann is 'ann'='bob' here maildir x", func(a *fetch.Account) bool { return a.Recipients[0] == "bob" }},
		{"clear text", "poll h proto pop3 user ann sslproto ''", func(a *fetch.Account) bool { return a.TLS == fetch.ClearText && a.Policy == nil }},
		{"ssl wins over an empty sslproto", "poll h proto pop3 user ann ssl sslproto ''", func(a *fetch.Account) bool { return a.TLS == fetch.Wrapped && a.Policy != nil }},
		{"sslmode", "poll h proto pop3 user ann sslmode wrapped", func(a *fetch.Account) bool { return a.TLS == fetch.Wrapped }},
		{"IPv6 in brackets", "poll '[2001:db8::1]' proto imap user ann", func(a *fetch.Account) bool { return a.Host == "2001:db8::1" }},
		{"IPv6", "poll '2001:db8::1' proto imap user ann", func(a *fetch.Account) bool { return a.Host == "2001:db8::1" }},
		{"no opportunistic TLS", "poll h proto pop3 user ann no sslcertck", func(a *fetch.Account) bool { return a.TLS == fetch.StartTLS && a.Policy != nil }},
		{"mda", `poll h proto pop3 user ann mda "cat >/dev/null"`, func(a *fetch.Account) bool { return strings.HasPrefix(a.Deliverer.String(), "mda") }},
		{"limits", "poll h proto imap user ann limit 5M fetchlimit 3 expunge 2 no stripcr", func(a *fetch.Account) bool {
			return a.Limit == 5<<20 && a.FetchLimit == 3 && a.Expunge == 2 && a.KeepCR
		}},
		{"headers stay", "poll h proto imap user ann", func(a *fetch.Account) bool { return a.Headers == delivery.HeaderRules{} && !a.RejectBad }},
		{"headers", "poll h proto imap bad-header reject user ann rewrite dropstatus dropdelivered", func(a *fetch.Account) bool {
			return a.RejectBad && a.Headers == delivery.HeaderRules{DropStatus: true, DropDelivered: true, Rewrite: "h"}
		}},
		{"an address as host", "poll 192.0.2.1 proto imap user ann rewrite", func(a *fetch.Account) bool { return a.Headers.Rewrite == "[192.0.2.1]" }},
		{"warnings", "poll h proto imap user ann", func(a *fetch.Account) bool { return a.Warnings == time.Hour && a.Refusals == nil }},
		{"own warnings", "poll h proto imap user ann warnings 5m", func(a *fetch.Account) bool { return a.Warnings == 5*time.Minute }},
		{"auto", "poll h user ann", func(a *fetch.Account) bool { return a.Protocol == fetch.Auto && a.Connect != nil }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			accounts, _, err := resolveText(t, tt.text+"\n")
			if err != nil || len(accounts) != 1 {
				t.Fatalf("%d accounts, %v", len(accounts), err)
			}
			if !tt.ok(accounts[0]) {
				t.Errorf("%+v", accounts[0])
			}
		})
	}
}

// The login's name is that of the client certificate where the rc file has none.
func TestLoginOfCertificate(t *testing.T) {
	t.Parallel()
	ca := tlstest.NewCA(t)
	file := func(cn string) string {
		cert := ca.Leaf(tlstest.Leaf{CN: cn})
		key, err := tlstest.KeyPEM(cert)
		if err != nil {
			t.Fatal(err)
		}
		return tlstest.WriteFile(t, "client.pem", append(tlstest.CertPEM(cert), key...))
	}
	named, nameless, hostile := file("ann@example.org"), file(""), file("ann\r\nDELE 1")
	for _, tt := range []struct{ name, text, want string }{
		{"named in the file", "poll h proto imap user bob sslcert " + named, "bob"},
		{"in the certificate", "poll h proto imap sslcert " + named, "ann@example.org"},
		{"no name in it", "poll h proto imap sslcert " + nameless, "me"},
		{"no name to log in with", "poll h proto imap sslcert " + hostile, "me"},
		{"no certificate", "poll h proto imap", "me"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			accounts, _, err := resolveText(t, tt.text+"\n")
			if err != nil || len(accounts) != 1 || accounts[0].User != tt.want || accounts[0].Name != tt.want+"@h" {
				t.Errorf("%+v, %v; want %q", accounts, err, tt.want)
			}
		})
	}
	if _, _, err := resolveText(t, "poll h proto imap sslcert /no/such/file\n"); err == nil || !strings.Contains(err.Error(), "/no/such/file") {
		t.Errorf("missing file: %v", err)
	}
}

// What a daemon remembers belongs to the login, also when the rc file was read again.
func TestMemoriesOutliveAReload(t *testing.T) {
	t.Parallel()
	r := New(Environment{Remember: true})
	one := r.refusalsOf("a")
	if one == nil || one != r.refusalsOf("a") || one == r.refusalsOf("b") {
		t.Error("not one memory for each login")
	}
}

func TestResolveRefuses(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, text, want string
		mistake          bool // of the file: nothing is polled
	}{
		{"multidrop without envelope", "poll h proto imap user ann is a b here mda 'x %T'",
			"nothing says which header field", false},
		{"wildcard without envelope", "poll h proto imap user ann is * here mda 'x %T'",
			"nothing says which header field", false},
		{"multidrop into one Maildir", "poll h proto imap envelope X user ann is a b here maildir x",
			"one Maildir for", false},
		{"multidrop into the caller's Maildir", "poll h proto imap envelope X user ann is a b here",
			"the mail is for several people", false},
		{"name that the mda can't be told, in multidrop",
			"poll h proto imap envelope X user ann is a \"o'neil\" here mda 'x %T'",
			`told "o_neil"`, true},
		{"name that is no directory", "poll h proto imap envelope X user ann is a ../b here maildir /m/%T",
			`the local name "../b"`, false},
		{"name that is no address",
			`poll h proto imap envelope X user ann is a "b>c@d" here smtphost localhost`,
			`the local name "b>c@d"`, false},
		{"smtphost with an odd suffix", "poll h proto imap user ann smtphost localhost/tsl", `"tsl" is neither a port nor a suffix`, false},
		{"smtphost with two ports", "poll h proto imap user ann smtphost localhost/25/26", "second port", false},
		{"smtphost with and without TLS", "poll h proto imap user ann smtphost localhost/tls/notls", "contradict", false},
		{"half an SMTP login", "poll h proto imap esmtpname x user ann smtphost localhost", "belong together", false},
		{"lmtp on port 25", "poll h proto imap user ann lmtp smtphost localhost", "lmtp can't use the SMTP port", true},
		{"mbox and Maildir", "poll h proto imap user ann mbox x maildir y", "remove one of them", false},
		{"mbox for several", "poll h proto imap envelope X user ann is a b here mbox x",
			"one mbox for the mail of several", false},
		{"srv and via", "poll h proto imap via x srv user ann", "remove via", true},
		{"srv without TLS", "poll h proto imap srv user ann sslproto ''", "srv needs TLS", true},
		{"two destinations", "poll h proto imap user ann maildir x mda y", "remove one of them", false},
		{"batched SMTP and Maildir", "poll h proto imap user ann maildir x bsmtp y", "remove one of them", false},
		{"batched SMTP and mbox", "poll h proto imap user ann bsmtp - mbox y", "remove one of them", false},
		{"APOP with IMAP", "poll h proto imap auth apop user ann", `rc:1:24: auth "apop" is for POP3`, true},
		{"APOP of an IMAP target", `poll h proto imap user ann append "imaps://a@b" appendauth apop`,
			`appendauth "apop" is for POP3`, false},
		{"APOP of a mail server", "poll h proto pop3 esmtpname a esmtppassword b esmtpauth apop user ann " +
			"smtphost h", `esmtpauth "apop" is for POP3`, false},
		{"another's mailbox by LOGIN", "poll h proto imap auth login user ann authzid bob",
			`rc:1:24: auth "login" can't say`, true},
		{"another's mailbox by CRAM-MD5", "poll h proto pop3 auth cram-md5 user ann authzid bob",
			`rc:1:24: auth "cram-md5" can't say`, true},
		{"fingerprint", `poll h proto imap user ann sslfingerprint "zz"`, `rc:1:43: fingerprint "zz"`, true},
		{"pin", `poll h proto imap user ann sslpin "md5//x"`, "rc:1:35: ", true},
		{"mda in quotes", `poll h proto imap user ann mda "procmail -d '%T'"`, "rc:1:32: mda", true},
		{"mda for a second shell", `poll h proto imap user ann mda 'sh -c "agent -f %F"'`, "rc:1:32: mda", true},
		{"name that the mda can't be told", `poll h proto imap user ann is "o'neil" mda "procmail -d %T"`, `told "o_neil"`, true},
		{"plugin's host", `poll "h;id" proto imap plugin "nc %h %p" user ann`, `rc:1:31: plugin: host "h;id"`, true},
		{"port", "poll h proto imap port 70000 user ann", "70000", true},
		{"contradiction", "poll h proto imap user ann ssl sslmode none", "contradict", true},
		{"missing file", "poll h proto imap user ann sslcertfile /no/such/file", "/no/such/file", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			cfg, err := rcfile.Parse("rc", []byte(tt.text+"\n"), rcfile.Fetchmailrc)
			if err == nil {
				_, _, err = resolveText(t, tt.text+"\npoll good proto imap user ann\n")
			}
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("error %v (%v), want %q", err, cfg, tt.want)
			}
			var mistake *rcfile.Error
			if errors.As(err, &mistake) != tt.mistake {
				t.Errorf("%v: a mistake in the file? want %v", err, tt.mistake)
			}
		})
	}
	accounts, _, err := resolveText(t, "poll h proto imap user ann smtphost h/tsl\n"+
		"poll good proto imap user ann\n")
	if err == nil || len(accounts) != 1 || accounts[0].Poll != "good" {
		t.Errorf("the other account does not run: %v, %v", accounts, err)
	}
}

// Where no destination is named the caller gets the caller's own mail, and nobody that of others.
func TestResolveWithoutDestination(t *testing.T) {
	t.Parallel()
	const others, several = `no destination is named, the mail is for`, "for several people: me, bob"
	for _, tt := range []struct{ name, text, err string }{
		{"nobody named", "poll h proto imap user x", ""},
		{"the caller", "poll h proto imap user x is me here", ""},
		{"the caller twice", "poll h proto imap user x is me\npoll i proto imap user y is me", ""},
		{"somebody else", "poll h proto imap user x is bob here", others + ` "bob"`},
		{"mapped to somebody else", "poll h proto imap user x is ann=bob", others + ` "bob"`},
		{"an address", "poll h proto imap user x is ann@h here", others + ` "ann@h"`},
		{"several people", "poll h proto imap user x is me\npoll i proto imap user y is bob", several},
		{"one of them is away", "poll h proto imap user x is me\nskip i proto imap user y is bob", several},
		{"the other has a destination", "poll h proto imap user x is me\npoll i proto imap user y is bob maildir m", ""},
		{"several, and nobody", "poll h proto imap user x\nskip i proto imap user y is bob", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			accounts, _, err := resolveText(t, tt.text)
			if (err != nil) != (tt.err != "") || err != nil && !strings.Contains(err.Error(), tt.err) {
				t.Fatalf("error %v, want %q", err, tt.err)
			}
			if err == nil && len(accounts) == 0 {
				t.Error("no account")
			}
		})
	}
}

// No mailbox is retrieved by two accounts of one record: a later one gets what those before it leave.
func TestResolveSeparatesOwners(t *testing.T) {
	t.Parallel()
	const left = "an entry before this one, with the same poll name, via, port and user, retrieves it"
	for _, tt := range []struct{ name, text, boxes, warning string }{
		{"the same twice", "poll h proto imap user ann\npoll h proto imap user ann", "[] [] []", `"INBOX" is left out: ` + left},
		{"POP3 twice", "poll h proto pop3 user ann\npoll h proto pop3 user ann", "[] [] []", `"INBOX" is left out`},
		{"other folders", "poll h proto imap user ann\npoll h proto imap user ann folder Archive", "[] [] [];[Archive] [] []", ""},
		{"one in common", "poll h proto imap user ann\npoll h proto imap user ann folder inbox Lists", "[] [] [];[Lists] [] []", `"inbox" is left out`},
		{"other names", "poll h proto imap user ann\npoll other via h proto imap user ann\npoll h proto imap user bob", "[] [] [];[] [] [];[] [] []", ""},
		{"a folder, then a pattern", "poll h proto imap user ann\npoll h proto imap user ann folderpattern '*'", "[] [] [];[] [*] [INBOX]", ""},
		{"a pattern, then a folder", "poll h proto imap user ann folderpattern '*'\npoll h proto imap user ann", "[] [*] [INBOX];[] [] []", ""},
		{"patterns that may meet", "poll h proto imap user ann folderpattern 'Lists/*'\npoll h proto imap user ann folderpattern '%' 'Work/*'",
			"[] [Lists/*] [];[] [Work/*] []", `pattern "%" is left out`},
		{"a name in both encodings",
			"poll h proto imap user ann folder 'Entwürfe'\n" +
				"poll h proto imap user ann folder A 'Entw&APw-rfe'",
			"[Entwürfe] [] [];[A] [] []", `"Entw&APw-rfe" is left out: ` + left},
		{"a name three times", "poll h proto imap user ann\npoll h proto imap user ann folder B\npoll h proto imap user ann folder B C", "[] [] [];[B] [] [];[C] [] []", `"B" is left out`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			accounts, log, err := resolveText(t, tt.text+"\n")
			var got []string
			for _, a := range accounts {
				got = append(got, fmt.Sprint(a.Mailboxes, a.Patterns, a.ExcludedMailboxes))
			}
			if err != nil || strings.Join(got, ";") != tt.boxes || (log != "") != (tt.warning != "") || !strings.Contains(log, tt.warning) {
				t.Errorf("%v, want %s; %v; log %q", got, tt.boxes, err, log)
			}
		})
	}
}

func TestResolveWarns(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, text, want string }{
		{"no check", "poll h proto imap user ann no sslcertck", "any server is believed"},
		{"no check but a pin", `poll h proto imap user ann no sslcertck sslpin "sha256//47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="`, ""},
		{"clear text", "poll h proto imap user ann sslproto ''", "NOT ENCRYPTED"},
		{"clear text at home", "poll localhost proto imap user ann sslproto ''", ""},
		{"clear text to an address at home", "poll 127.0.0.1 proto imap user ann sslproto ''", ""},
		{"clear text through a plugin", "poll h proto imap plugin 'ssh h imapd' user ann sslproto ''", ""},
		{"993 without ssl", "poll h proto imap port 993 user ann", "port 993 usually is TLS"},
		{"143 with ssl", "poll h proto imap port 143 user ann ssl", "port 143 usually starts without TLS"},
		{"POP3 at the port of IMAP", "poll h proto pop3 port 993 user ann ssl", "port 993 usually is IMAP, not POP3: "},
		{"IMAP at the port of POP3", "poll h proto imap port 995 user ann ssl", "port 995 usually is POP3, not IMAP: "},
		{"IMAP at the clear port of POP3", "poll h proto imap service 110 user ann", "port 110 usually is POP3, not IMAP: "},
		{"APOP at the port of IMAP", "poll h proto apop port 143 user ann", "port 143 usually is IMAP, not POP3: "},
		{"which protocol is tried out", "poll h port 995 user ann ssl", "no protocol is named"},
		{"sslproto '' beside ssl", "poll h proto imap user ann ssl sslproto ''", "sslproto '' does nothing"},
		{"md5", `poll h proto imap user ann sslfingerprint "00:11:22:33:44:55:66:77:88:99:aa:bb:cc:dd:ee:ff"`, "MD5"},
		{"everything again and again", "poll h proto imap user ann ssl keep fetchall", "fetchall with keep retrieves everything again"},
		{"nothing", "poll h proto imap user ann ssl", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, log, err := resolveText(t, tt.text+"\n")
			if err != nil {
				t.Fatal(err)
			}
			if tt.want == "" && log != "" || !strings.Contains(log, tt.want) {
				t.Errorf("log %q, want %q", log, tt.want)
			}
		})
	}
}

func TestSettings(t *testing.T) {
	t.Parallel()
	r := newTestResolver()
	r.env.Remember = true
	settings := func(text string) string {
		accounts, _, err := resolveWith(t, r, text+"\n")
		if err != nil {
			t.Fatal(err)
		}
		return accounts[0].Identity()
	}
	one := settings("poll h proto imap user ann password secret1")
	if one != settings("\n# moved\npoll h proto imap   user ann password secret1") {
		t.Error("the same settings look different")
	}
	for _, other := range []string{"poll h proto imap user ann password secret2", "poll h proto imap user ann password secret1 keep", "poll h proto imap timeout 5 user ann password secret1"} {
		if one == settings(other) {
			t.Errorf("%q looks unchanged", other)
		}
	}
	if strings.Contains(one, "secret1") {
		t.Error("the settings show the password")
	}
}

func TestPasswordErrorIsOfKindAuth(t *testing.T) {
	t.Parallel()
	accounts, _, err := resolveText(t, "poll h proto imap user ann\n")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := accounts[0].Password(context.Background()); fetch.KindOf(err) != fetch.KindAuth || !strings.Contains(err.Error(), "can't find a password for ann@h") {
		t.Errorf("error %v of kind %v", err, fetch.KindOf(err))
	}
}

func TestHost(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"Mail.example.org": "Mail.example.org", "[2001:db8::1]": "2001:db8::1", "münchen.example.org": "xn--mnchen-3ya.example.org", "a_b": "a_b",
	} {
		if got := Host(&rcfile.Poll{Name: name}); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
}

// TestAccountOutlivesItsEntry makes sure that an account does not keep what the rc file says of it, which is
// larger than the account.
func TestAccountOutlivesItsEntry(t *testing.T) {
	t.Parallel()
	r := newTestResolver()
	poll := &rcfile.Poll{Name: "h", Active: true, Protocol: rcfile.Some("imap")}
	u := &rcfile.User{Remote: rcfile.Some("ann"), Maildir: rcfile.Some(t.TempDir())}
	u.Password = rcfile.Some(rcfile.NewSecret("secret"))
	poll.Users = []rcfile.User{*u}
	a, _, err := r.Account(poll, &poll.Users[0])
	if err != nil {
		t.Fatal(err)
	}

	entry := weak.Make(&poll.Users[0])
	poll, u = nil, nil
	runtime.GC()
	if entry.Value() != nil {
		t.Error("the account keeps its entry in memory")
	}
	if text, err := a.Password(t.Context()); text != "secret" || err != nil {
		t.Errorf("password %q, %v", text, err)
	}
}
