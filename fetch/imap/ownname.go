package imap

import (
	"bytes"
	"strings"

	"fetchd/fetch/login/imapline"
	"fetchd/fetch/pattern"
)

// ownNames are the names of mailboxes that a server writes in an encoding of its own: Yandex has a bare "&"
// where RFC 3501 section 5.1.3 wants "&-". The server gets them back as it wrote them. The keys are what
// imapclient sends.
type ownNames map[string]string

// ownName makes of a LIST response with a bare "&" one that imapclient can decode, and remembers the name.
func (g *guard) ownName(line []byte) []byte {
	name, ok := listedName(line)
	if !ok || decodable(name) || loose(line, name) ||
		!imapline.IsPlain(name) || strings.ContainsAny(name, "\"\\") {
		return line
	}

	// The last one: the name may also be contained in the attributes or the delimiter before it.
	at := bytes.LastIndex(line, []byte(name))
	sent := strings.ReplaceAll(name, "&", "&-")
	g.mu.Lock()
	defer g.mu.Unlock()
	if at < 0 || len(g.own) >= maxOwn {
		return line
	}
	if g.own == nil {
		g.own = ownNames{}
	}

	g.own[sent] = name
	return bytes.Join([][]byte{line[:at], line[at+len(name):]}, []byte(sent))
}

// maxOwn bounds how many such names are remembered.
const maxOwn = 1000

// namedMailbox finds the mailbox in a command that names one.
var namedMailbox = pattern.New(
	`^(T\d+ (?:SELECT|EXAMINE|UID MOVE \S+|UID COPY \S+) )"([^"\\]*)"(\r\n)$`)

// asListed is a command with the mailbox's name as the server wrote it; the lock is held.
func (g *guard) asListed(p []byte) []byte {
	if len(g.own) == 0 {
		return p
	}
	m := namedMailbox().FindSubmatch(p)
	if m == nil {
		return p
	}
	if name, ok := g.own[string(m[2])]; ok {
		return bytes.Join([][]byte{m[1], []byte(imapline.Quote(name)), m[3]}, nil)
	}
	return p
}
