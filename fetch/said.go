package fetch

import (
	"log/slog"
)

// said is how many messages of each mailbox of an account were too large when it was last looked at, so that
// polls that find nothing new say nothing.
type said map[string]int

// level is that of the lines about a mailbox: nobody reads a line for each poll that finds nothing new.
func (s *said) level(name string, c Counts) slog.Level {
	before, known := (*s)[name]
	if *s == nil {
		*s = said{}
	}
	(*s)[name] = len(c.Oversized)

	if known && c.New == 0 && before == len(c.Oversized) {
		return LevelDetail
	}
	return slog.LevelInfo
}
