package check

import (
	"crypto/tls"
	"crypto/x509"
	"slices"
	"strings"

	"fetchd/tlsverify"
	"fetchd/tlsverify/internal/show"
)

func (j *judge) names() {
	matched, err := j.c.strict.MatchName(j.sent[0])
	name := show.Quote(tlsverify.WithoutKind(matched))
	switch {
	case err != nil:
		j.add(Names, Fail, "%s", err)
		return
	case strings.HasPrefix(matched, tlsverify.CNID.String()):
		j.add(Names, Warn,
			"%s: the name is only in the subject's common name; put it into subjectAltName", name)
	case onlyByWildcard(j.sent[0], matched):
		j.add(Names, Warn, "%s: matched by a wildcard only, which not all programs take", name)
	default:
		j.add(Names, OK, "the certificate is for %s", name)
	}

	if names := tlsverify.PresentedNames(j.sent[0]); len(names) > 0 {
		j.detail("presented: " + show.QuoteList(names))
	}
}

func onlyByWildcard(leaf *x509.Certificate, matched string) bool {
	name, ok := strings.CutPrefix(matched, tlsverify.DNSID.String()+" ")
	if !ok {
		return false
	}
	for _, n := range leaf.DNSNames {
		if !strings.HasPrefix(n, "*") && tlsverify.MatchDNS(n, name) {
			return false
		}
	}
	return true
}

func (j *judge) strength() {
	for i, c := range j.sent {
		if tlsverify.WeakKey(c) {
			j.add(Strength, Fail, "certificate %d, %s: %s, 2048 are needed",
				i+1, quoteSubject(c), tlsverify.KeyStrength(c))
		}
		// A root's signature on itself proves nothing, and may be of any kind.
		if tlsverify.WeakSignature(c) && !tlsverify.IsSelfIssued(c) {
			j.add(Strength, Fail, "certificate %d, %s: signed with %s, SHA-256 or better is needed",
				i+1, quoteSubject(c), c.SignatureAlgorithm)
		}
	}

	if !j.has(Strength) {
		leaf := j.sent[0]
		j.add(Strength, OK, "key %s, signature %s", tlsverify.KeyStrength(leaf), leaf.SignatureAlgorithm)
	}
}

func (j *judge) validity() {
	now := j.c.now

	for i, c := range j.sent {
		days := tlsverify.DaysLeft(c.NotAfter, now)
		switch {
		case now.After(c.NotAfter):
			j.add(Validity, Fail, "certificate %d, %s, expired on %s",
				i+1, quoteSubject(c), show.Date(c.NotAfter))
		case now.Before(c.NotBefore):
			j.add(Validity, Fail,
				"certificate %d, %s, is not valid before %s; check this machine's clock too",
				i+1, quoteSubject(c), show.Date(c.NotBefore))
		case j.c.strict.EndsSoon(c.NotAfter, now):
			j.add(Validity, Warn, "certificate %d, %s, ends in %d days, on %s",
				i+1, quoteSubject(c), days, show.Date(c.NotAfter))
		case i == 0:
			j.add(Validity, OK, "%d days left, until %s", days, show.Date(c.NotAfter))
		}
	}

	// A root that ends breaks the chain as well, and the server does not send it: it is this machine's.
	chain, _ := j.c.strict.Chain(j.sent, now)
	for _, c := range chain {
		if !slices.ContainsFunc(j.sent, c.Equal) && j.c.strict.EndsSoon(c.NotAfter, now) {
			j.add(Validity, Warn, "%s in %s ends in %d days, on %s", quoteSubject(c),
				j.c.strict.TrustedIn(), tlsverify.DaysLeft(c.NotAfter, now), show.Date(c.NotAfter))
		}
	}
}

func (j *judge) revocation(state *tls.ConnectionState) {
	chain, err := j.c.strict.Chain(j.sent, j.c.now)
	if err != nil || len(chain) < 2 {
		return // without a trusted issuer there is nobody to ask
	}

	found, warnings, err := j.c.strict.CheckRevocation(chain, state.OCSPResponse)
	switch {
	case err != nil:
		j.add(Revocation, Fail, "%s", err)
	case len(warnings) > 0:
		j.add(Revocation, Warn, "%s", warnings[0])
	case found != "":
		j.add(Revocation, OK, "%s", found)
	default:
		j.add(Revocation, OK, "no OCSP response is stapled, and the certificate doesn't ask for one")
	}
}

func (j *judge) pins() {
	if !j.c.pinned {
		return
	}

	var chain []*x509.Certificate
	// With "no sslcertck" a pin is compared with the server's own key alone: nobody has verified the rest.
	if !j.c.alone {
		chain, _ = j.c.strict.Chain(j.sent, j.c.now)
	}

	matched, err := j.c.strict.MatchPins(j.sent[0], chain)
	if err != nil {
		j.add(Pins, Fail, "%s", err)
		j.detail(tlsverify.Details(err)...)
		return
	}

	j.add(Pins, OK, "%s", matched)
}

func quoteSubject(c *x509.Certificate) string { return show.Quote(tlsverify.Subject(c)) }
