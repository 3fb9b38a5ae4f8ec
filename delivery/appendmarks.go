package delivery

import (
	"strings"
)

// marks are a message's flags and date as they stand in APPEND.
func (s *appendSession) marks(m *Message) string {
	text := ""
	if flags := keptFlags(m.Flags, s.d.o.Keywords); len(flags) > 0 {
		text = " (" + strings.Join(flags, " ") + ")"
	}
	if !m.InternalDate.IsZero() {
		text += m.InternalDate.Format(` "_2-Jan-2006 15:04:05 -0700"`)
	}
	return text
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
