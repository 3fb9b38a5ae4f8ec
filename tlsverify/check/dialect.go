package check

import (
	"strings"

	"fetchd/tlsverify"
	"fetchd/tlsverify/hints"
	"fetchd/tlsverify/internal/show"
)

// dialect is how a mail protocol gets to TLS, for the check-list: nothing but greeting, capabilities,
// STARTTLS, a no-op and the farewell is ever said, and never a credential.
type dialect struct {
	name             string
	greeting         string // how an answer that lets us go on begins
	ask              string // for the capabilities; "" = they are in the greeting
	offer            string // the capability
	start, started   string // the command, and how its good answer begins
	noop, noopAnswer string // how an injected no-op's answer is known; "" = by its being one answer too many
	quit             string
}

var dialects = [...]dialect{
	{"imap", "* OK", "a CAPABILITY", "STARTTLS", "b STARTTLS", "b OK", "c NOOP", "c ", "d LOGOUT"},
	{"pop3", "+OK", "CAPA", "STLS", "STLS", "+OK", "NOOP", "", "QUIT"},
	{"smtp", "220", "EHLO localhost", "STARTTLS", "STARTTLS", "220", "NOOP", "", "QUIT"},
	{"submission", "220", "EHLO localhost", "STARTTLS", "STARTTLS", "220", "NOOP", "", "QUIT"},
	{"lmtp", "220", "LHLO localhost", "STARTTLS", "STARTTLS", "220", "NOOP", "", "QUIT"},
	{"sieve", `"`, "", `"STARTTLS"`, "STARTTLS", "OK", `NOOP "injected"`, `"injected"`, "LOGOUT"},
}

func dialectOf(name string) (dialect, error) {
	for _, d := range dialects {
		if d.name == strings.ToLower(name) {
			return d, nil
		}
	}
	return dialect{}, hints.Errorf("use imap, pop3, smtp, submission, lmtp or sieve",
		"protocol %s is not known", show.Quote(name))
}

func (d dialect) port(wrapped bool) int { return tlsverify.PortsOf(d.name).Default(wrapped) }

// offers tells whether STARTTLS is among the capabilities.
func (d dialect) offers(capabilities []string) bool {
	for _, l := range capabilities {
		for _, w := range strings.FieldsFunc(strings.ToUpper(l),
			func(r rune) bool { return r == ' ' || r == '-' }) {
			if w == d.offer {
				return true
			}
		}
	}
	return false
}
