package status

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"fetchd/cmd/fetchd/internal/logging"
)

// What a Summary names has to fit into two or three lines of a terminal.
const (
	maxSummed = 3
	maxName   = 60 // characters
)

// Summary is the report in one line for a log or a service manager: how many accounts are in trouble, the
// first of them, and when the next retrieval is due.
func (r *Report) Summary() string {
	accounts, troubled := r.Troubled()
	line := logging.Counted(int64(accounts), "account")
	if troubled > 0 {
		line += fmt.Sprintf(", %d in trouble (%s)", troubled, strings.Join(r.nameTroubled(troubled), "; "))
	}
	if next := r.next(); !next.IsZero() {
		line += ", next poll " + r.time(next)
	}
	return line
}

// nameTroubled names the first accounts in trouble, how and since when; there are so many.
func (r *Report) nameTroubled(troubled int) []string {
	var named, parts []string
	for _, a := range r.Accounts {
		// Folders with connections of their own follow each other, and are one account.
		if !a.Trouble || slices.Contains(named, a.Name) {
			continue
		}
		if len(named) == maxSummed {
			return append(parts, fmt.Sprintf("… and %d more", troubled-maxSummed))
		}
		named = append(named, a.Name)
		parts = append(parts, r.nameTrouble(&a))
	}
	return parts
}

func (r *Report) nameTrouble(a *Account) string {
	text := fmt.Sprintf("%s: %s", cut(logging.Escape(a.Name)), a.State)
	if a.Failure != nil {
		text += " since " + r.time(a.Failure.Since)
	}
	return text
}

func cut(name string) string {
	if r := []rune(name); len(r) > maxName {
		return string(r[:maxName]) + "…"
	}
	return name
}

// next is when the first retrieval is due; zero = nobody knows.
func (r *Report) next() time.Time {
	var first time.Time
	for _, a := range r.Accounts {
		if !a.Next.IsZero() && (first.IsZero() || a.Next.Before(first)) {
			first = a.Next
		}
	}
	return first
}
