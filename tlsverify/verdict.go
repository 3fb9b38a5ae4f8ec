package tlsverify

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"math"
	"time"

	"fetchd/tlsverify/internal/show"
)

// Verdict is what was found out about a server: one value for the log, -v and the check-list. It is not changed after
// Client returned it.
type Verdict struct {
	Host            string              // the name that was asked for
	Presented       []*x509.Certificate // as sent, leaf first
	Chain           []*x509.Certificate // verified, leaf first, with the root; nil if it was not
	Version         string              // "TLS 1.3"
	Cipher          string              // "TLS_AES_128_GCM_SHA256"
	ALPN            string
	Resumed         bool
	MatchedIdentity string // "DNS-ID mail.example.org"; "" if none
	MatchedPin      string // the pin or fingerprint; "" if none
	Revocation      string // "stapled OCSP: good", "revocation list: not on it"; "" if nothing was checked
	NotAfter        time.Time

	now      time.Time
	demand   clientDemand
	warnings []string
}

func (p *Policy) newVerdict() *Verdict { return &Verdict{Host: p.Name(), now: p.Now()} }

func (v *Verdict) fill(cs tls.ConnectionState) {
	v.Presented = cs.PeerCertificates
	v.Version = tls.VersionName(cs.Version)
	v.Cipher = tls.CipherSuiteName(cs.CipherSuite)
	v.ALPN = cs.NegotiatedProtocol
	v.Resumed = cs.DidResume
	if len(v.Presented) > 0 {
		v.NotAfter = v.Presented[0].NotAfter
	}
}

// orNil is the verdict, nil if no certificate was seen.
func (v *Verdict) orNil() *Verdict {
	if len(v.Presented) == 0 {
		return nil
	}
	return v
}

// Warnings are remarks on this server, one line each: a deprecated way of naming it, a weak fingerprint with the line
// to replace it, the coming end of its certificate.
func (v *Verdict) Warnings() []string { return append([]string(nil), v.warnings...) }

func (v *Verdict) warn(hint, format string, args ...any) {
	v.warnings = append(v.warnings, show.WithHint(fmt.Sprintf(format, args...), hint))
}

func (v *Verdict) noteCommonName(matched string) {
	if len(matched) > 5 && matched[:5] == CNID.String() {
		v.warn("tell the operator (docs/server-checklist.md#names)",
			"certificate of %s names it only in the subject's common name, which other programs no longer accept", v.Host)
	}
}

func (v *Verdict) noteFingerprint(f Fingerprint, leaf *x509.Certificate) {
	v.MatchedPin = f.String()
	if f.weak() {
		hint := fmt.Sprintf("write instead: sslfingerprint %q, or sslpin %q, which survives renewals", FingerprintOf(leaf), PinOf(leaf))
		v.warn(hint, "%s fingerprints can be forged", f.Algorithm)
	}
}

// DaysLeft is the number of whole days until the server's certificate ends, negative after its end.
func (v *Verdict) DaysLeft() int { return DaysLeft(v.NotAfter, v.now) }

// DaysLeft is the number of whole days from now to end, negative after it.
func DaysLeft(end, now time.Time) int { return int(math.Floor(end.Sub(now).Hours() / 24)) }

// EndsSoon tells whether a certificate that ends then is to be warned about.
func (p *Policy) EndsSoon(end, now time.Time) bool {
	limit := p.opt.ExpiryWarn
	if limit == 0 {
		limit = defaultExpiryWarn
	}
	return limit > 0 && end.Sub(now) <= limit
}

// expiring is the line about a certificate that ends within the policy's ExpiryWarn, or "". It is among Warnings too;
// a daemon shows it once a day.
func (v *Verdict) expiring(p *Policy) string {
	if !p.EndsSoon(v.NotAfter, v.now) {
		return ""
	}
	problem := fmt.Sprintf("certificate of %s ends in %d days, on %s", v.Host, v.DaysLeft(), show.Date(v.NotAfter))
	hint := ""
	switch {
	case len(p.opt.Fingerprints) > 0:
		problem += "; sslfingerprint will not match its successor"
		hint = "ask the operator for the next one, or use sslpin"
	case len(p.opt.Pins) > 0:
		problem += "; sslpin matches its successor only if the key stays"
		hint = "ask the operator for the next one"
	}
	return show.WithHint(problem, hint)
}

func (v *Verdict) noteExpiry(p *Policy) {
	if text := v.expiring(p); text != "" {
		v.warnings = append(v.warnings, text)
	}
}

// Proven tells whether somebody vouches for the server: a verified chain to a name that was asked for, or a pin. With
// nosslcertck alone nobody does. A nil Verdict proves nothing.
func (v *Verdict) Proven() bool { return v != nil && (len(v.Chain) > 0 || v.MatchedPin != "") }

// String is one line for the log: version, and by what the server was recognised.
func (v *Verdict) String() string {
	how := "not verified"
	switch {
	case len(v.Chain) > 0 && v.MatchedPin != "":
		how = "verified as " + v.MatchedIdentity + ", pinned"
	case len(v.Chain) > 0 && v.MatchedIdentity != "":
		how = "verified as " + v.MatchedIdentity
	case v.MatchedPin != "":
		how = "pinned"
	}
	return v.Version + ", " + how
}

const (
	maxCertsShown = 10
	maxSANsShown  = 50
)

// Describe writes what was found out, for -v. Everything that came from the peer is escaped and cut.
func (v *Verdict) Describe(w io.Writer) error {
	resumed := ""
	if v.Resumed {
		resumed = ", resumed"
	}
	out := &show.Lines{W: w}
	out.Printf("TLS with %s: %s, %s%s", v.Host, v.Version, v.Cipher, resumed)
	for i, c := range v.Presented {
		if i == maxCertsShown {
			out.Printf("… and %d more certificates", len(v.Presented)-i)
			break
		}
		describeCertificate(out, i, c)
	}
	either(out, "identity", v.MatchedIdentity, "not matched")
	either(out, "pin", v.MatchedPin, "none")
	if len(v.Chain) > 0 {
		out.Printf("trusted root: %s", show.Quote(Subject(v.Chain[len(v.Chain)-1])))
	}
	either(out, "revocation", v.Revocation, "not checked")
	for _, t := range v.warnings {
		out.Printf("warning: %s", t)
	}
	return out.Err
}

func either(out *show.Lines, what, found, none string) {
	if found == "" {
		found = none
	}
	out.Printf("%s: %s", what, found)
}

func describeCertificate(out *show.Lines, i int, c *x509.Certificate) {
	out.Printf("certificate %d:", i+1)
	out.Printf("  subject: %s", show.Quote(c.Subject.String()))
	out.Printf("  issuer: %s", show.Quote(issuer(c)))
	names := presentedBy(c).strings()
	for n, name := range names {
		if n == maxSANsShown {
			out.Printf("  … and %d more names", len(names)-n)
			break
		}
		out.Printf("  name: %s", show.Quote(name))
	}
	out.Printf("  valid: %s to %s", show.Date(c.NotBefore), show.Date(c.NotAfter))
	out.Printf("  key: %s, signature: %s", KeyStrength(c), c.SignatureAlgorithm)
	for _, f := range FingerprintsOf(c) {
		out.Printf("  %s fingerprint: %s", f.Algorithm, colons(f.Sum))
	}
	out.Printf("  public-key pin: %s", PinOf(c))
}
