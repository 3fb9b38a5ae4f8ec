package delivery

import (
	"slices"
	"strings"

	"fetchd/fetch/login/imapline"
)

// marks are a message's flags and date as they stand in APPEND.
func (s *appendSession) marks(it *appendItem) string {
	text := ""
	if flags := keptFlags(it.m.Flags, s.d.o.Keywords && !it.bare); len(flags) > 0 {
		text = " (" + strings.Join(flags, " ") + ")"
	}
	if !it.m.InternalDate.IsZero() {
		text += it.m.InternalDate.Format(` "_2-Jan-2006 15:04:05 -0700"`)
	}
	return text
}

// leaveKeywords has a message go without its keywords if the refusal may be about these: a mailbox may take
// no more of them, or none at all.
func (s *appendSession) leaveKeywords(it *appendItem, got imapline.Reply) bool {
	if it.bare || !s.d.o.Keywords || !slices.Contains([]string{"", "CANNOT", "LIMIT"}, got.Code) {
		return false
	}
	it.bare = len(keptFlags(it.m.Flags, true)) > len(keptFlags(it.m.Flags, false))
	return it.bare
}

// keptFlags are those that a copy is to have: of the system's the ones that say something of the message, and
// with keywords the user's own.
func keptFlags(flags []string, keywords bool) []string {
	var kept []string
	for _, flag := range flags {
		switch strings.ToLower(flag) {
		// \Deleted would have the copy removed by whoever expunges there, and \Recent is the server's own.
		case `\seen`, `\answered`, `\flagged`, `\draft`:
			kept = append(kept, flag)
		default:
			if keywords && isKeyword(flag) {
				kept = append(kept, flag)
			}
		}
	}
	return kept
}

// isKeyword tells whether a flag can be sent as one: it is an atom (RFC 9051 section 9).
func isKeyword(flag string) bool {
	return flag != "" && !strings.ContainsFunc(flag, func(r rune) bool {
		return r <= ' ' || r > '~' || strings.ContainsRune(`(){%*"\]`, r)
	})
}
