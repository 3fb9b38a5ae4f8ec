package sasl

import "github.com/xdg-go/stringprep"

// isPrepared tells whether SASLprep (RFC 4013) makes something else of the user or password: of "³", "µ" or a
// letter whose accent is a character of its own. SCRAM asks both sides to prepare them. Servers such as
// Dovecot don't, so that the proof for such a password is tried in both spellings.
func isPrepared(c Credentials) bool {
	changed := false
	for _, text := range []string{c.User, c.Password, c.AuthzID} {
		prepared, err := stringprep.SASLprep.Prepare(text)
		if err != nil {
			return false // nothing is prepared then, see newSCRAMClient
		}
		changed = changed || prepared != text
	}
	return changed
}

// IsRespelled tells whether next is the same mechanism as last with the user and password as they are, after
// SASLprep had changed them.
func IsRespelled(next, last Mechanism) bool {
	a, okA := next.(*scramExchange)
	b, okB := last.(*scramExchange)
	return okA && okB && a.name == b.name && a.asIs && !b.asIs
}
