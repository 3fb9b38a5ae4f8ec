package imap

import (
	"strings"

	"github.com/emersion/go-imap/v2"
)

// dateLayout is how IMAP writes a date (RFC 9051 section 9, date-time).
const dateLayout = `"_2-Jan-2006 15:04:05 -0700"`

// isFlag tells whether imapclient can parse a flag.
func isFlag(flag string) bool {
	name := strings.TrimPrefix(flag, `\`)
	return name != "" && !strings.ContainsFunc(name, func(r rune) bool {
		return r <= ' ' || r > '~' || strings.ContainsRune(`(){%*"\]`, r)
	})
}

func flagWords(flags []imap.Flag) []string {
	words := make([]string, len(flags))
	for i, flag := range flags {
		words[i] = string(flag)
	}
	return words
}
