package account

import (
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"slices"
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
		Getenv:     environment("HOME", "/h"), Home: "/h",
		Caller: "me", Hostname: "here", Version: "fetchd/test",
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
			return a.Name == "ann@work" && a.Poll == "work" && a.Host == "mail.example" &&
				a.Port == 1143 && a.Key == "work|mail.example|1143|ann"
		}},
		{"a key can't be imitated", `poll "a|b" via h proto imap user "c%d"`,
			func(a *fetch.Account) bool { return a.Key == "a%7Cb|h|0|c%25d" }},
		{"defaults", "poll h proto imap user ann", func(a *fetch.Account) bool {
			return a.Timeout.Seconds() == 300 && a.TLS == fetch.StartTLS && a.Policy != nil &&
				a.MarkSeen && a.Received && !a.Keep && a.Recipients[0] == "me" &&
				a.Deliverer.String() == "Maildir /h/Maildir" && a.Auth == "any"
		}},
		{"caller", "poll h proto imap", func(a *fetch.Account) bool { return a.User == "me" }},
		{"service name", "poll h proto imap service imaps user ann ssl",
			func(a *fetch.Account) bool { return a.Port == 993 && a.TLS == fetch.Wrapped }},
		{"local name", "poll h proto imap user ann is bob here maildir x",
			func(a *fetch.Account) bool { return a.Recipients[0] == "bob" }},
		{"mapping", "poll h proto imap user ann is 'ann'='bob' here maildir x",
			func(a *fetch.Account) bool { return a.Recipients[0] == "bob" }},
		{"clear text", "poll h proto pop3 user ann sslproto ''",
			func(a *fetch.Account) bool { return a.TLS == fetch.ClearText && a.Policy == nil }},
		{"ssl wins over an empty sslproto", "poll h proto pop3 user ann ssl sslproto ''",
			func(a *fetch.Account) bool { return a.TLS == fetch.Wrapped && a.Policy != nil }},
		{"sslmode", "poll h proto pop3 user ann sslmode wrapped",
			func(a *fetch.Account) bool { return a.TLS == fetch.Wrapped }},
		{"IPv6 in brackets", "poll '[2001:db8::1]' proto imap user ann",
			func(a *fetch.Account) bool { return a.Host == "2001:db8::1" }},
		{"IPv6", "poll '2001:db8::1' proto imap user ann",
			func(a *fetch.Account) bool { return a.Host == "2001:db8::1" }},
		{"no opportunistic TLS", "poll h proto pop3 user ann no sslcertck",
			func(a *fetch.Account) bool { return a.TLS == fetch.StartTLS && a.Policy != nil }},
		{"mda", `poll h proto pop3 user ann mda "cat >/dev/null"`,
			func(a *fetch.Account) bool { return strings.HasPrefix(a.Deliverer.String(), "mda") }},
		{"limits", "poll h proto imap user ann limit 5M fetchlimit 3 expunge 2 no stripcr",
			func(a *fetch.Account) bool {
				return a.Limit == 5<<20 && a.FetchLimit == 3 && a.Expunge == 2 && a.KeepCR
			}},
		{"headers stay", "poll h proto imap user ann",
			func(a *fetch.Account) bool { return a.Headers == delivery.HeaderRules{} && !a.RejectBad }},
		{"headers", "poll h proto imap bad-header reject user ann rewrite dropstatus dropdelivered",
			func(a *fetch.Account) bool {
				want := delivery.HeaderRules{DropStatus: true, DropDelivered: true, Rewrite: "h"}
				return a.RejectBad && a.Headers == want
			}},
		{"an address as host", "poll 192.0.2.1 proto imap user ann rewrite",
			func(a *fetch.Account) bool { return a.Headers.Rewrite == "[192.0.2.1]" }},
		{"warnings", "poll h proto imap user ann",
			func(a *fetch.Account) bool { return a.Warnings == time.Hour && a.Refusals == nil }},
		{"own warnings", "poll h proto imap user ann warnings 5m",
			func(a *fetch.Account) bool { return a.Warnings == 5*time.Minute }},
		{"auto", "poll h user ann", func(a *fetch.Account) bool {
			return a.Protocol == fetch.Auto && a.Connect != nil
		}},
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
			if err != nil || len(accounts) != 1 ||
				accounts[0].User != tt.want || accounts[0].Name != tt.want+"@h" {
				t.Errorf("%+v, %v; want %q", accounts, err, tt.want)
			}
		})
	}

	_, _, err := resolveText(t, "poll h proto imap sslcert /no/such/file\n")
	if err == nil || !strings.Contains(err.Error(), "/no/such/file") {
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

// No mailbox is retrieved by two accounts of one record: a later one gets what those before it leave.
func TestResolveSeparatesOwners(t *testing.T) {
	t.Parallel()
	const left = "an entry before this one, with the same poll name, via, port and user, retrieves it"
	for _, tt := range []struct{ name, text, boxes, warning string }{
		{"the same twice", "poll h proto imap user ann\npoll h proto imap user ann",
			"[] [] []", `"INBOX" is left out: ` + left},
		{"POP3 twice", "poll h proto pop3 user ann\npoll h proto pop3 user ann",
			"[] [] []", `"INBOX" is left out`},
		{"other folders", "poll h proto imap user ann\npoll h proto imap user ann folder Archive",
			"[] [] [];[Archive] [] []", ""},
		{"one in common", "poll h proto imap user ann\npoll h proto imap user ann folder inbox Lists",
			"[] [] [];[Lists] [] []", `"inbox" is left out`},
		{"other names", "poll h proto imap user ann\npoll other via h proto imap user ann\n" +
			"poll h proto imap user bob", "[] [] [];[] [] [];[] [] []", ""},
		{"a folder, then a pattern", "poll h proto imap user ann\n" +
			"poll h proto imap user ann folderpattern '*'", "[] [] [];[] [*] [INBOX]", ""},
		{"a pattern, then a folder", "poll h proto imap user ann folderpattern '*'\n" +
			"poll h proto imap user ann", "[] [*] [INBOX];[] [] []", ""},
		{"patterns that may meet", "poll h proto imap user ann folderpattern 'Lists/*'\n" +
			"poll h proto imap user ann folderpattern '%' 'Work/*'",
			"[] [Lists/*] [];[] [Work/*] []", `pattern "%" is left out`},
		{"a name in both encodings",
			"poll h proto imap user ann folder 'Entwürfe'\n" +
				"poll h proto imap user ann folder A 'Entw&APw-rfe'",
			"[Entwürfe] [] [];[A] [] []", `"Entw&APw-rfe" is left out: ` + left},
		{"a name three times", "poll h proto imap user ann\npoll h proto imap user ann folder B\n" +
			"poll h proto imap user ann folder B C", "[] [] [];[B] [] [];[C] [] []", `"B" is left out`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			accounts, log, err := resolveText(t, tt.text+"\n")
			var got []string
			for _, a := range accounts {
				got = append(got, fmt.Sprint(a.Mailboxes, a.Patterns, a.ExcludedMailboxes))
			}

			if err != nil || strings.Join(got, ";") != tt.boxes ||
				(log != "") != (tt.warning != "") || !strings.Contains(log, tt.warning) {
				t.Errorf("%v, want %s; %v; log %q", got, tt.boxes, err, log)
			}
		})
	}
}

