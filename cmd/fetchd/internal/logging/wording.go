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

// failure has the record's error, a line for each of its hints. Each line begins with before.
func (f fields) failure(level slog.Level, before string) []line {
	err, ok := f["err"].Resolve().Any().(error)
	if !ok {
		return []line{{level: level, text: before + f.err()}}
	}

	// The reason and its hint were printed above, in the line about the message.
	text := err.Error()
	if undelivered, ok := errors.AsType[*fetch.UndeliveredError](err); ok && undelivered.Reported {
		text = strings.Replace(text, undelivered.Error(), undelivered.Summary(), 1)
	}

	var lines []line
	for _, l := range hints.LinesOf(text, err) {
		lines = append(lines, line{level: level, text: before + l.Problem, hint: l.Hint})
	}

	return lines
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
	// The last one: login names are often addresses.
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

	if text := progress(event, f); text != "" {
		return []line{{level: level, bare: true, text: text}}
	}
	if text := warning(event, f); text != "" {
		return []line{{level: level, text: "WARNING: " + f.text("account") + ": " + text}}
	}
	if before := failureBefore(event, f); before != "" {
		return f.failure(level, before)
	}

	one := func(format string, args ...any) []line {
		return []line{{level: level, text: fmt.Sprintf(format, args...)}}
	}
	switch event {
	case fetch.EventNoMail:
		return one("No mail for %s", f.where())
	case fetch.EventFailed:
		// The line about the message says "not flushed", and belongs to the progress, not to the errors.
		text := readingLine(f, "not flushed")
		return append([]line{{level: slog.LevelInfo, bare: true, text: text}},
			f.failure(level, f.text("account")+": ")...)
	case fetch.EventFailedMore:
		return one("%s: %s not delivered, for reasons like those above", f.text("account"),
			Counted(f.number("count"), "more message"))
	case fetch.EventOld:
		return []line{{level: level, text: fmt.Sprintf("first contact: %s for %s, marked as seen there, "+
			"count as old and are left", Counted(f.number("count"), "message"), f.where()),
			hint: "fetchall in the entry, or -a in a single call, retrieves these too"}}
	case fetch.EventExcluded:
		return one("%s excluded, left on the server for %s", Counted(f.number("count"), "message"), f.where())
	case fetch.EventRecognised:
		return one("%s", recognisedLine(f))
	case fetch.EventExpired:
		return one("%s for %s: kept for %d days, and removed now", Counted(f.number("count"), "message"),
			f.where(), f.number("days"))
	case fetch.EventLimit:
		return one("fetchlimit %d reached; %s left on the server for %s", f.number("limit"),
			Counted(f.number("count"), "message"), f.where())
	case fetch.EventTLS:
		return verdictLines(level, f)
	case EventOutcome:
		return one("Query status=%d (%s)", f.number("status"), exit.Status(f.number("status")))
	case EventEvidence:
		return evidenceLines(level, f)
	case EventTrace:
		// Accounts are retrieved at once, and the lines of their sessions stand between each other.
		return one("%s: %s", f.text("account"), f.text("line"))
	}

	return plainLines(level, event, attrs)
}

// progress is fetchmail's line about a mailbox or a message, "" if the event is another.
func progress(event string, f fields) string {
	switch event {
	case fetch.EventMailbox:
		return mailboxLine(f)
	case fetch.EventReading:
		return readingLine(f, f.flushed())
	case fetch.EventOversized:
		return fmt.Sprintf("skipping message %s:%d (%d octets) (oversized) %s", f.text("account"),
			f.number("n"), f.number("size"), f.flushed())
	}
	return ""
}

// failureBefore is what stands before the error of an event that has one, "" if the event is another.
func failureBefore(event string, f fields) string {
	account := f.text("account")
	switch event {
	case fetch.EventQueryFailed:
		if kind, ok := f["kind"].Resolve().Any().(fetch.Kind); ok && kind.IsLogin() {
			return "Authorization failure on " + account + ": "
		}
		return account + ": "
	case fetch.EventObstacle:
		return fmt.Sprintf("WARNING: %s: message %q of %d octets can't be had, %d sessions ended at it;"+
			" the others are retrieved, and this one is tried again once a day: ",
			account, f.text("uid"), f.number("size"), f.number("count"))
	case fetch.EventForgotten:
		return "WARNING: " + account + ": what was set aside earlier is tried again: "
	case fetch.EventNotKept:
		return "WARNING: " + account + ": what was set aside is not remembered after a restart: "
	}
	return ""
}

// readingLine is fetchmail's line about a message; flushed says what became of it on the server.
func readingLine(f fields, flushed string) string {
	return fmt.Sprintf("reading message %s:%d of %d (%d octets) %s", f.text("account"), f.number("n"),
		f.number("total"), f.number("size"), flushed)
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

func recognisedLine(f fields) string {
	text := fmt.Sprintf("%s for %s: delivered before, and not delivered again",
		Counted(f.number("count"), "message"), f.where())
	if n := f.number("adopted"); n > 0 {
		text += fmt.Sprintf("; %d more count as delivered", n)
	}
	return text
}

// Counted is "1 message" or "2 messages".
func Counted(n int64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
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

// plainLines words any other record: the account, the text, the error, and the other attributes.
func plainLines(level slog.Level, event string, attrs []slog.Attr) []line {
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
		return []line{{level: level, text: b.String() + rest.String()}}
	}
	if event != EventError {
		b.WriteString(": ")
	}

	lines := f.failure(level, b.String())
	lines[len(lines)-1].text += rest.String()
	return lines
}
