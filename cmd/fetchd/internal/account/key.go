package account

import (
	"strconv"
	"strings"

	"fetchd/rcfile"
)

// key identifies an account in the journal. Two accounts with one key retrieve the same mail.
type key struct {
	poll, via string
	port      int // 0 = the protocol's default
	user      string
}

// String is the key as the journal keeps it, "poll|via|port|user". The parts are escaped, so none can hold a
// separator.
func (k key) String() string {
	return strings.Join([]string{escapeKey(k.poll), escapeKey(k.via), strconv.Itoa(k.port),
		escapeKey(k.user)}, "|")
}

// keyEscapes are ready-made: there are thousands of keys, and a Replacer costs far more than its use.
var keyEscapes = strings.NewReplacer("%", "%25", "|", "%7C")

func escapeKey(part string) string { return keyEscapes.Replace(part) }

func unescapeKey(part string) string {
	// One pass over the text: two calls in a row would turn "%257C" into a separator.
	return strings.NewReplacer("%25", "%", "%7C", "|").Replace(part)
}

// parseKey reads what String wrote. It returns false for any other text.
func parseKey(text string) (key, bool) {
	parts := strings.Split(text, "|")
	if len(parts) != 4 {
		return key{}, false
	}
	port, err := strconv.Atoi(parts[2])
	return key{unescapeKey(parts[0]), unescapeKey(parts[1]), port, unescapeKey(parts[3])}, err == nil
}

// sameButPort tells whether k and other differ in the port alone.
func (k key) sameButPort(other key) bool {
	k.port = other.port
	return k == other
}

// Key is the account's name in the journal.
func (r *Resolver) Key(poll *rcfile.Poll, u *rcfile.User) (string, error) {
	port, err := portOf(poll)
	return r.key(poll, u, port).String(), err
}

func (r *Resolver) key(poll *rcfile.Poll, u *rcfile.User, port int) key {
	return key{poll.Name, poll.Via.Value, port, r.owner(u)}
}
