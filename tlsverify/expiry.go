package tlsverify

import (
	"crypto/x509"
	"fmt"
	"math"
	"slices"
	"time"

	"fetchd/tlsverify/internal/show"
)

const defaultExpiryWarn = 14 * 24 * time.Hour

// DaysLeft is the number of whole days from now to end, negative after it.
func DaysLeft(end, now time.Time) int { return int(math.Floor(end.Sub(now).Hours() / 24)) }

// EndsSoon tells whether to warn about a certificate that ends then.
func (p *Policy) EndsSoon(end, now time.Time) bool {
	limit := p.opt.ExpiryWarn
	if limit == 0 {
		limit = defaultExpiryWarn
	}
	return limit > 0 && end.Sub(now) <= limit
}

// firstToEnd is the certificate of a chain that ends first: without it the others prove nothing. Of those
// that end together it is the one nearest to the leaf.
func firstToEnd(chain []*x509.Certificate) *x509.Certificate {
	return slices.MinFunc(chain, func(a, b *x509.Certificate) int { return a.NotAfter.Compare(b.NotAfter) })
}

// noteExpiry warns about a certificate that ends soon, and says what to do about its successor.
func (v *Verdict) noteExpiry(p *Policy) {
	chain := v.Chain
	// What a pin alone vouches for depends on no issuer.
	if len(chain) == 0 {
		chain = v.Presented[:1]
	}
	first := firstToEnd(chain)
	if !p.EndsSoon(first.NotAfter, v.now) {
		return
	}

	ends := fmt.Sprintf("ends in %d days, on %s", DaysLeft(first.NotAfter, v.now), show.Date(first.NotAfter))
	if first == chain[0] {
		hint, pins := v.successor(p)
		v.warn(hint, "certificate of %s %s%s", v.Host, ends, pins)
		return
	}
	hint := "tell the operator, whose server has to send another one"
	if first == chain[len(chain)-1] {
		hint = "put its successor into " + p.TrustedIn()
	}
	v.warn(hint, "certificate %s, on which that of %s depends, %s", show.Quote(Subject(first)), v.Host, ends)
}

// successor says which pins the leaf's successor may not match, and what to do about it.
func (v *Verdict) successor(p *Policy) (hint, pins string) {
	switch {
	case len(p.opt.Fingerprints) > 0:
		return "ask the operator for the next one, or use sslpin",
			"; sslfingerprint will not match its successor"
	case len(p.opt.Pins) > 0:
		return "ask the operator for the next one", "; sslpin matches its successor only if the key stays"
	}
	return "", ""
}
