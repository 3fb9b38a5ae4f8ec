package tlsverify

import (
	"errors"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

const (
	maxDNSName = 253 // octets, as text (RFC 1035 §2.3.4)
	maxLabel   = 63

	// maxHostName is longer than any host name, which has as many characters as octets at most. Converting a
	// longer one takes time in proportion to the square of its length (RFC 3492 §6).
	maxHostName = maxDNSName * utf8.UTFMax
)

var errNoHostName = errors.New("not a host name")

// HostName gives a host name as lower-case A-labels without the trailing dot.
func HostName(text string) (string, error) {
	if len(text) > maxHostName {
		return "", errors.New("too long for a host name")
	}

	name := strings.TrimSuffix(text, ".")
	if !utf8.ValidString(name) {
		return "", errors.New("not UTF-8")
	}

	if !isASCII(name) {
		// The Lookup profile, as browsers use it: it refuses what could be mistaken for another name.
		ascii, err := idna.Lookup.ToASCII(name)
		if err != nil {
			return "", errors.New("not an internationalised host name")
		}
		name = strings.TrimSuffix(ascii, ".") // there are other full stops than the ASCII one
	}

	name, ok := dnsName(name)
	if !ok {
		return "", errNoHostName
	}

	return name, nil
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// dnsName checks a name of letters, digits, hyphens and underscores (which DNS knows and some hosts have) and
// gives it in lower case. A last label of digits alone is refused: some resolvers read such a name as an
// address.
func dnsName(s string) (string, bool) {
	if s == "" || len(s) > maxDNSName {
		return "", false
	}

	labels := strings.Split(s, ".")
	for _, l := range labels {
		if !validLabel(l) {
			return "", false
		}
	}

	last := labels[len(labels)-1]
	// Resolvers may take such a name for an IPv4 address in another notation, and lead elsewhere.
	if strings.Trim(last, "0123456789") == "" || strings.HasPrefix(strings.ToLower(last), "0x") {
		return "", false
	}

	return strings.ToLower(s), true
}

func validLabel(l string) bool {
	if l == "" || len(l) > maxLabel || l[0] == '-' || l[len(l)-1] == '-' {
		return false
	}
	for i := range len(l) {
		// In lower case, if it is a letter.
		c := l[i] | 0x20
		if !(c >= 'a' && c <= 'z') && !(l[i] >= '0' && l[i] <= '9') && l[i] != '-' && l[i] != '_' {
			return false
		}
	}
	return true
}
