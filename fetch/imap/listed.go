package imap

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"fetchd/fetch"
	"fetchd/fetch/login/imapline"
)

// maxName is the longest name of a mailbox: RFC 9051 names no limit, servers allow some hundred bytes. Longer
// ones imapclient would send as literals, which wait for a continuation that the guard does not pass on.
const maxName = 1000

// misnamed tells whether a LIST response names a mailbox whose name would make imapclient end the connection.
// The mailbox is then left out, and the user is told.
func (g *guard) misnamed(line []byte) bool {
	name, ok := listedName(line)
	if !ok || decodable(name) && !loose(line, name) && len(name) <= maxName {
		return false
	}
	// A server may have thousands of such names, in each listing.
	if g.unnamed++; g.unnamed <= maxAlerts {
		g.alerts.log.Warn(fetch.EventMisnamed, "account", g.alerts.account, "mailbox",
			g.conn.Quoted([]byte(name)))
	}
	return true
}

// listedName returns the name in a LIST response of one line, `* LIST (attributes) delimiter name`.
func listedName(line []byte) (name string, ok bool) {
	_, rest, ok := bytes.Cut(line, []byte(") "))
	if !ok {
		return "", false
	}
	// The delimiter is a quoted character or NIL, and may itself be a quoted quote or backslash.
	if delimiter, quoted := bytes.CutPrefix(rest, []byte(`"`)); quoted {
		_, rest, ok = bytes.Cut(delimiter, []byte(`" `))
	} else {
		_, rest, ok = bytes.Cut(rest, []byte(" "))
	}
	if text, quoted := bytes.CutPrefix(rest, []byte(`"`)); quoted {
		return strings.NewReplacer(`\\`, `\`, `\"`,
			`"`).Replace(string(bytes.TrimSuffix(text, []byte(`"`)))), ok
	}

	_, _, inLiteral := literal(rest)
	return string(rest), ok && !inLiteral
}

// loose tells whether a name has blanks and is not quoted.
func loose(line []byte, name string) bool {
	return strings.Contains(name, " ") && !bytes.HasSuffix(bytes.TrimRight(line, " "), []byte(`"`))
}

// decodable tells whether imapclient (v2.0.0-beta.8) can decode a name in modified UTF-7 (RFC 3501 section
// 5.1.3) or, as it also accepts that, in UTF-8.
func decodable(name string) bool {
	if !utf8.ValidString(name) || strings.ContainsFunc(name,
		func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return false
	}

	for {
		_, shifted, found := strings.Cut(name, "&")
		if !found {
			return true
		}
		code, rest, ok := strings.Cut(shifted, "-")
		// imapclient also refuses two shifts in a row, which RFC 3501 calls superfluous.
		adjoins := code != "" && strings.HasPrefix(rest, "&") && !strings.HasPrefix(rest, "&-")
		if _, valid := imapline.DecodeShift(code); !ok || !valid || adjoins {
			return false
		}
		name = rest
	}
}
