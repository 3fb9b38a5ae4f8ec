package tlsverify

import (
	"fmt"
	"math"
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

// noteExpiry warns about a certificate that ends soon, and names the pins that its successor may not match.
func (v *Verdict) noteExpiry(p *Policy) {
	if !p.EndsSoon(v.NotAfter, v.now) {
		return
	}

	problem := fmt.Sprintf("certificate of %s ends in %d days, on %s",
		v.Host, DaysLeft(v.NotAfter, v.now), show.Date(v.NotAfter))
	hint := ""
	switch {
	case len(p.opt.Fingerprints) > 0:
		problem += "; sslfingerprint will not match its successor"
		hint = "ask the operator for the next one, or use sslpin"
	case len(p.opt.Pins) > 0:
		problem += "; sslpin matches its successor only if the key stays"
		hint = "ask the operator for the next one"
	}

	v.warn(hint, "%s", problem)
}
