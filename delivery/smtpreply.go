package delivery

import (
	"fmt"
	"slices"
	"strings"

	"fetchd/fetch/login"
	"fetchd/fetch/wire"
	"fetchd/tlsverify/hints"
)

const (
	smtpLine  = 4096 // bytes of a line of a reply; RFC 5321 section 4.5.3.1.5 has 512
	smtpLines = 100  // of a reply; a list of extensions has some twenty
	smtpText  = 1000 // bytes of a reply's text that are kept
)

// smtpReply is an answer of an SMTP or LMTP server (RFC 5321 section 4.2).
type smtpReply struct {
	conn  *wire.Conn
	code  int      // 200 to 599
	above []string // its lines but for the last, without the code
	last  string
}

func (r smtpReply) lines() []string { return append(slices.Clone(r.above), r.last) }

// text is what it says, without secrets. It is made only where it is shown: to look for secrets takes longer
// than to read the answer.
func (r smtpReply) text() string {
	text := r.conn.Clean(strings.Join(r.lines(), " "))
	return text[:min(len(text), smtpText)] // cut behind Clean, as half a secret would not be found
}

// codeStartMail is the answer to DATA.
const codeStartMail = 354

func (r smtpReply) isOK() bool { return r.code/100 == 2 }

// isRefusal tells an answer that says no from one that is out of place.
func (r smtpReply) isRefusal() bool { return r.code/100 == 4 || r.code/100 == 5 }

// Answers, to any command, of a server that closes the connection. It gives codeBye where we have not asked
// it to: that is a 2xx, but no success of what was asked.
const (
	codeClosing = 421
	codeBye     = 221
)

func (r smtpReply) leaves() bool { return r.code == codeClosing || r.code == codeBye }

// readSMTPReply reads a whole answer. What is none breaks the connection.
func readSMTPReply(conn *wire.Conn) (smtpReply, error) {
	r := smtpReply{conn: conn}
	for len(r.above) < smtpLines {
		line, err := conn.ReadLine(smtpLine)
		if err != nil {
			return r, err
		}

		code, text, more, ok := parseSMTPLine(line)
		// All lines of an answer have one code (RFC 5321 section 4.2.1): with another, it is unclear where it
		// ends.
		if !ok || len(r.above) > 0 && code != r.code {
			err := hints.Errorf("is this the port of an SMTP or LMTP server?", "not an SMTP reply: %s",
				conn.Quoted(line))
			return r, login.Fail(login.KindProtocol, conn.Break(err))
		}

		r.code = code
		if !more {
			r.last = text
			conn.Answered()
			return r, nil
		}
		r.above = append(r.above, text)
	}

	err := fmt.Errorf("an SMTP reply of more than %d lines", smtpLines)
	return r, login.Fail(login.KindProtocol, conn.Break(err))
}

// parseSMTPLine takes "250-text", or "250 text" of the last line, apart. A code alone is a last line.
func parseSMTPLine(line []byte) (code int, text string, more, ok bool) {
	if len(line) < 3 {
		return 0, "", false, false
	}

	for _, c := range line[:3] {
		if c < '0' || c > '9' {
			return 0, "", false, false
		}
		code = code*10 + int(c-'0')
	}

	// RFC 5321 section 4.2.1 knows no others; 1xx has no meaning in SMTP.
	if code < 200 || code > 599 {
		return 0, "", false, false
	}

	if len(line) == 3 {
		return code, "", false, true
	}

	mark := line[3]
	return code, string(line[4:]), mark == '-', mark == ' ' || mark == '-'
}
