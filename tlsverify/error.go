package tlsverify

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Details gives what an error of this package knows beyond its one line, for -v: one line each, peer text escaped.
func Details(err error) []string {
	var d interface{ Details() []string }
	if errors.As(err, &d) {
		return d.Details()
	}
	return nil
}

// IdentityError: the certificate is not for the server that the user meant.
type IdentityError struct {
	Want      []string // "DNS-ID mail.example.org"
	Presented []string // as in the certificate, unescaped: "DNS:*.example.org"
	Malformed bool     // a presented name has an embedded NUL: somebody cheats
}

func (e *IdentityError) Error() string {
	if e.Malformed {
		return "certificate has a name with an embedded NUL (" + quoteList(e.Presented) + "): this is an attack or a broken server; ask the operator before trying again"
	}
	if len(e.Presented) == 0 {
		return "certificate names no server, but must be for " + strings.Join(e.Want, " or ") + "; ask the operator for a certificate with subjectAltName (docs/server-checklist.md#names)"
	}
	return fmt.Sprintf("certificate is for %s, not for %s; check the host name, and set sslcommonname only to a name that the operator confirms",
		quoteList(e.Presented), strings.Join(e.Want, " or "))
}

// Details lists all names.
func (e *IdentityError) Details() []string {
	var d []string
	for _, w := range e.Want {
		d = append(d, "expected: "+w)
	}
	for _, p := range e.Presented {
		d = append(d, "presented: "+quote(p))
	}
	return d
}

// KeyState says whether the key behind a changed certificate is the one known before.
type KeyState int

// KeyUnknown: there was nothing to compare with.
const (
	KeyUnknown KeyState = iota
	KeySame
	KeyOther
)

// PinError: the certificate or key is not a pinned one.
type PinError struct {
	Host         string
	Kind         string   // "fingerprint" or "public-key pin"
	Want         []string // as in the rc file
	Fingerprints []Fingerprint
	Pin          Pin // of the presented key
	Key          KeyState
	NotBefore    time.Time
	NotAfter     time.Time
}

func (e *PinError) Error() string {
	return fmt.Sprintf("%s of %s does not match: expected %s, presented %s; %s; %s",
		e.Kind, quote(e.Host), strings.Join(e.Want, " or "), e.presented(), e.key(), e.next())
}

// presented gives the digest that compares with the first expected one.
func (e *PinError) presented() string {
	if e.Kind != "fingerprint" {
		return e.Pin.String()
	}
	for _, f := range e.Fingerprints {
		label, _, _ := strings.Cut(f.String(), ":")
		if len(e.Want) > 0 && strings.HasPrefix(e.Want[0], label+":") {
			return f.String()
		}
	}
	return ""
}

func (e *PinError) key() string {
	switch e.Key {
	case KeySame:
		return "the same key as before in a new certificate, as after a renewal"
	case KeyOther:
		return "ANOTHER KEY than the one pinned or seen before: be careful"
	}
	return "whether the key is the same can't be told from a fingerprint"
}

func (e *PinError) next() string {
	if e.Key == KeySame {
		return "confirm with the operator, then replace sslfingerprint by sslpin, which survives renewals"
	}
	return `ask the operator, by another way than this connection, for the new digest before changing the rc file`
}

// Details lists all digests of what was presented.
func (e *PinError) Details() []string {
	var d []string
	for _, w := range e.Want {
		d = append(d, "expected: "+w)
	}
	for _, f := range e.Fingerprints {
		d = append(d, "presented: "+f.String())
	}
	d = append(d, "presented: "+e.Pin.String(), "key: "+e.key())
	return append(d, "valid: "+date(e.NotBefore)+" to "+date(e.NotAfter))
}

// ChainReason is why no chain of certificates leads to a trusted root.
type ChainReason int

// The reasons.
const (
	Malformed           ChainReason = iota // something in it that can't be judged
	MissingIntermediate                    // the issuer of the server's certificate was not sent
	SelfSigned                             // the server's certificate vouches for itself
	UnknownRoot                            // complete, but nobody here trusts its root
	Expired
	NotYetValid
	WrongUsage     // not for TLS servers
	NotCA          // issued by what is no authority, or one not allowed to
	NameConstraint // issued outside the names its authority may vouch for
	BadSignature   // issuer's name is right, its key is not
	NoRoots        // no trusted roots on this machine
)

// ChainError: no chain to a trusted root. Subject and Issuer are unescaped.
type ChainError struct {
	Reason              ChainReason
	Subject, Issuer     string // of the certificate at fault
	NotBefore, NotAfter time.Time
	Now                 time.Time // local clock
	LookedIn            string    // where trusted roots were looked up
	Err                 error     // what crypto/x509 said
}

func (p *Policy) chainError(r ChainReason, c certificate, now time.Time, err error) *ChainError {
	return &ChainError{Reason: r, Subject: subject(c), Issuer: issuer(c), NotBefore: c.NotBefore, NotAfter: c.NotAfter,
		Now: now, LookedIn: p.lookedIn(), Err: err}
}

func (e *ChainError) Unwrap() error { return e.Err }

