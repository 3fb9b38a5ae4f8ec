// Package show makes what tlsverify shows to people: a peer's words quoted and cut, hints in one form, lines
// of a report.
package show

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// MaxPeer is how much of a peer's text is shown: a subject may be 10 kB of control characters.
const MaxPeer = 200

// Quote escapes s and cuts it at MaxPeer bytes.
func Quote(s string) string {
	if len(s) > MaxPeer {
		return strconv.Quote(s[:MaxPeer]) + fmt.Sprintf("… (%d bytes)", len(s))
	}
	return strconv.Quote(s)
}

// Cut keeps the text of a wrapped error, which may hold the peer's words, on one bounded line.
func Cut(s string) string {
	if q := Quote(s); q != `"`+s+`"` {
		return q
	}
	return s
}

const maxNamesShown = 5

// QuoteList quotes the first names of a list, which the peer may have made long.
func QuoteList(names []string) string {
	var b strings.Builder

	for i, n := range names {
		if i == maxNamesShown {
			fmt.Fprintf(&b, " and %d more", len(names)-i)
			break
		}
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(Quote(n))
	}

	return b.String()
}

// Date shows a point in time to the minute.
func Date(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 MST") }
