package account

import (
	"errors"
	"strings"
	"testing"

	"fetchd/rcfile"
)

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
		{"smtphost with an odd suffix", "poll h proto imap user ann smtphost localhost/tsl",
			`"tsl" is neither a port nor a suffix`, false},
		{"smtphost with two ports",
			"poll h proto imap user ann smtphost localhost/25/26", "second port", false},
		{"smtphost with and without TLS",
			"poll h proto imap user ann smtphost localhost/tls/notls", "contradict", false},
		{"half an SMTP login", "poll h proto imap esmtpname x user ann smtphost localhost",
			"belong together", false},
		{"lmtp on port 25", "poll h proto imap user ann lmtp smtphost localhost",
			"lmtp can't use the SMTP port", true},
		{"mbox and Maildir", "poll h proto imap user ann mbox x maildir y", "remove one of them", false},
		{"mbox for several", "poll h proto imap envelope X user ann is a b here mbox x",
			"one mbox for the mail of several", false},
		{"srv and via", "poll h proto imap via x srv user ann", "remove via", true},
		{"srv without TLS", "poll h proto imap srv user ann sslproto ''", "srv needs TLS", true},
		{"two destinations", "poll h proto imap user ann maildir x mda y", "remove one of them", false},
		{"batched SMTP and Maildir", "poll h proto imap user ann maildir x bsmtp y",
			"remove one of them", false},
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
		{"mda for a second shell",
			`poll h proto imap user ann mda 'sh -c "agent -f %F"'`, "rc:1:32: mda", true},
		{"name that the mda can't be told",
			`poll h proto imap user ann is "o'neil" mda "procmail -d %T"`, `told "o_neil"`, true},
		{"plugin's host", `poll "h;id" proto imap plugin "nc %h %p" user ann`,
			`rc:1:31: plugin: host "h;id"`, true},
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
		{"the other has a destination",
			"poll h proto imap user x is me\npoll i proto imap user y is bob maildir m", ""},
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

func TestResolveWarns(t *testing.T) {
	t.Parallel()
	const pin = "sha256//47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
	tests := []struct{ name, text, want string }{
		{"no check", "poll h proto imap user ann no sslcertck", "any server is believed"},
		{"no check but a pin", "poll h proto imap user ann no sslcertck sslpin " + pin, ""},
		{"clear text", "poll h proto imap user ann sslproto ''", "NOT ENCRYPTED"},
		{"clear text at home", "poll localhost proto imap user ann sslproto ''", ""},
		{"clear text to an address at home", "poll 127.0.0.1 proto imap user ann sslproto ''", ""},
		{"clear text through a plugin", "poll h proto imap plugin 'ssh h imapd' user ann sslproto ''", ""},
		{"993 without ssl", "poll h proto imap port 993 user ann", "port 993 usually is TLS"},
		{"143 with ssl", "poll h proto imap port 143 user ann ssl", "port 143 usually starts without TLS"},
		{"POP3 at the port of IMAP", "poll h proto pop3 port 993 user ann ssl",
			"port 993 usually is IMAP, not POP3: "},
		{"IMAP at the port of POP3", "poll h proto imap port 995 user ann ssl",
			"port 995 usually is POP3, not IMAP: "},
		{"IMAP at the clear port of POP3", "poll h proto imap service 110 user ann",
			"port 110 usually is POP3, not IMAP: "},
		{"APOP at the port of IMAP", "poll h proto apop port 143 user ann",
			"port 143 usually is IMAP, not POP3: "},
		{"which protocol is tried out", "poll h port 995 user ann ssl", "no protocol is named"},
		{"sslproto '' beside ssl", "poll h proto imap user ann ssl sslproto ''", "sslproto '' does nothing"},
		{"md5", `poll h proto imap user ann sslfingerprint "00:11:22:33:44:55:66:77:88:99:aa:bb:cc:dd:ee:ff"`,
			"MD5"},
		{"everything again and again", "poll h proto imap user ann ssl keep fetchall",
			"fetchall with keep retrieves everything again"},
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
