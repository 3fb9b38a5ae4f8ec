package fetch

import (
	"log/slog"
)

// said is what was logged last of each mailbox of an account, so that polls that find the same again say
// nothing.
type said map[string]tally

// tally is what the line about a mailbox counts.
type tally struct{ messages, seen, oversized int }

// level is that of the lines about a mailbox: nobody reads a line for each poll in which nothing has changed.
func (s *said) level(name string, c Counts) slog.Level {
	now := tally{c.Messages, c.Seen, len(c.Oversized)}
	before, known := (*s)[name]
	if *s == nil {
		*s = said{}
	}
	(*s)[name] = now

	if known && before == now && c.New == 0 {
		return slog.LevelDebug
	}
	return slog.LevelInfo
}
