package rcfile

import (
	"iter"
	"strings"
)

// longest is the length of the longest text that is compared.
const longest = 24

// suggest gives `did you mean "keep"?` for a word that is nearly one of the candidates, or "".
func suggest(text string, candidates iter.Seq[string]) string {
	if name := Nearest(text, candidates); name != "" {
		return didYouMean(name)
	}
	return ""
}

func didYouMean(name string) string { return `did you mean "` + name + `"?` }

// Nearest returns the candidate that text is probably a misspelling of, or "".
func Nearest(text string, candidates iter.Seq[string]) string {
	within := 2
	if len(text) < 5 {
		within = 1
	}
	return nearest(text, within, candidates)
}

// nearest returns the candidate with the fewest changes, at most within; the first in the alphabet of
// several.
func nearest(text string, within int, candidates iter.Seq[string]) string {
	if len(text) > longest {
		return ""
	}

	best, least, lower := "", within, strings.ToLower(text)
	for name := range candidates {
		// Each letter of difference in length is a change, so these can't be near enough.
		if len(name) > longest || max(len(name)-len(text), len(text)-len(name)) > least ||
			!sameEnd(lower, name, least) {
			continue
		}
		if d := distance(lower, name); d < least || d == least &&
			(best == "" || strings.HasPrefix(name, lower) || name < best && !strings.HasPrefix(best, lower)) {
			best, least = name, d
		}
	}

	return best
}

// sameEnd is a cheap test that most words fail: one change leaves the first or the last letter as it is.
func sameEnd(a, b string, within int) bool {
	return within > 1 || a == "" || b == "" || a[0] == b[0] || a[len(a)-1] == b[len(b)-1]
}

// distance counts the letters to insert, drop, change or swap with the neighbour to make b of a.
// Neither is longer than longest.
func distance(a, b string) int {
	var before, above, row [longest + 1]int
	for j := range above {
		above[j] = j
	}

	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(above[j]+1, row[j-1]+1, above[j-1]+cost)
			// Two letters in the wrong order are one slip of the fingers.
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, above = above, row
	}

	return above[len(b)]
}
