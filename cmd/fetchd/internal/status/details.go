package status

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"fetchd/cmd/fetchd/internal/logging"
	"fetchd/fetch/schedule"
)

// details are what is known of an account besides its state, a line each and not escaped.
func (r *Report) details(a *Account) []string {
	lines := []string{"last 24 hours: " + a.day()}
	if a.Grant != nil {
		lines = append(lines, r.grant(a))
	}
	for i, c := range a.Certificates {
		word := "issuer"
		if i == 0 {
			word = "certificate"
		}
		lines = append(lines, fmt.Sprintf("%s %s, %s, %s", word, c.Subject, c.ends(), c.Fingerprint))
	}

	for _, w := range a.Waiting {
		lines = append(lines, fmt.Sprintf("set aside: %s, last tried %s", w.name(), r.time(w.Last)))
	}
	if more := a.SetAside - len(a.Waiting); more > 0 {
		lines = append(lines, fmt.Sprintf("set aside: %d more", more))
	}

	for _, p := range slices.Backward(a.Passes) {
		lines = append(lines, r.span(p)+" "+outcomeOf(p))
	}
	return lines
}

// day says what the last one brought.
func (a *Account) day() string {
	return fmt.Sprintf("%s, %d bytes, %s", logging.Counted(a.DayMessages, "message"), a.DayBytes,
		logging.Counted(a.DayFailures, "failed retrieval"))
}

// grant says how an account's grant is doing.
func (r *Report) grant(a *Account) string {
	g := a.Grant
	switch {
	case g.NeedsLogin:
		return "grant: needs a login: fetchd login " + a.Name
	case g.Until.IsZero():
		return "grant: no access token yet"
	case g.Renews:
		return "grant: access token until " + r.time(g.Until) + ", then the next one"
	}
	return "grant: until " + r.time(g.Until) + ", then it needs a login"
}

// ends says when the certificate does.
func (c *Certificate) ends() string {
	day := c.NotAfter.Format("2006-01-02")
	if c.DaysLeft < 0 {
		return "ended on " + day
	}
	return fmt.Sprintf("ends in %s, on %s", logging.Counted(int64(c.DaysLeft), "day"), day)
}

// name is how the message is called in what retry lists.
func (w *Waiting) name() string { return strings.TrimSpace(w.Mailbox + " " + w.UID) }

// span is when the pass, or the row of passes, was.
func (r *Report) span(p schedule.Pass) string {
	at := r.time(p.At)
	if p.Failure == nil || p.Failure.Count < 2 {
		return at
	}
	return r.time(p.Failure.Since) + " to " + at
}

// outcomeOf says how the pass, or the row of passes, ended.
func outcomeOf(p schedule.Pass) string {
	var parts []string
	if p.Delivered > 0 {
		parts = append(parts,
			fmt.Sprintf("%s, %d bytes", logging.Counted(int64(p.Delivered), "message"), p.Bytes))
	}
	if p.Deleted > 0 {
		parts = append(parts, fmt.Sprintf("%d deleted on the server", p.Deleted))
	}
	if p.Undone > 0 {
		parts = append(parts, fmt.Sprintf("%d not delivered", p.Undone))
	}
	if f := p.Failure; f != nil {
		times := ""
		if f.Count > 1 {
			times = fmt.Sprintf("%d times ", f.Count)
		}
		parts = append(parts, fmt.Sprintf("%s%s: %s", times, cmp.Or(f.Kind, "failed"), f.Text))
	}
	return strings.Join(parts, "; ")
}
