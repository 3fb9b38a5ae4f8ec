package logging

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"strings"
	"testing"

	"fetchd/cmd/fetchd/internal/exit"
	"fetchd/fetch"
	"fetchd/tlsverify/hints"
)

type fakeVerdict struct{}

func (fakeVerdict) Describe(w io.Writer) error {
	_, err := io.WriteString(w, "subject: CN=\x1b[31mmail\nissuer: CN=ca\n")
	return err
}

func (fakeVerdict) Warnings() []string { return []string{"it ends soon"} }

// TestWording checks the lines that scripts and logcheck rules match: they are fetchmail's.
func TestWording(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name     string
		verbose  int
		silent   bool
		log      func(*slog.Logger)
		out, err string
	}{
		{"mailbox", 0, false, func(l *slog.Logger) {
			l.Info(fetch.EventMailbox, "account", "ann@mail.example",
				"mailbox", "INBOX", "total", 4, "seen", 3, "size", 6185)
		}, "4 messages (3 seen) for ann at mail.example (6185 octets).\n", ""},
		{"one message, none seen", 0, false, func(l *slog.Logger) {
			l.Info(fetch.EventMailbox, "account", "ann@mail.example",
				"total", 1, "seen", 0, "size", int64(32))
		}, "1 message for ann at mail.example (32 octets).\n", ""},
		{"folder", 0, false, func(l *slog.Logger) {
			l.Info(fetch.EventMailbox, "account", "ann@work@mail.example",
				"mailbox", "Archive", "total", 2, "seen", 0)
		}, "2 messages for ann@work at mail.example (folder Archive).\n", ""},
		{"no mail", 0, false, func(l *slog.Logger) {
			l.Info(fetch.EventNoMail, "account", "ann@mail.example")
		}, "fetchd: No mail for ann at mail.example\n", ""},
		{"flushed", 0, false, func(l *slog.Logger) {
			l.Info(fetch.EventReading, "account", "ann@h", "n", 1, "total", 4, "size", 32, "deleted", true)
		}, "reading message ann@h:1 of 4 (32 octets) flushed\n", ""},
		{"not flushed", 0, false, func(l *slog.Logger) {
			l.Info(fetch.EventReading, "account", "ann@h", "n", 2, "total", 4, "size", 32, "deleted", false)
		}, "reading message ann@h:2 of 4 (32 octets) not flushed\n", ""},
		{"oversized", 0, false, func(l *slog.Logger) {
			l.Info(fetch.EventOversized, "account", "ann@h", "n", 4, "total", 4, "size", 6089)
		}, "skipping message ann@h:4 (6089 octets) (oversized) not flushed\n", ""},
		{"excluded", 0, false, func(l *slog.Logger) {
			l.Info(fetch.EventExcluded, "account", "ann@h", "mailbox", "INBOX", "count", 3)
		}, "fetchd: 3 messages excluded, left on the server for ann at h\n", ""},
		{"retrieval ended", 2, false, func(l *slog.Logger) {
			l.Debug(fetch.EventDone, "account", "ann@h", "result", fetch.Result{
				Messages: 3, Seen: 1, New: 2, Delivered: 2, Bytes: 119,
			})
		}, "fetchd: ann@h: retrieval ended messages=3 seen=1 new=2 " +
			"delivered=2 bytes=119 deleted=0 oversized=0 failed=0\n", ""},
		{"delivery failed", 0, false, func(l *slog.Logger) {
			l.Error(fetch.EventFailed, "account", "ann@h", "n", 1,
				"total", 1, "size", 5, "err", errors.New("mda: exit status 1"))
		}, "reading message ann@h:1 of 1 (5 octets) not flushed\n", "fetchd: ann@h: mda: exit status 1\n"},
		{"others failed alike", 0, false, func(l *slog.Logger) {
			l.Error(fetch.EventFailedMore, "account", "ann@h", "mailbox", "INBOX", "count", 44995)
		}, "", "fetchd: ann@h: 44995 more messages not delivered, for reasons like those above\n"},
		{"login", 0, false, func(l *slog.Logger) {
			l.Error(fetch.EventQueryFailed, "account", "ann@h",
				"err", errors.New(`server says "no"`), "kind", fetch.KindAuth)
			l.Info(EventOutcome, "account", "ann@h", "status", int(exit.Auth))
		}, "fetchd: Query status=3 (AUTHFAIL)\n",
			"fetchd: Authorization failure on ann@h: server says \"no\"\n"},
		{"two failures, with a hint each", 0, false, func(l *slog.Logger) {
			err := errors.Join(hints.Errorf("make room", "disk full"), hints.Errorf("ask", "server ended"))
			l.Error(fetch.EventQueryFailed, "account", "ann@h", "err", err, "kind", fetch.KindTLS)
		}, "", "fetchd: ann@h: disk full\nfetchd: hint: make room\nfetchd: ann@h: server ended\n" +
			"fetchd: hint: ask\n"},
		{"undelivered and another", 0, false, func(l *slog.Logger) {
			err := errors.Join(&fetch.UndeliveredError{Count: 1, Reported: true,
				Err: hints.Errorf("make room", "disk full")}, hints.Errorf("ask", "server ended"))
			l.Error(fetch.EventQueryFailed, "account", "ann@h", "err", err, "kind", fetch.KindTLS)
		}, "", "fetchd: ann@h: 1 message not delivered, it stays on the server; server ended\n" +
			"fetchd: hint: ask\n"},
		{"other failure", 0, false, func(l *slog.Logger) {
			l.Error(fetch.EventQueryFailed, "account", "ann@h", "err", errors.New("x"), "kind", fetch.KindTLS)
		}, "", "fetchd: ann@h: x\n"},
		{"fetchlimit", 0, false, func(l *slog.Logger) {
			l.Info(fetch.EventLimit, "account", "ann@h", "mailbox", "INBOX", "limit", 3, "count", 12)
		}, "fetchd: fetchlimit 3 reached; 12 messages left on the server for ann at h\n", ""},
		{"renumbered", 0, false, func(l *slog.Logger) {
			l.Warn(fetch.EventRenumbered, "account", "ann@h",
				"mailbox", "INBOX", "old", uint32(1), "new", uint32(2))
		}, "", "fetchd: WARNING: ann@h: the server has renumbered mailbox \"INBOX\" (UIDVALIDITY 2, " +
			"was 1): what is not marked as seen there is new again\n"},
		{"rewound", 0, false, func(l *slog.Logger) {
			l.Warn(fetch.EventRewound, "account", "ann@h",
				"mailbox", "INBOX", "next", uint32(3), "known", uint32(9))
		}, "", "fetchd: WARNING: ann@h: the server gives out UIDs again in mailbox \"INBOX\" " +
			"(the next one is 3, after 9): what is not marked as seen there is new again\n"},
		{"UIDs used again", 0, false, func(l *slog.Logger) {
			l.Warn(fetch.EventReused, "account", "ann@h", "mailbox", "Work", "count", 2)
			l.Warn(fetch.EventReused, "account", "ann@h", "mailbox", "", "count", 1)
		}, "", "fetchd: WARNING: ann@h: the server has given the UIDs of 2 deleted messages in mailbox " +
			"\"Work\" to others: those are new\n" +
			"fetchd: WARNING: ann@h: the server has given the UIDs of 1 deleted message to others: those " +
			"are new\n"},
		{"UIDL twice", 0, false, func(l *slog.Logger) {
			l.Warn(fetch.EventSameUIDL, "account", "ann@h", "mailbox", "", "n", 2, "uid", "a")
			l.Warn(fetch.EventSameUIDL, "account", "ann@h", "mailbox", "", "count", 7)
		}, "", "fetchd: WARNING: ann@h: message 2 has the UIDL \"a\" of another one: they are told apart " +
			"by what is in them; tell the server's operator\n" +
			"fetchd: WARNING: ann@h: 7 more messages with the UIDL of another one: they are told apart by " +
			"what is in them; tell the server's operator\n"},
		{"not listed", 0, false, func(l *slog.Logger) {
			l.Warn(fetch.EventUnlisted, "account", "ann@h", "mailbox", "", "count", 1)
		}, "", "fetchd: WARNING: ann@h: the server counts 1 message more than it lists: what is not listed " +
			"stays there; if you miss mail, look there with another program, and tell the server's " +
			"operator\n"},
		{"originals stay", 0, false, func(l *slog.Logger) {
			l.Warn(fetch.EventShort, "account", "ann@h", "mailbox", "", "count", 1)
			l.Warn(fetch.EventDoubted, "account", "ann@h", "mailbox", "INBOX", "count", 2)
		}, "", "fetchd: WARNING: ann@h: the server sent less than half of what it announced of 1 message: " +
			"what came is delivered, and the original stays; look at it there\n" +
			"fetchd: WARNING: ann@h: the server sent 2 messages in mailbox \"INBOX\" and then refused to: " +
			"what came is delivered, and the original stays; look at it there\n"},
		{"too much to remove", 0, false, func(l *slog.Logger) {
			l.Warn(fetch.EventBrake, "account", "ann@h", "mailbox", "INBOX", "count", 61, "total", 120)
			l.Info(fetch.EventExpired, "account", "ann@h", "mailbox", "INBOX", "count", 3, "days", 30)
		}, "fetchd: 3 messages for ann at h: kept for 30 days, and removed now\n",
			"fetchd: WARNING: ann@h: 61 of 120 in mailbox \"INBOX\" are older than keepdays, more than " +
				"half: " +
				"they stay; a pass with --yes removes them\n"},
		{"delivered before", 0, false, func(l *slog.Logger) {
			l.Info(fetch.EventRecognised, "account", "ann@h", "mailbox", "", "count", 1, "adopted", 0)
		}, "fetchd: 1 message for ann at h: delivered before, and not delivered again\n", ""},
		{"nobody's", 0, false, func(l *slog.Logger) {
			l.Warn(fetch.EventNobodys, "account", "ann@h", "uid", "17")
		},
			"", "fetchd: WARNING: ann@h: message \"17\" is for no local user, and is discarded: there is " +
				"no postmaster; \"set postmaster\" names who gets such mail\n"},
		{"misnamed", 0, false, func(l *slog.Logger) {
			l.Warn(fetch.EventMisnamed, "account", "ann@h", "mailbox", `"R&D"`)
		}, "", "fetchd: WARNING: ann@h: mailbox \"R&D\" is left out: " +
			"its name can't be decoded; rename it on the server\n"},
		{"alert", 0, false, func(l *slog.Logger) {
			l.Warn(fetch.EventAlert, "account", "ann@h", "text", `"quota: 98%"`)
		}, "", "fetchd: WARNING: ann@h: the server says: \"quota: 98%\"\n"},
		{"set aside", 0, false, func(l *slog.Logger) {
			l.Warn(fetch.EventSetAside, "account", "ann@h", "mailbox", "INBOX", "count", 2)
			l.Warn(fetch.EventSetAside, "account", "ann@h", "mailbox", "", "count", 1)
		}, "", "fetchd: WARNING: ann@h: 2 refused messages are set aside: they " +
			"stay in \"INBOX\" on the server and will be tried again in a day\n" +
			"fetchd: WARNING: ann@h: 1 refused message is set aside: " +
			"it stays on the server and will be tried again in a day\n"},
		{"set aside, and not to be read", 0, false, func(l *slog.Logger) {
			l.Warn(fetch.EventForgotten, "account", "ann@h", "err", errors.New("x"))
			l.Warn(fetch.EventNotKept, "account", "ann@h", "err", errors.New("y"))
		}, "", "fetchd: WARNING: ann@h: what was set aside earlier is tried again: x\n" +
			"fetchd: WARNING: ann@h: what was set aside is not remembered after a restart: y\n"},
		{"joined errors", 0, false, func(l *slog.Logger) {
			l.Error(fetch.EventQueryFailed, "account", "ann@h",
				"err", errors.Join(errors.New("a"), errors.New("b")), "kind", fetch.KindNetwork)
		}, "", "fetchd: ann@h: a; b\n"},
		{"warning", 0, false, func(l *slog.Logger) {
			l.Warn("the certificate is not checked", "account", "ann@h")
		}, "", "fetchd: WARNING: ann@h: the certificate is not checked\n"},
		{"silent", 0, true, func(l *slog.Logger) {
			l.Info(fetch.EventNoMail, "account", "ann@h")
			l.Warn("w")
			l.Error(fetch.EventFailed, "account", "ann@h", "err", errors.New("x"))
		}, "", "fetchd: ann@h: x\n"},
		{"certificate hidden, its warning once", 0, false, func(l *slog.Logger) {
			l.With("poll", "h").Info(fetch.EventTLS, "account", "ann@h", "verdict", fakeVerdict{})
			l.Info(fetch.EventTLS, "account", "ann@h", "verdict", fakeVerdict{})
		}, "", "fetchd: WARNING: ann@h: it ends soon poll=h\n"},
		{"certificate, escaped", 1, false, func(l *slog.Logger) {
			l.Info(fetch.EventTLS, "account", "ann@h", "verdict", fakeVerdict{})
		}, "fetchd: ann@h: subject: CN=\\x1b[31mmail\nfetchd: ann@h: issuer: CN=ca\n",
			"fetchd: WARNING: ann@h: it ends soon\n"},
		{"evidence hidden", 0, false, func(l *slog.Logger) {
			l.Log(t.Context(), LevelTrace, EventEvidence, "account", "ann@h", "details", []string{"a: b"})
		}, "", ""},
		{"evidence", 1, false, func(l *slog.Logger) {
			l.Log(t.Context(), LevelTrace, EventEvidence, "account", "ann@h",
				"details", []string{"expected: x", "presented: y"})
		}, "fetchd: ann@h: expected: x\nfetchd: ann@h: presented: y\n", ""},
		{"protocol hidden", 0, false, func(l *slog.Logger) {
			l.Log(t.Context(), LevelTrace, EventTrace, "line", "POP3> QUIT")
		}, "", ""},
		{"protocol", 1, false, func(l *slog.Logger) {
			l.Log(t.Context(), LevelTrace, EventTrace, "account", "ann@h", "line", "POP3> QUIT")
		}, "fetchd: ann@h: POP3> QUIT\n", ""},
		{"foreign bytes", 0, false, func(l *slog.Logger) {
			l.Info("x", "err", errors.New("a\r\nb\xff\u202eé"))
		}, "fetchd: x: a\\x0d; b\\xff\\u202eé\n", ""},
	}

	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var out, errs bytes.Buffer
			l, err := Open(Target{
				Name: "fetchd", Out: &out, Err: &errs, Verbose: tt.verbose, Silent: tt.silent,
			})
			if err != nil {
				t.Fatal(err)
			}

			tt.log(l.Logger)
			if out.String() != tt.out || errs.String() != tt.err {
				t.Errorf("out %q, want %q\nerr %q, want %q", out.String(), tt.out, errs.String(), tt.err)
			}
		})
	}
}

