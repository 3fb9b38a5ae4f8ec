package imap

import (
	"bytes"

	"fetchd/fetch/pattern"
)

// uidInsertion serves servers (Exchange) that send BODY[] before UID: imapclient drops such a message. The
// message is then asked for alone, so that its UID is known, and the guard inserts this UID before the body.
type uidInsertion struct {
	uid       string // "" = none
	inserted  bool   // it was inserted before a body
	confirmed bool   // the server named the same UID after that body
}

// namedUID finds the UID in a line of a FETCH response.
var namedUID = pattern.New(`(?i)(?:^|[( ])UID (\d{1,10})[ )]`)

// insertUID makes the next message body that comes before its UID pass as that of uid.
func (g *guard) insertUID(uid string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.insertion = uidInsertion{uid: uid}
}

// noteCutBody notes that the connection ends within a response that holds a message body.
func (g *guard) noteCutBody() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.bodyCut = g.bodyCut || g.resp.body
}

// endInsertion ends the insertion, and tells whether the body can't be used: either the server never said
// that it belongs to the UID, so it may be any message's, or it does not end where the server said, so it may
// be cut or hold too much.
func (g *guard) endInsertion() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	c := g.insertion
	g.insertion = uidInsertion{}
	return g.bodyCut || c.inserted && !c.confirmed
}

func (g *guard) noteTextFirst() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.textFirst = true
}

func (g *guard) gotTextFirst() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.textFirst
}

// sendsTextFirst tells whether the server names UIDs behind texts, so that a batch brings nothing of use.
func (s *session) sendsTextFirst() bool {
	s.rememberOrder()
	return s.quirks.textFirst.Has(server(s.a))
}

// rememberOrder makes the next session know a server that names UIDs behind texts.
func (s *session) rememberOrder() {
	if s.guard.gotTextFirst() {
		s.quirks.textFirst.Add(server(s.a))
	}
}

func (g *guard) uidToInsert() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	// Once only: any further body is that of another message.
	if g.insertion.inserted {
		return ""
	}
	return g.insertion.uid
}

// noteNamedUID notes the UID that a line of a FETCH response names.
func (g *guard) noteNamedUID(line []byte) {
	if !g.resp.inserted && g.uidToInsert() == "" {
		return
	}
	if m := namedUID().FindSubmatch(line); m != nil {
		g.resp.uid = string(m[1])
	}
}

// withInsertedUID inserts the expected UID into the line before a body, unless the server has named a UID.
func (g *guard) withInsertedUID(line []byte) []byte {
	uid := g.uidToInsert()
	if uid == "" && g.resp.lines == 1 && !bytes.Contains(line, []byte("UID ")) {
		g.noteTextFirst()
	}
	if uid == "" || g.resp.uid != "" {
		return line
	}

	g.mu.Lock()
	g.insertion.inserted = true
	g.mu.Unlock()
	g.resp.inserted = true
	for i, b := range line {
		if b == '(' {
			return append([]byte(string(line[:i+1])+"UID "+uid+" "), line[i+1:]...)
		}
	}
	return line
}

// checkNamedUID checks the UID that the server named after the body, "" for none.
func (g *guard) checkNamedUID(named string) error {
	g.mu.Lock()
	uid := g.insertion.uid
	g.insertion.confirmed = named == uid
	g.mu.Unlock()
	if named != "" && named != uid {
		return g.violation("message %s where %s was asked for", named, uid)
	}
	return nil
}
