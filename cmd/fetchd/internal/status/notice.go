package status

import (
	"fmt"
	"strings"
	"time"

	"fetchd/cmd/fetchd/internal/logging"
	"fetchd/fetch"
)

const mailWidth = 76 // columns

// Notice is the mail about alerts, of which there is one at least, and about how all accounts of r are doing.
func Notice(alerts []Alert, r *Report) fetch.Notice {
	n := fetch.Notice{Kind: "accounts", Subject: subject(alerts)}
	for _, a := range alerts {
		n.Lines = append(n.Lines, a.lines()...)
		n.Lines = append(n.Lines, "")
	}
	n.Lines = append(n.Lines, "In all: "+r.Summary()+".", "\"fetchd status\" tells more.")
	return n
}

func subject(alerts []Alert) string {
	if len(alerts) == 1 {
		return fmt.Sprintf("fetchd: %s: %s", alerts[0].Account, alerts[0].State)
	}

	over := 0
	for _, a := range alerts {
		if a.Text == "" {
			over++
		}
	}
	var parts []string
	if n := len(alerts) - over; n == 1 {
		parts = append(parts, "1 account needs somebody")
	} else if n > 1 {
		parts = append(parts, fmt.Sprintf("%d accounts need somebody", n))
	}
	switch {
	case over == 1:
		parts = append(parts, "1 is well again")
	case over > 1:
		parts = append(parts, fmt.Sprintf("%d are well again", over))
	}
	return "fetchd: " + strings.Join(parts, ", ")
}

// lines tell one alert: what is the matter, and since when.
func (a Alert) lines() []string {
	if a.Text == "" {
		return []string{a.Account + " is well again: " + a.State + "."}
	}

	first := fmt.Sprintf("%s: %s since %s:", a.Account, a.State, a.Since.Format(time.RFC1123Z))
	return append([]string{first}, wrap(logging.OneLine(a.Text))...)
}

// wrap breaks a text into indented lines that are short enough to read.
func wrap(text string) []string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(text) {
		if line != "" && len(line)+1+len(word) > mailWidth {
			lines = append(lines, line)
			line = ""
		}
		if line == "" {
			line = " "
		}
		line += " " + word
	}
	return append(lines, line)
}
