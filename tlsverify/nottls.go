package tlsverify

import (
	"cmp"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"fetchd/tlsverify/hints"
	"fetchd/tlsverify/internal/show"
)

// NotTLSError: the peer answered in something that is not TLS.
type NotTLSError struct {
	Said     string // the printable beginning of its first line, "" if there is none
	Protocol string // that the user configured: "imap", "pop3", … or "" for any
	StartTLS bool   // it had agreed to STARTTLS before
	Port     int    // 0 = unknown
	SRV      string // the record that the server was found by: "_imaps._tcp.example.net"
	Local    bool   // on this machine, where proxies are that have no TLS at all
	Word     string // what the user writes for TLS from the first byte; "" = ssl
}

// maxSaid is enough to recognise a greeting or an error.
const maxSaid = 80

// printableBeginning cuts what a peer said where text ends: at the end of its first line, or where a server
// begins to quote our ClientHello.
func printableBeginning(said []byte) string {
	end, count := 0, 0

	for end < len(said) && count < maxSaid {
		r, size := utf8.DecodeRune(said[end:])
		if r == utf8.RuneError && size < 2 || !unicode.IsPrint(r) {
			break
		}
		end += size
		count++
	}

	return strings.TrimRight(string(said[:end]), " ")
}

// greeting is by what a protocol without TLS is recognised.
type greeting struct {
	prefix     string
	what       string // "plain IMAP"
	protocol   string // "" = not one of mail
	turnedAway bool   // the server doesn't want us now
}

var greetings = [...]greeting{
	{"* BYE", "plain IMAP that turns us away", "imap", true},
	{"* ", "plain IMAP", "imap", false},
	{"+OK", "plain POP3", "pop3", false},
	{"-ERR", "plain POP3 that turns us away", "pop3", true},
	{"220", "plain SMTP or LMTP", "smtp", false},
	{"HTTP/", "a web server", "", false},
	{"SSH-", "an SSH server", "", false},
	{"\"IMPLEMENTATION\"", "ManageSieve", "sieve", false},
}

func (e *NotTLSError) greeting() greeting {
	for _, g := range greetings {
		if e.Said != "" && strings.HasPrefix(e.Said, g.prefix) {
			return g
		}
	}
	return greeting{}
}

func (e *NotTLSError) Error() string { return hints.Text(e.problem(), e.Hint()) }

func (e *NotTLSError) problem() string {
	said := "sent what is neither TLS nor text"
	if e.Said != "" {
		said = "said " + show.Quote(e.Said) + ", which " + e.recognise()
	}

	if e.StartTLS {
		return fmt.Sprintf("no TLS after %s: the server agreed to it, and then %s",
			startTLSWord(e.Protocol), said)
	}
	return "no TLS on this port: the server " + said
}

func (e *NotTLSError) recognise() string {
	g := e.greeting()
	switch {
	case e.StartTLS:
		return "is clear text"
	case g.what == "":
		return "is of no protocol known here"
	}
	return "looks like " + g.what
}

const brokenStartTLS = "tell the operator (fetchd help starttls)"

// LocalProxy begins the hint for one of DavMail, hydroxide or email-oauth2-proxy.
const LocalProxy = `a proxy on this machine that has no TLS needs "sslproto ''"`

// Hint is the next step, for what the user configured.
func (e *NotTLSError) Hint() string {
	g := e.greeting()
	wrapped := PortsOf(e.Protocol).Wrapped
	if wrapped == 0 {
		wrapped = PortsOf(g.protocol).Wrapped
	}

	switch {
	case e.StartTLS && wrapped != 0:
		return fmt.Sprintf("%s; until it is mended, try ssl with port %d", brokenStartTLS, wrapped)
	case e.StartTLS:
		return brokenStartTLS
	// The server is there and busy: nothing is wrong with the configuration.
	case g.turnedAway:
		return "try again later"
	case g.protocol == "":
		return "check host and port"
	case wrapped == 0:
		return "leave " + e.word() + " out to use " + startTLSWord(g.protocol)
	// The user has named no port: advice about one would not help.
	case e.SRV != "":
		return fmt.Sprintf("the record %s names a port without TLS: "+
			"tell the operator, or name the server without srv", e.SRV)
	case e.Protocol != "" && e.Protocol != g.protocol:
		return fmt.Sprintf("%s is configured: check proto and port", e.Protocol)
	case e.Port == wrapped:
		return fmt.Sprintf("port %d is for TLS from the first byte: "+
			"tell the operator (fetchd help reach), or leave ssl and the port out to use %s",
			e.Port, startTLSWord(g.protocol))
	}

	hint := fmt.Sprintf("leave %s out to use %s, or use port %d", e.word(), startTLSWord(g.protocol), wrapped)
	if e.Local {
		return LocalProxy + ` in place of "ssl"; with any other server ` + hint
	}
	return hint
}

func (e *NotTLSError) word() string { return cmp.Or(e.Word, "ssl") }

// startTLSWord is the command of a protocol that goes from clear text to TLS.
func startTLSWord(protocol string) string {
	if protocol == "pop3" {
		return "STLS"
	}
	return "STARTTLS"
}
