package tlsverify

import (
	"crypto/x509"
	"fmt"
	"time"

	"fetchd/tlsverify/hints"
	"fetchd/tlsverify/internal/show"
)

// ChainReason is why no chain of certificates leads to a trusted root.
type ChainReason int

// The reasons.
const (
	Malformed           ChainReason = iota // something in a certificate can't be judged
	MissingIntermediate                    // the issuer of a certificate was not sent, and it is no root
	SelfSigned                             // the server's certificate vouches for itself
	UnknownRoot                            // complete, but nobody here trusts its root
	UnknownIssuer                          // ends at an issuer not known here, a root or an intermediate
	Expired
	NotYetValid
	WrongUsage     // not for TLS servers
	IssuerUsage    // issued by an authority that is not for TLS servers
	KeyUsage       // its key is for something else than TLS
	NotCA          // issued by something that is not an authority, or not for this
	NameConstraint // issued outside the names its authority may vouch for
	BadSignature   // by the right issuer's name, but with another key
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

func (p *Policy) chainError(r ChainReason, c *x509.Certificate, now time.Time, err error) *ChainError {
	return &ChainError{
		Reason: r, Subject: Subject(c), Issuer: issuer(c), NotBefore: c.NotBefore, NotAfter: c.NotAfter,
		Now: now, LookedIn: p.TrustedIn(), Err: err,
	}
}

func (e *ChainError) Unwrap() error { return e.Err }

func (e *ChainError) Error() string { return hints.Text(e.problem(), e.Hint()) }

func (e *ChainError) problem() string {
	certificate, issuer := "certificate "+show.Quote(e.Subject), show.Quote(e.Issuer)

	switch e.Reason {
	case MissingIntermediate:
		return fmt.Sprintf("chain incomplete: the issuer %s was not sent, nor is it in %s",
			issuer, e.LookedIn)
	case SelfSigned:
		return fmt.Sprintf("%s is self-signed and not in %s", certificate, e.LookedIn)
	case UnknownRoot:
		return fmt.Sprintf("root %s is not in %s", issuer, e.LookedIn)
	case UnknownIssuer:
		return fmt.Sprintf("the chain ends at the issuer %s, which was not sent and is not in %s",
			issuer, e.LookedIn)
	case Expired:
		return fmt.Sprintf("%s expired on %s, and it is %s here",
			certificate, show.Date(e.NotAfter), show.Date(e.Now))
	case NotYetValid:
		return fmt.Sprintf("%s is not valid before %s, and it is %s here",
			certificate, show.Date(e.NotBefore), show.Date(e.Now))
	case WrongUsage:
		return certificate + " is not meant for TLS servers (extended key usage)"
	case IssuerUsage:
		return "authority " + show.Quote(e.Subject) + " is not meant for TLS servers (extended key usage)"
	case KeyUsage:
		return certificate + " has a key that is not for TLS (key usage)"
	case NotCA:
		return certificate + " is not an authority that may issue this chain"
	case NameConstraint:
		return fmt.Sprintf("issuer %s may not vouch for this name (%v)", issuer, e.Err)
	case BadSignature:
		return fmt.Sprintf("%s was signed with another key than that of the issuer %s, "+
			"which the server sent or which is in %s", certificate, issuer, e.LookedIn)
	case NoRoots:
		return "no trusted root certificates on this machine"
	}

	return fmt.Sprintf("%s can't be judged: %s", certificate, show.Quote(fmt.Sprint(e.Err)))
}

// chainHints are the next steps.
var chainHints = map[ChainReason]string{
	Malformed: "tell the operator",
	MissingIntermediate: "if it is an intermediate the server must send it " +
		"(fetchd help chain), if it is a root put it into sslcertfile",
	SelfSigned: "get it from the operator for sslcertfile, " +
		`or pin its key ("fetchd pin") with sslpin and nosslcertck`,
	UnknownRoot: "get it from the operator, compare its fingerprint by another way, " +
		"and put it into sslcertfile (fetchd help root)",
	UnknownIssuer: "if it is a root, get it from the operator, compare its fingerprint by another way, " +
		"and put it into sslcertfile (fetchd help root); " +
		"if it is an intermediate, the server must send it (fetchd help chain)",
	Expired:        "check the clock, else the operator must renew it",
	NotYetValid:    "check the clock, else tell the operator",
	WrongUsage:     "the operator needs one with serverAuth",
	IssuerUsage:    "the operator needs a certificate from another authority",
	KeyUsage:       "the operator needs one with digitalSignature",
	NotCA:          "the operator needs a certificate from a real one",
	NameConstraint: "the operator needs a certificate from another issuer",
	BadSignature:   "compare the issuer's fingerprint with the operator's (fetchd help chain)",
	NoRoots:        "install the ca-certificates package or name them with sslcertfile",
}

// Hint is the next step.
func (e *ChainError) Hint() string { return chainHints[e.Reason] }

// Details gives dates and names.
func (e *ChainError) Details() []string {
	d := []string{"subject: " + show.Quote(e.Subject), "issuer: " + show.Quote(e.Issuer)}

	if !e.NotAfter.IsZero() {
		d = append(d, "valid: "+show.Date(e.NotBefore)+" to "+show.Date(e.NotAfter),
			"local clock: "+show.Date(e.Now))
	}
	if e.LookedIn != "" {
		d = append(d, "trust looked up in: "+e.LookedIn)
	}
	if e.Err != nil {
		d = append(d, "cause: "+show.Quote(e.Err.Error()))
	}

	return d
}