func TestJSONLogNamesTheKind(t *testing.T) {
	t.Parallel()
	for kind, want := range map[fetch.Kind]string{
		fetch.KindUnknown: "unknown", fetch.KindNetwork: "network",
		fetch.KindTLS: "tls", fetch.KindConfig: "config",
	} {
		var out bytes.Buffer
		l, err := Open(Target{Name: "fetchd", Out: &out, Err: &out, JSON: true})
		if err != nil {
			t.Fatal(err)
		}
		l.Error(fetch.EventQueryFailed, "kind", kind)
		if !strings.Contains(out.String(), `"kind":"`+want+`"`) {
			t.Errorf("%s; want %q", out.String(), want)
		}
	}
}

func FuzzEscape(f *testing.F) {
	for _, s := range []string{"", "plain é", "a\x00\x1b[2J\r\n", "\xff\xc0\x80", "\u2028\u202e\u00a0"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := Escape(s)
		if strings.ContainsFunc(got, func(r rune) bool {
			return r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 ||
				r == '\uFFFD' && !strings.ContainsRune(s, r)
		}) {
			t.Errorf("%q keeps a control character", got)
		}
		if Escape(got) != got || len(got) > 7*len(s) {
			t.Errorf("%q is not stable or too long", got)
		}
	})
}