// TestFetchAllOfACommandLine: -a beside keep is meant for once, which a daemon does not do.
func TestFetchAllOfACommandLine(t *testing.T) {
	t.Parallel()
	for _, isDaemon := range []bool{false, true} {
		cfg, err := rcfile.Parse("rc", []byte("poll h proto imap user ann ssl keep\n"), rcfile.Fetchmailrc)
		if err != nil {
			t.Fatal(err)
		}
		var said rcfile.Said
		said.SetFlag("fetchall", "--fetchall", true)
		cfg.Override(&said)

		r := newTestResolver()
		r.env.Remember = isDaemon
		_, warnings, err := r.Resolve(cfg, Selected(cfg, nil), nil)
		warned := slices.ContainsFunc(warnings, func(w Warning) bool {
			return strings.Contains(w.Text, "add -d 0")
		})
		if err != nil || warned != isDaemon {
			t.Errorf("daemon %v: %v, %v", isDaemon, warnings, err)
		}
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

	for _, other := range []string{
		"poll h proto imap user ann password secret2",
		"poll h proto imap user ann password secret1 keep",
		"poll h proto imap timeout 5 user ann password secret1",
	} {
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
	if _, err := accounts[0].Password(context.Background()); fetch.KindOf(err) != fetch.KindAuth ||
		!strings.Contains(err.Error(), "can't find a password for ann@h") {
		t.Errorf("error %v of kind %v", err, fetch.KindOf(err))
	}
}

func TestHost(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"Mail.example.org": "Mail.example.org", "[2001:db8::1]": "2001:db8::1",
		"münchen.example.org": "xn--mnchen-3ya.example.org", "a_b": "a_b",
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
