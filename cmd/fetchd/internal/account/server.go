package account

import (
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"golang.org/x/net/idna"

	"fetchd/fetch"
	"fetchd/fetch/wire"
	"fetchd/rcfile"
	"fetchd/tlsverify"
)

// Host is the host to dial for the poll; an IPv6 address may stand in brackets, as in a URL.
func Host(poll *rcfile.Poll) string {
	text := poll.Via.Or(poll.Name)
	if bare, ok := strings.CutPrefix(strings.TrimSuffix(text, "]"), "["); ok && net.ParseIP(bare) != nil {
		return bare
	}

	// ASCII names stay as they are: idna would refuse some that servers have, such as those with an
	// underscore.
	foreign := strings.ContainsFunc(text, func(r rune) bool { return r > unicode.MaxASCII })
	if ascii, err := idna.Lookup.ToASCII(text); err == nil && foreign {
		return ascii // DNS has names in this form only (RFC 5891)
	}
	return text
}

// portOf is the port number of the poll's service, 0 for the protocol's default. The error is an
// *rcfile.Error.
func portOf(poll *rcfile.Poll) (int, error) {
	if !poll.Service.Set || poll.Service.Value == "" {
		return 0, nil
	}
	n, err := ServicePort(poll.Service.Value)
	if err != nil {
		return 0, &rcfile.Error{Pos: poll.Service.Pos, Msg: err.Error(), Next: "write the port number"}
	}
	return n, nil
}

// ServicePort is the port number of a service, which is written as a number or as a name that the system
// knows.
func ServicePort(service string) (int, error) {
	n, err := strconv.Atoi(service)
	if err != nil {
		// Numbers first: LookupPort reads files, and on some systems asks a directory service.
		n, err = net.LookupPort("tcp", service)
	}
	if err != nil || n < 1 || n > 65535 {
		return 0, fmt.Errorf("service %q is neither a port (1 to 65535) nor a known name", service)
	}
	return n, nil
}

// The defaults. A test compares them with those in the rc file's table of keywords.
const (
	defaultTimeout     = 300  // seconds, fetchmail's
	defaultWarnings    = 3600 // seconds, fetchmail's
	defaultIdleTimeout = 1680 // seconds: servers may end IDLE after 30 minutes (RFC 2177)
	defaultExpiryWarn  = 14   // days
	defaultJobs        = 1
)

// timeout is never 0, which in fetchmail means "wait for ever".
func timeout(poll *rcfile.Poll) time.Duration {
	if s := poll.Timeout.Or(defaultTimeout); s > 0 {
		return seconds(s)
	}
	return seconds(defaultTimeout)
}

func seconds(n int) time.Duration { return time.Duration(n) * time.Second }

// setProtocol sets the protocol, its Connector and, for APOP, the way to log in.
func (r *Resolver) setProtocol(a *fetch.Account, poll *rcfile.Poll) {
	switch poll.Protocol.Or("auto") {
	case "apop":
		a.Protocol, a.Connect, a.Auth = fetch.POP3, r.pop3.Connect, "apop"
	case "imap":
		a.Protocol, a.Connect = fetch.IMAP, r.imap.Connect
	case "auto":
		// IMAP first, as it can do more with one connection; fetchmail tries in this order too.
		a.Protocol, a.Connect = fetch.Auto, fetch.FirstOf(r.imap.Connect, r.pop3.Connect)
	default:
		a.Protocol, a.Connect = fetch.POP3, r.pop3.Connect
	}
}

// loginName is the name that the account logs in with: the one in the rc file, or else the one in the client
// certificate, or else the caller's.
func (r *Resolver) loginName(u *rcfile.User) string {
	if !u.Remote.Set && u.SSLCert.Set {
		// With EXTERNAL the server takes the name from the certificate, so this is who we will be.
		if name := certificateName(u.SSLCert.Value); name != "" {
			return name
		}
	}
	return u.Remote.Or(r.env.Caller)
}

// certificateName is the common name in the first certificate of a PEM file, "" if there is none. Errors in
// the file are reported where it is used.
func certificateName(path string) string {
	name, err := tlsverify.ClientName(path)
	if err != nil || strings.ContainsFunc(name, unicode.IsControl) {
		return ""
	}
	return name
}

// owner is the user whose mailbox it is. Two entries for one mailbox are the same account, whoever logs in.
func (r *Resolver) owner(u *rcfile.User) string { return u.AuthzID.Or(r.loginName(u)) }

// Name is the account's name in the log, the same as in fetchmail's.
func (r *Resolver) Name(poll *rcfile.Poll, u *rcfile.User) string {
	return r.owner(u) + "@" + poll.Name
}

// isOneServer tells whether two names and ports, 0 for the usual one, mean the same mail server. Two names
// that differ are known to mean the same only if both are this machine's; nothing is looked up. There a port
// that no mail server has by default may be a tunnel to another machine, whichever name stands before it.
func isOneServer(host string, port int, other string, otherPort int) bool {
	if !isThisMachine(host) || !isThisMachine(other) {
		return strings.EqualFold(host, other)
	}

	usual := func(port int) bool { return slices.Contains([]int{0, 110, 143, 993, 995}, port) }
	return port == otherPort || usual(port) && usual(otherPort)
}

// isThisMachine tells whether a host name is one of this machine's.
func isThisMachine(host string) bool {
	if wire.IsLoopback(host) {
		return true
	}
	own, err := os.Hostname()
	short, _, _ := strings.Cut(own, ".")
	host = strings.TrimSuffix(host, ".")
	return err == nil && (strings.EqualFold(host, own) || strings.EqualFold(host, short))
}
