package fetch

import (
	"cmp"
	"log/slog"
	"slices"
)

// said is how many messages of each mailbox of an account were too large when it was last looked at, so that
// polls that find nothing new say nothing. It is sorted by name: there may be thousands of accounts with one
// mailbox each, and a map of one takes nine times as much memory.
type said []look

type look struct {
	mailbox   string
	oversized int
}

// level is that of the lines about a mailbox: nobody reads a line for each poll that finds nothing new.
func (s *said) level(name string, c Counts) slog.Level {
	i, known := slices.BinarySearchFunc(*s, name, func(l look, name string) int {
		return cmp.Compare(l.mailbox, name)
	})
	if !known {
		*s = slices.Insert(*s, i, look{mailbox: name})
	}
	before := (*s)[i].oversized
	(*s)[i].oversized = len(c.Oversized)

	if known && c.New == 0 && before == len(c.Oversized) {
		return LevelDetail
	}
	return slog.LevelInfo
}
