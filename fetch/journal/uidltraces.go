package journal

import (
	"slices"
	"strings"
)

// uidlTraces is what the deleted messages of a maildrop looked like, so that one that comes back is told
// from another with its UIDL. The rows have a line for each: its escaped UIDL, a blank, and its looks.
type uidlTraces struct {
	rows  []row
	looks map[string]string // by the escaped UIDL; nil = not read yet
}

// keep keeps r if it holds traces, and tells whether it does.
func (t *uidlTraces) keep(r row) bool {
	if r.what != traces {
		return false
	}
	t.rows, t.looks = append(t.rows, r), nil
	return true
}

// find returns the looks of a deleted message, "" if there was none with this escaped UIDL.
func (t *uidlTraces) find(uidl string) string {
	if len(t.rows) == 0 {
		return ""
	}
	// Read when the first one is asked for: mostly nobody asks.
	if t.looks == nil {
		t.looks = map[string]string{}
		for _, r := range t.rows {
			for line := range strings.Lines(r.uids) {
				uidl, looks, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
				t.looks[uidl] = looks
			}
		}
	}

	return t.looks[uidl]
}

// fold returns one row with those that are still useful.
func (t *uidlTraces) fold(now int64) []row {
	rows := t.rows
	for len(rows) > 0 && now-rows[0].at > traceDays*day {
		rows = rows[1:]
	}

	if len(rows) == 0 {
		return nil
	}

	var lines []string
	for _, r := range rows {
		lines = slices.AppendSeq(lines, strings.Lines(r.uids))
	}
	return []row{{traces, rows[len(rows)-1].at, strings.Join(lines[max(0, len(lines)-maxTraces):], "")}}
}

// traceRows are the rows for messages that look like looks, one for each UIDL; "" is not remembered.
func traceRows(at int64, uidls, looks []string) []row {
	var b strings.Builder
	for i := max(0, len(looks)-maxTraces); i < len(looks); i++ {
		if looks[i] != "" {
			b.WriteString(escape(uidls[i]) + " " + looks[i] + "\n")
		}
	}
	if b.Len() == 0 {
		return nil
	}
	return []row{{traces, at, b.String()}}
}
