package tlsverify

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// A peer's text is quoted and cut: a subject may be 10 kB of control characters.
const maxPeerText = 200

// quote escapes s and cuts it at maxPeerText bytes.
func quote(s string) string {
	if len(s) > maxPeerText {
		return strconv.Quote(s[:maxPeerText]) + fmt.Sprintf("… (%d bytes)", len(s))
	}
	return strconv.Quote(s)
}

const maxNamesShown = 5

// quoteList quotes the first names of a list that the peer may have made long.
func quoteList(names []string) string {
	var b strings.Builder
	for i, n := range names {
		if i == maxNamesShown {
			fmt.Fprintf(&b, " and %d more", len(names)-i)
			break
		}
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(quote(n))
	}
	return b.String()
}

func date(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 MST") }
