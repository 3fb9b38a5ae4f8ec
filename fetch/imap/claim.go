package imap

import "regexp"

// claim serves servers (Exchange) that send BODY[] before UID: imapclient drops such a message. The message
// is then asked for alone, so that its UID is known, and the guard inserts this UID before the body.
type claim struct {
	uid      string // "" = none
	put      bool   // it was inserted before a body
	approved bool   // the server named the same UID after that body
}

// namedUID finds the UID in a line of a FETCH response.
var namedUID = regexp.MustCompile(`(?i)(?:^|[( ])UID (\d{1,10})[ )]`)

// claimUID makes the next message body that comes before its UID pass as that of uid.
func (g *guard) claimUID(uid string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.claim = claim{uid: uid}
}

// spoil notes that the connection ends within a response that holds a message body.
func (g *guard) spoil() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.spoiled = g.spoiled || g.resp.body
}

// doubtful ends the claim. It tells whether the body can't be used: either the server never said that it
// belongs to the UID, so it may be any message's, or it does not end where the server said, so it may be cut
// or hold too much.
func (g *guard) doubtful() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	c := g.claim
	g.claim = claim{}
	return g.spoiled || c.put && !c.approved
}

func (g *guard) claimOpen() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.claim.put {
		return ""
	}
	return g.claim.uid
}

// lookForUID notes the UID that a line of a FETCH response names.
func (g *guard) lookForUID(line []byte) {
	if !g.resp.claimed && g.claimOpen() == "" {
		return
	}
	if m := namedUID.FindSubmatch(line); m != nil {
		g.resp.uid = string(m[1])
	}
}

// claimed inserts the claimed UID into the line before a body, unless the server has named a UID.
func (g *guard) claimed(line []byte) []byte {
	uid := g.claimOpen()
	if uid == "" || g.resp.uid != "" {
		return line
	}

	g.mu.Lock()
	g.claim.put = true
	g.mu.Unlock()
	g.resp.claimed = true
	for i, b := range line {
		if b == '(' {
			return append([]byte(string(line[:i+1])+"UID "+uid+" "), line[i+1:]...)
		}
	}
	return line
}

// settleClaim checks the UID that the server named after the body, "" for none.
func (g *guard) settleClaim(named string) error {
	g.mu.Lock()
	uid := g.claim.uid
	g.claim.approved = named == uid
	g.mu.Unlock()
	if named != "" && named != uid {
		return g.violation("message %s where %s was asked for", named, uid)
	}
	return nil
}
