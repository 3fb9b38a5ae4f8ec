// Package imapline is IMAP as lines, for all packages that speak it: the login's dialogue, replies, quoted
// strings and the names of mailboxes.
package imapline

import "strings"

// Reply is one line from the server: tag "*", "+" or a command's tag.
type Reply struct {
	Tag  string
	Word string // upper case: OK NO BAD BYE PREAUTH CAPABILITY …; "" after "+"
	Code string // upper case response code without its arguments
	Args string // the code's arguments
	Text string // what follows
}

// Parse parses a line. It never fails: an odd line gives an odd reply.
func Parse(line []byte) Reply {
	s := string(line)
	if rest, ok := strings.CutPrefix(s, "+"); ok {
		return Reply{Tag: "+", Text: strings.TrimPrefix(rest, " ")}
	}

	var r Reply
	r.Tag, s, _ = strings.Cut(s, " ")
	r.Word, r.Text, _ = strings.Cut(strings.TrimLeft(s, " "), " ") // DavMail has two blanks, now and then
	r.Word, r.Text = strings.ToUpper(r.Word), strings.TrimLeft(r.Text, " ")
	// A code without its closing bracket is text: it decides nothing then.
	if strings.HasPrefix(r.Text, "[") {
		if code, text, ok := strings.Cut(r.Text[1:], "]"); ok {
			r.Code, r.Args, _ = strings.Cut(code, " ")
			r.Code = strings.ToUpper(r.Code)
			r.Text = strings.TrimPrefix(text, " ")
		}
	}

	return r
}

// IsPlain tells whether s can stand in a quoted string (RFC 9051 section 4.3).
func IsPlain(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// Quote returns s, which is plain, as a quoted string.
func Quote(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}
