package status

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"fetchd/cmd/fetchd/internal/logging"
)

// The layouts of times: what is of today has no date.
const (
	today   = "15:04"
	earlier = "Jan _2 15:04"
)

// Text writes the report for a person: what is in trouble first, then the others, a line each and one for the
// reason; with whole, also what is known of their past, their certificates and what is set aside.
func (r *Report) Text(w io.Writer, whole bool) error {
	var b strings.Builder
	accounts, troubled := r.Troubled()
	fmt.Fprintf(&b, "%s, %d in trouble; %s\n",
		logging.Counted(int64(accounts), "account"), troubled, r.source())

	for _, a := range r.inOrder() {
		r.writeAccount(&b, a, whole)
	}

	_, err := io.WriteString(w, b.String())
	return err
}

// inOrder are the accounts for a person: what is in trouble comes first.
func (r *Report) inOrder() []Account {
	sorted := slices.Clone(r.Accounts)
	// Stable: within each half the order by name stays.
	slices.SortStableFunc(sorted, func(a, b Account) int {
		switch {
		case a.Trouble == b.Trouble:
			return 0
		case a.Trouble:
			return -1
		}
		return 1
	})
	return sorted
}

// source is where the report comes from.
func (r *Report) source() string {
	if r.PID != 0 {
		return fmt.Sprintf("daemon %d, since %s", r.PID, r.time(r.Started))
	}
	return "no daemon runs; as of " + r.time(r.At)
}

func (r *Report) writeAccount(b *strings.Builder, a Account, whole bool) {
	name := logging.Escape(a.Name)
	if len(a.Mailboxes) > 0 {
		name += " " + logging.Escape(strings.Join(a.Mailboxes, " "))
	}
	parts := []string{}
	if !a.Success.IsZero() {
		parts = append(parts, "last success "+r.time(a.Success))
	}
	if !a.Next.IsZero() {
		parts = append(parts, "next poll "+r.time(a.Next))
	}
	if a.Messages > 0 {
		parts = append(parts, fmt.Sprintf("%s, %d bytes", logging.Counted(a.Messages, "message"), a.Bytes))
	}
	if a.SetAside > 0 {
		parts = append(parts, fmt.Sprintf("%d set aside", a.SetAside))
	}

	fmt.Fprintf(b, "%-20s %s", a.State, name)
	if len(parts) > 0 {
		fmt.Fprintf(b, ": %s", strings.Join(parts, "; "))
	}
	b.WriteByte('\n')
	if a.Trouble && a.Failure != nil {
		fmt.Fprintf(b, "%-20s since %s, %s: %s\n", "", r.time(a.Failure.Since),
			logging.Counted(int64(a.Failure.Count), "time"), logging.Escape(logging.OneLine(a.Failure.Text)))
	}
	if whole {
		for _, line := range r.details(&a) {
			fmt.Fprintf(b, "%-20s %s\n", "", logging.Escape(logging.OneLine(line)))
		}
	}
}

// timeOr is time, or the word for none.
func (r *Report) timeOr(t time.Time, none string) string {
	if t.IsZero() {
		return none
	}
	return r.time(t)
}

// time is for a person who reads the report when it was made.
func (r *Report) time(t time.Time) string {
	t = t.Local()
	if at := r.At.Local(); t.YearDay() == at.YearDay() && t.Year() == at.Year() {
		return t.Format(today)
	}
	return strings.ReplaceAll(t.Format(earlier), "  ", " ")
}

// JSON writes the report for programs.
func (r *Report) JSON(w io.Writer) error {
	e := json.NewEncoder(logging.EscapeJSON(w))
	e.SetIndent("", "  ")
	return e.Encode(r)
}

// maxNamed is how many accounts a line for a monitoring program names.
const maxNamed = 5

// Line is the report in one line for monitoring programs, with performance data behind a bar.
func (r *Report) Line() string {
	accounts, troubled := r.Troubled()
	word := "OK"
	if troubled > 0 {
		word = "WARNING"
	}

	var named []string
	var setAside int
	var messages int64
	for _, a := range r.Accounts {
		setAside += a.SetAside
		messages += a.Messages
		if !a.Trouble {
			continue
		}
		text := logging.Escape(a.Name) + " " + a.State
		// An account may be here several times, once for each folder that has a connection of its own.
		if len(named) < maxNamed && !slices.Contains(named, text) {
			named = append(named, text)
		}
	}
	line := fmt.Sprintf("FETCHD %s - %s, %d in trouble", word,
		logging.Counted(int64(accounts), "account"), troubled)
	if len(named) > 0 {
		line += ": " + strings.ReplaceAll(strings.Join(named, ", "), "|", "/") // the bar begins the data
	}
	return fmt.Sprintf("%s | accounts=%d trouble=%d set_aside=%d messages=%dc", line, accounts, troubled,
		setAside, messages)
}
