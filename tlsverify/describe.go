package tlsverify

import (
	"cmp"
	"crypto/x509"
	"io"

	"fetchd/tlsverify/internal/show"
)

const (
	maxCertsShown = 10
	maxNamesShown = 50
)

// Describe writes what was found out, for -v. Everything that came from the peer is escaped and cut.
func (v *Verdict) Describe(w io.Writer) error {
	out := &show.Lines{W: w}
	resumed := ""
	if v.Resumed {
		resumed = ", resumed"
	}

	out.Printf("TLS with %s: %s, %s%s", v.Host, v.Version, v.Cipher, resumed)

	for i, c := range v.Presented {
		// A server may send hundreds, to fill the log.
		if i == maxCertsShown {
			out.Printf("… and %d more certificates", len(v.Presented)-i)
			break
		}
		describeCertificate(out, i, c)
	}

	out.Printf("identity: %s", cmp.Or(plainIdentity(v.MatchedIdentity), "not matched"))
	out.Printf("pin: %s", cmp.Or(v.MatchedPin, "none"))
	if len(v.Chain) > 0 {
		out.Printf("trusted root: %s", show.Quote(Subject(v.Chain[len(v.Chain)-1])))
	}

	out.Printf("revocation: %s", cmp.Or(v.Revocation, "not checked"))
	for _, w := range v.warnings {
		out.Printf("warning: %s", w)
	}

	return out.Err
}

func describeCertificate(out *show.Lines, i int, c *x509.Certificate) {
	out.Printf("certificate %d:", i+1)
	out.Printf("  subject: %s", show.Quote(c.Subject.String()))
	out.Printf("  issuer: %s", show.Quote(issuer(c)))

	names := PresentedNames(c)

	for n, name := range names {
		if n == maxNamesShown {
			out.Printf("  … and %d more names", len(names)-n)
			break
		}
		out.Printf("  name: %s", show.Quote(name))
	}

	out.Printf("  valid: %s to %s", show.Date(c.NotBefore), show.Date(c.NotAfter))
	out.Printf("  key: %s, signature: %s", KeyStrength(c), c.SignatureAlgorithm)
	for _, f := range FingerprintsOf(c) {
		out.Printf("  %s fingerprint: %s", f.Algorithm, f.digits())
	}

	out.Printf("  public-key pin: %s", PinOf(c))
}
