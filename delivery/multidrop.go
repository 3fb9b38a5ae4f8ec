package delivery

import (
	"fmt"
	"strings"

	"fetchd/tlsverify/hints"
)

// multidropMost is how many recipients a message may have. Mail servers promise to take 100 (RFC 5321,
// 4.5.3.1.8); a header of HeaderLimit could name many thousands.
const multidropMost = 1000

// Multidrop tells which local users a message is for, of a mailbox that several share: its header says so. No
// name is looked up anywhere: whatever is not the rc file's word, or is not understood, is for nobody, and
// goes to the postmaster.
type Multidrop struct {
	// Field is the field that the server wrote the recipients of the envelope into. Of "Received" it is the
	// address after "for", where the server itself is the one after "by". "" = the addresses that the author
	// wrote, in Resent-To and its kin, or else in To and its kin, are taken for it.
	Field string
	Skip  int // how many fields of that name come before the right one

	Prefix  string   // is cut from the addresses found
	Hosts   []string // the server's own names
	Aliases []string // others of it; a host below one counts too
	Domains []string // addresses in these, or below, are passed on whole

	// Names are local names, by the name on the server in lower case: a local part, or an address.
	Names map[string]string
	Any   bool // a local part that is not among them is a local name too

	Postmaster string            // gets mail that is for nobody; "" = that is discarded
	Takes      func(string) bool // whether the destination can have mail for a local name; nil = any
	Exists     func(string) bool // whether it has a place for one that Any lets in; nil = it has
}

// Addressees are whom a message is for.
type Addressees struct {
	Names []string // local names, each once
	// Warning is a header line about a message that is for nobody, ending in LF; "" = it has a recipient.
	Warning []byte
}

// Addressees returns whom the message is for: the local users that its header names, or else the postmaster.
// An error is that of a message whose header does not say. It reads as much as Header does.
func (d *Multidrop) Addressees(s *Spool) (Addressees, error) {
	found, ok := d.addresses(wholeFields(s))
	if !ok {
		return Addressees{}, &Error{Class: Permanent, Err: hints.Errorf(
			"it stays on the server; name the field that the server writes the recipients into with envelope",
			"the message has no %s field that says whom it is for", d.fieldName())}
	}

	names, foreign := d.localNames(found)
	switch {
	case len(names) > multidropMost:
		return Addressees{}, &Error{Class: Permanent, Err: hints.Errorf("it stays on the server",
			"the message is for %d recipients, more than %d", len(names), multidropMost)}
	case len(names) > 0:
		return Addressees{Names: names}, nil
	}

	nobody := Addressees{Warning: warningOf(foreign)}
	if d.Postmaster != "" {
		nobody.Names = []string{d.Postmaster}
	}
	return nobody, nil
}

func (d *Multidrop) fieldName() string {
	if d.Field == "" {
		return "To or Cc"
	}
	return fmt.Sprintf("%.100q", d.Field)
}

// warningOf is fetchmail's line about a message without a local recipient; foreign are the addresses of other
// hosts.
func warningOf(foreign []string) []byte {
	text := "no recipient addresses matched declared local names"
	if len(foreign) == 1 {
		good := func(c byte) bool { return c >= ' ' && c < 0x7f }
		text = fmt.Sprintf("recipient address %s didn't match any local name",
			replaceBytes(foreign[0], addressLimit, good))
	}
	return []byte("X-Fetchmail-Warning: " + text + "\n")
}

// localNames are the local names that the addresses stand for, each once, and the texts of addresses that are
// not of this server.
func (d *Multidrop) localNames(found []address) (names, foreign []string) {
	seen := map[string]bool{}
	for _, a := range found {
		name, ours := d.localName(a)
		if !ours && strings.Contains(a.text, "@") { // as in fetchmail a bare name is of no host
			foreign = append(foreign, a.text)
		}
		// Once, even if the header names the user three times, in any case.
		if key := strings.ToLower(name); name != "" && !seen[key] {
			seen[key] = true
			names = append(names, name)
		}
	}
	return names, foreign
}

// localName is the local name that an address stands for, "" for none; ours tells whether it is one of this
// server.
func (d *Multidrop) localName(a address) (name string, ours bool) {
	if a.local == "" {
		return "", false
	}

	a = d.withoutPrefix(a)
	// A whole address that the rc file names counts before all rules about hosts.
	name, ours = d.Names[strings.ToLower(a.local+"@"+a.host)], true

	switch {
	case name != "":
	case a.local == "":
		return "", true
	case isBelow(a.host, d.Domains):
		name = a.text
	case !isBelow(a.host, d.Aliases) && !isOneOf([]byte(a.host), d.Hosts...):
		return "", false
	default:
		name = d.Names[strings.ToLower(a.local)]
		if name == "" && d.Any && (d.Exists == nil || d.Exists(a.local)) {
			name = a.local
		}
	}

	// Left to the postmaster rather than changed: what the destination would make of it may be somebody
	// else's name.
	if name != "" && d.Takes != nil && !d.Takes(name) {
		name = ""
	}
	return name, ours
}

// withoutPrefix cuts Prefix off, once and in any case.
func (d *Multidrop) withoutPrefix(a address) address {
	n := len(d.Prefix)
	if n <= len(a.local) && strings.EqualFold(a.local[:n], d.Prefix) && strings.HasPrefix(a.text, a.local) {
		a.local, a.text = a.local[n:], a.text[n:]
	}
	return a
}

// isBelow tells whether host is one of the domains or below one.
func isBelow(host string, domains []string) bool {
	for _, domain := range domains {
		rest := len(host) - len(domain)
		// With a dot before it: "badexample.org" is not below "example.org".
		if rest >= 0 && strings.EqualFold(host[rest:], domain) && (rest == 0 || host[rest-1] == '.') {
			return true
		}
	}
	return false
}
