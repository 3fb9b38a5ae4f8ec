package logging

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"

	"fetchd/cmd/fetchd/internal/exit"
	"fetchd/fetch"
	"fetchd/tlsverify/hints"
)

// The events of this package; those of a retrieval are in package fetch.
const (
	EventError    = "error"    // err: a failure that needs no further words
	EventTrace    = "protocol" // account, line
	EventOutcome  = "query"    // account, status
	EventEvidence = "evidence" // account, details ([]string): what is known of a refused server, for -v
)

// fields are the attributes of a record by name.
type fields map[string]slog.Value

func (f fields) text(name string) string {
	v, ok := f[name]
	if !ok {
		return ""
	}
	return v.Resolve().String()
}

// err is the error of the record, on one line.
func (f fields) err() string { return OneLine(f.text("err")) }

// failure is the line about the record's error, which begins with before; the error's hint is separate.
func (f fields) failure(level slog.Level, before string) line {
	err, ok := f["err"].Resolve().Any().(error)
	if !ok {
		return line{level: level, text: before + f.err()}
	}

	// The reason and its hint were printed above, in the line about the message.
	if undelivered, ok := errors.AsType[*fetch.UndeliveredError](err); ok && undelivered.Reported {
		text := strings.Replace(err.Error(), undelivered.Error(), undelivered.Summary(), 1)
		return line{level: level, text: before + OneLine(text)}
	}

	problem, hint := hints.Split(err)
	return line{level: level, text: before + OneLine(problem), hint: hint}
}

func (f fields) number(name string) int64 {
	v := f[name].Resolve()
	switch v.Kind() {
	case slog.KindInt64:
		return v.Int64()
	case slog.KindUint64:
		return int64(v.Uint64())
	case slog.KindAny:
		var n int64
		fmt.Sscan(v.String(), &n)
		return n
	}
	return 0
}

func (f fields) yes(name string) bool {
	v := f[name].Resolve()
	return v.Kind() == slog.KindBool && v.Bool()
}

// where is fetchmail's "U at H", followed by the folder unless that is INBOX.
func (f fields) where() string {
	account := f.text("account")
	if i := strings.LastIndexByte(account, '@'); i >= 0 {
		account = account[:i] + " at " + account[i+1:]
	}
	if m := f.text("mailbox"); m != "" && !strings.EqualFold(m, "INBOX") {
		account += " (folder " + m + ")"
	}
	return account
}

func (f fields) flushed() string {
	if f.yes("deleted") {
		return "flushed"
	}
	return "not flushed"
}

// wording turns a record into the lines that fetchmail would write, which people's scripts match.
func wording(level slog.Level, event string, attrs []slog.Attr) []line {
	f := fields{}
	for _, a := range attrs {
		f[a.Key] = a.Value
	}

	one := func(format string, args ...any) []line {
		return []line{{level: level, bare: true, text: fmt.Sprintf(format, args...)}}
	}
	switch event {
	case fetch.EventMailbox:
		return one("%s", mailboxLine(f))
	case fetch.EventNoMail:
		return []line{{level: level, text: "No mail for " + f.where()}}
	case fetch.EventReading:
		return one("reading message %s:%d of %d (%d octets) %s", f.text("account"), f.number("n"),
			f.number("total"), f.number("size"), f.flushed())
	case fetch.EventOversized:
		return one("skipping message %s:%d (%d octets) (oversized) %s", f.text("account"), f.number("n"),
			f.number("size"), f.flushed())
	case fetch.EventFailed:
		return []line{
			{level: slog.LevelInfo, bare: true,
				text: fmt.Sprintf("reading message %s:%d of %d (%d octets) not flushed", f.text("account"),
					f.number("n"), f.number("total"), f.number("size"))},
			f.failure(level, f.text("account")+": "),
		}
	case fetch.EventFailedMore:
		return []line{{level: level, text: fmt.Sprintf("%s: %s not delivered, for reasons like those above",
			f.text("account"), Counted(f.number("count"), "more message"))}}
	case fetch.EventLimit:
		return []line{{level: level, text: fmt.Sprintf("fetchlimit %d reached; %s left on the server for %s",
			f.number("limit"), Counted(f.number("count"), "message"), f.where())}}
	case fetch.EventSetAside:
		return []line{{level: level, text: "WARNING: " + f.text("account") + ": " + setAsideText(f)}}
	case fetch.EventObstacle:
		before := fmt.Sprintf("WARNING: %s: message %q of %d octets can't be had, %d sessions ended at it; the others are retrieved, and this one is tried again once a day: ",
			f.text("account"), f.text("uid"), f.number("size"), f.number("count"))
		return []line{f.failure(level, before)}
	case fetch.EventForgotten:
		return []line{f.failure(level, "WARNING: "+f.text("account")+": what was set aside earlier is tried again: ")}
	case fetch.EventNotKept:
		return []line{f.failure(level, "WARNING: "+f.text("account")+": what was set aside is not remembered after a restart: ")}
	case fetch.EventRenumbered:
		return []line{{level: level, text: fmt.Sprintf("WARNING: %s: the server has renumbered mailbox %q (UIDVALIDITY %s, was %s): what is not marked as seen there is new again",
			f.text("account"), f.text("mailbox"), f.text("new"), f.text("old"))}}
	case fetch.EventRewound:
		return []line{{level: level, text: fmt.Sprintf("WARNING: %s: the server gives out UIDs again in mailbox %q (the next one is %s, after %s): what is not marked as seen there is new again",
			f.text("account"), f.text("mailbox"), f.text("next"), f.text("known"))}}
	case fetch.EventStandIn:
		return []line{{level: level, text: fmt.Sprintf("WARNING: %s: in place of %s in mailbox %q the server sent a note that it can't retrieve it: the note is delivered, and the original stays; look at it there",
			f.text("account"), Counted(f.number("count"), "message"), f.text("mailbox"))}}
	case fetch.EventKept:
		return []line{{level: level, text: fmt.Sprintf("WARNING: %s: the server keeps %s in mailbox %q and says that they are removed: they are not delivered again, and deleting is tried again",
			f.text("account"), Counted(f.number("count"), "deleted message"), f.text("mailbox"))}}
	case fetch.EventBack:
		return []line{{level: level, text: fmt.Sprintf("WARNING: %s: the server has brought back %s in mailbox %q: deleted again, not delivered again",
			f.text("account"), Counted(f.number("count"), "deleted message"), f.text("mailbox"))}}
	case fetch.EventNotExpunged:
		return []line{{level: level, text: fmt.Sprintf("WARNING: %s: mailbox %q holds %s messages that others marked as deleted, and the server can't expunge ours alone: they are only marked",
			f.text("account"), f.text("mailbox"), f.text("others"))}}
	case fetch.EventMisnamed:
		return []line{{level: level, text: "WARNING: " + f.text("account") + ": mailbox " +
			f.text("mailbox") + " is left out: its name can't be decoded; rename it on the server"}}
	case fetch.EventAlert:
		return []line{{level: level, text: "WARNING: " + f.text("account") + ": the server says: " +
			f.text("text")}}
	case fetch.EventQueryFailed:
		return failureLines(level, f)
	case EventOutcome:
		return []line{{level: level, text: fmt.Sprintf("Query status=%d (%s)", f.number("status"),
			exit.Status(f.number("status")))}}
	case fetch.EventTLS:
		return verdictLines(level, f)
	case EventEvidence:
		return evidenceLines(level, f)
	case EventTrace:
		return []line{{level: level, text: f.text("line")}}
	}

	return []line{plainLine(level, event, attrs)}
}