func (e *ChainError) Error() string {
	switch e.Reason {
	case MissingIntermediate:
		return fmt.Sprintf("chain incomplete: the issuer %s was not sent, nor is it in %s; if it is an intermediate the server must send it (docs/server-checklist.md#chain), if it is a root put it into sslcertfile", quote(e.Issuer), e.LookedIn)
	case SelfSigned:
		return fmt.Sprintf("certificate %s is self-signed and not in %s; get it from the operator for sslcertfile, or pin its key (\"fetchd pin\") with sslpin and nosslcertck", quote(e.Subject), e.LookedIn)
	case UnknownRoot:
		return e.unknownRoot()
	case Expired:
		return fmt.Sprintf("certificate %s expired on %s, and it is %s here; check the clock, else the operator must renew it", quote(e.Subject), date(e.NotAfter), date(e.Now))
	case NotYetValid:
		return fmt.Sprintf("certificate %s is not valid before %s, and it is %s here; check the clock, else tell the operator", quote(e.Subject), date(e.NotBefore), date(e.Now))
	case WrongUsage:
		return fmt.Sprintf("certificate %s is not meant for TLS servers (extended key usage); the operator needs one with serverAuth", quote(e.Subject))
	case NotCA:
		return fmt.Sprintf("certificate %s is not an authority that may issue this chain; the operator needs a certificate from a real one", quote(e.Subject))
	case NameConstraint:
		return fmt.Sprintf("issuer %s may not vouch for this name (%v); the operator needs a certificate from another issuer", quote(e.Issuer), e.Err)
	case BadSignature:
		return fmt.Sprintf("certificate %s was signed with another key than that of the issuer %s which the server sent or which is in %s; compare the issuer's fingerprint with the operator's (docs/server-checklist.md#chain)", quote(e.Subject), quote(e.Issuer), e.LookedIn)
	case NoRoots:
		return "no trusted root certificates on this machine; install the ca-certificates package or name them with sslcertfile"
	}
	return fmt.Sprintf("certificate %s can't be judged: %s; tell the operator", quote(e.Subject), quote(fmt.Sprint(e.Err)))
}

func (e *ChainError) unknownRoot() string {
	return fmt.Sprintf("root %s is not in %s; get it from the operator, compare its fingerprint by another way, and put it into sslcertfile (docs/server-checklist.md#root)", quote(e.Issuer), e.LookedIn)
}

// Details gives dates and names.
func (e *ChainError) Details() []string {
	d := []string{"subject: " + quote(e.Subject), "issuer: " + quote(e.Issuer)}
	if !e.NotAfter.IsZero() {
		d = append(d, "valid: "+date(e.NotBefore)+" to "+date(e.NotAfter), "local clock: "+date(e.Now))
	}
	if e.LookedIn != "" {
		d = append(d, "trust looked up in: "+e.LookedIn)
	}
	if e.Err != nil {
		d = append(d, "cause: "+quote(e.Err.Error()))
	}
	return d
}

// WeakError: a key or signature in the chain can be forged.
type WeakError struct{ Subject, What, Need string }

func (e *WeakError) Error() string {
	return fmt.Sprintf("certificate %s is too weak: %s, and %s; the operator must replace it (docs/server-checklist.md#strength)", quote(e.Subject), e.What, e.Need)
}

// RevokedError: a certificate was revoked, or what must show that it was not is missing.
type RevokedError struct {
	Subject string
	When    time.Time // zero if it is not known to be revoked
	Why     string
}

func (e *RevokedError) Error() string {
	if e.When.IsZero() {
		return fmt.Sprintf("certificate %s may be revoked: %s", quote(e.Subject), e.Why)
	}
	return fmt.Sprintf("certificate %s was revoked on %s (%s); don't use this server before its operator explains", quote(e.Subject), date(e.When), e.Why)
}

// VersionError: no TLS version in common.
type VersionError struct {
	Want   ProtoRange
	Server string // "TLS 1.0", or "" if the server didn't say
}

func (e *VersionError) Error() string {
	server := "the server speaks none of that"
	if e.Server != "" {
		server = "the server chose " + e.Server
	}
	return fmt.Sprintf("no TLS version in common: %s is wanted, %s; ask the operator for TLS 1.2 or newer (docs/server-checklist.md#versions), or see sslproto", e.Want, server)
}

// NotTLSError: the peer answered in something that is not TLS. Banner is what it said, unescaped.
type NotTLSError struct{ Banner string }

func (e *NotTLSError) Error() string {
	what, next := "what it speaks is unknown", "check host and port"
	for _, g := range greetings {
		if strings.HasPrefix(e.Banner, g.prefix) {
			what, next = "looks like "+g.what, g.next
			break
		}
	}
	return fmt.Sprintf("no TLS on this port: the server said %s, which %s; %s", quote(strings.TrimRight(e.Banner, "\r\n")), what, next)
}

var greetings = [...]struct{ prefix, what, next string }{
	{"* OK", "plain IMAP", "leave ssl out to use STARTTLS, or use port 993"},
	{"* PREAUTH", "plain IMAP", "leave ssl out to use STARTTLS, or use port 993"},
	{"* BYE", "plain IMAP that turns us away", "try again later"},
	{"+OK", "plain POP3", "leave ssl out to use STLS, or use port 995"},
	{"-ERR", "plain POP3 that turns us away", "try again later"},
	{"220", "plain SMTP or LMTP", "use STARTTLS, or port 465"},
	{"HTTP/", "a web server", "check host and port"},
	{"SSH-", "an SSH server", "check host and port"},
	{"\"IMPLEMENTATION\"", "ManageSieve", "use STARTTLS"},
}

// HandshakeError: the TLS handshake failed for a reason without a type of its own: connection lost, time-out, or no
// cipher in common.
type HandshakeError struct{ Err error }

func (e *HandshakeError) Unwrap() error { return e.Err }

func (e *HandshakeError) Error() string {
	return "TLS handshake: " + cut(e.Err.Error()) + `; "fetchd check-tls HOST" shows what the server offers`
}

// cut keeps the text of a wrapped error, which may hold the peer's, on one bounded line.
func cut(s string) string {
	if q := quote(s); q != `"`+s+`"` {
		return q
	}
	return s
}
