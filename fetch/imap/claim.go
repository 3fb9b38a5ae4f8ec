package imap

import "regexp"

// claim is for servers (Exchange) that send BODY[] before UID: imapclient drops such a message. It is then asked for
// alone, with its UID known, and the guard puts that in front of the body.
type claim struct {
	uid      string // "" = none
	put      bool   // it was put in front of a body …
	approved bool   // … and the server named the same UID behind that
}

// namedUID finds the UID in a line of a FETCH response.
var namedUID = regexp.MustCompile(`(?i)(?:^|[( ])UID (\d{1,10})[ )]`)

// claimUID makes the next message body that comes before its UID count as uid's.
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

// doubtful ends the claim. It tells whether the body that came is one of which the server never said that it is uid's:
// it may be any message's; or one that does not end where the server said, so that it may be cut or hold more.
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

// claimed puts the claimed UID into the line before a body, unless the server has named one.
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

// settleClaim judges the UID that the server named behind the body, "" for none.
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