func mailboxLine(f fields) string {
	seen := ""
	if n := f.number("seen"); n > 0 {
		seen = fmt.Sprintf(" (%d seen)", n)
	}
	octets := ""
	if f.number("size") > 0 {
		octets = fmt.Sprintf(" (%d octets)", f.number("size"))
	}
	return fmt.Sprintf("%s%s for %s%s.", Counted(f.number("total"), "message"), seen, f.where(), octets)
}

// Counted is "1 message" or "2 messages".
func Counted(n int64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

func setAsideText(f fields) string {
	what := "1 refused message is set aside: it stays"
	if n := f.number("count"); n != 1 {
		what = fmt.Sprintf("%d refused messages are set aside: they stay", n)
	}
	if m := f.text("mailbox"); m != "" {
		what += fmt.Sprintf(" in %q", m)
	}
	return what + " on the server and will be tried again in a day"
}

func failureLines(level slog.Level, f fields) []line {
	account := f.text("account")
	if kind, ok := f["kind"].Resolve().Any().(fetch.Kind); ok && kind == fetch.KindAuth {
		return []line{f.failure(level, "Authorization failure on "+account+": ")}
	}
	return []line{f.failure(level, account+": ")}
}

// describer is implemented by *tlsverify.Verdict.
type describer interface{ Describe(io.Writer) error }

func description(d describer) string {
	var b strings.Builder
	if err := d.Describe(&b); err != nil {
		return err.Error()
	}
	return b.String()
}

func verdictLines(level slog.Level, f fields) []line {
	d, ok := f["verdict"].Resolve().Any().(describer)
	if !ok {
		return nil
	}
	var lines []line
	for s := range strings.Lines(description(d)) {
		lines = append(lines, line{level: min(level, LevelTrace), text: f.text("account") + ": " +
			strings.TrimRight(s, "\n")})
	}
	return lines
}

func evidenceLines(level slog.Level, f fields) []line {
	details, _ := f["details"].Resolve().Any().([]string)
	var lines []line
	for _, d := range details {
		lines = append(lines, line{level: level, text: f.text("account") + ": " + d})
	}
	return lines
}

// writeAttr writes an attribute as " name=value", and a group as its members.
func writeAttr(b *strings.Builder, a slog.Attr) {
	v := a.Value.Resolve()
	if v.Kind() != slog.KindGroup {
		fmt.Fprintf(b, " %s=%s", a.Key, v)
		return
	}
	for _, member := range v.Group() {
		writeAttr(b, member)
	}
}

// plainLine words any other record: the account, the text, the error, and the other attributes.
func plainLine(level slog.Level, event string, attrs []slog.Attr) line {
	var b, rest strings.Builder
	if level == slog.LevelWarn {
		b.WriteString("WARNING: ")
	}

	f := fields{}
	for _, a := range attrs {
		switch a.Key {
		case "account":
			b.WriteString(a.Value.Resolve().String() + ": ")
		case "err":
			f[a.Key] = a.Value
		default:
			writeAttr(&rest, a)
		}
	}

	if event != EventError {
		b.WriteString(event)
	}
	if len(f) == 0 {
		return line{level: level, text: b.String() + rest.String()}
	}
	if event != EventError {
		b.WriteString(": ")
	}

	l := f.failure(level, b.String())
	l.text += rest.String()
	return l
}
