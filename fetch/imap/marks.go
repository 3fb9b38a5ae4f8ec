package imap

import (
	"bytes"
	"slices"
	"strings"
	"time"

	"fetchd/fetch/pattern"

	"github.com/emersion/go-imap/v2"
)

// internalDate finds the date in a line of a FETCH response.
var internalDate = pattern.New(`(?i)[( ]INTERNALDATE ("[^"]*"|NIL)`)

// dateLayout is how IMAP writes a date (RFC 9051 section 9, date-time).
const dateLayout = `"_2-Jan-2006 15:04:05 -0700"`

// noDate stands for a date that is none. imapclient takes the zero time for a mistake.
const noDate = `"01-Jan-1970 00:00:00 +0000"`

// tidyMarks is a line of a FETCH response with flags and a date that imapclient can parse: it would end the
// connection over others.
func tidyMarks(line []byte) []byte {
	if m := internalDate().FindSubmatchIndex(line); m != nil {
		if _, err := time.Parse(dateLayout, string(line[m[2]:m[3]])); err != nil {
			line = slices.Concat(line[:m[2]], []byte(noDate), line[m[3]:])
		}
	}

	m := flagList().FindSubmatchIndex(line)
	if m == nil {
		return line
	}
	flags := strings.Fields(string(line[m[2]:m[3]]))
	good := slices.DeleteFunc(slices.Clone(flags), func(flag string) bool { return !isFlag(flag) })
	if len(good) == len(flags) && !bytes.Contains(line[m[2]:m[3]], []byte("  ")) {
		return line
	}
	return slices.Concat(line[:m[2]], []byte(strings.Join(good, " ")), line[m[3]:])
}

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
