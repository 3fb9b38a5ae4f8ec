package tlsverify

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"strings"
	"time"

	"fetchd/tlsverify/hints"
)

// Verdict is what was found out about a server: one value for the log, -v and the check-list. It is not
// changed after Client returned it.
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

// Warnings are remarks on this server, one line each: a deprecated way of naming it, a weak fingerprint with
// the line to replace it, the coming end of its certificate.
func (v *Verdict) Warnings() []string { return append([]string(nil), v.warnings...) }

func (v *Verdict) warn(hint, format string, args ...any) {
	v.warnings = append(v.warnings, hints.Text(fmt.Sprintf(format, args...), hint))
}

func (v *Verdict) noteCommonName(matched string) {
	if strings.HasPrefix(matched, CNID.String()) {
		v.warn("tell the operator (fetchd help names)",
			"certificate of %s names it only in the subject's common name, "+
				"which other programs no longer accept", v.Host)
	}
}

func (v *Verdict) noteFingerprint(f Fingerprint, leaf *x509.Certificate) {
	v.MatchedPin = f.String()
	if f.weak() {
		hint := fmt.Sprintf("write instead: sslfingerprint %q, or sslpin %q, which survives renewals",
			FingerprintOf(leaf), PinOf(leaf))
		v.warn(hint, "%s fingerprints can be forged", f.Algorithm)
	}
}

// Proven tells whether somebody vouches for the server: a verified chain to a name that was asked for, or a
// pin. With nosslcertck alone nobody does. A nil Verdict proves nothing.
func (v *Verdict) Proven() bool {
	return v != nil && (len(v.Chain) > 0 && v.MatchedIdentity != "" || v.MatchedPin != "")
}

// String is one line for the log: version, and by what the server was recognised.
func (v *Verdict) String() string {
	how := "not verified"
	switch {
	case len(v.Chain) > 0 && v.MatchedPin != "":
		how = "verified as " + WithoutKind(v.MatchedIdentity) + ", pinned"
	case len(v.Chain) > 0 && v.MatchedIdentity != "":
		how = "verified as " + WithoutKind(v.MatchedIdentity)
	case v.MatchedPin != "":
		how = "pinned"
	}
	return v.Version + ", " + how
}
