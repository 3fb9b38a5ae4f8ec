package tlsverify

import (
	"strings"
	"sync"
	"time"
	"unique"

	"fetchd/tlsverify/internal/show"
)

// seenMost is how many certificates of a chain are kept. Servers send three; they may send hundreds.
const seenMost = 5

// Seen is a chain of certificates that a server has shown, as far as people want to know of it. All that are
// equal are in memory once. The zero value is none.
type Seen struct{ chain unique.Handle[seenChain] }

type seenChain struct {
	certificates [seenMost]SeenCertificate
	count        int
	trusted      bool
}

// SeenCertificate is what is kept of a certificate.
type SeenCertificate struct {
	Subject     string    `json:"subject"`     // unescaped, and cut if it is long
	Issuer      string    `json:"issuer"`      // likewise
	Fingerprint string    `json:"fingerprint"` // SHA-256, as rc files have it
	NotAfter    time.Time `json:"not_after"`
}

// NewSeen makes the Seen of a chain, leaf first. trusted tells whether a policy accepted it.
func NewSeen(certificates []SeenCertificate, trusted bool) Seen {
	if len(certificates) == 0 {
		return Seen{}
	}
	c := seenChain{trusted: trusted}
	c.count = copy(c.certificates[:], certificates)
	for i := range c.count {
		// In one zone, or equal times would differ.
		c.certificates[i].NotAfter = c.certificates[i].NotAfter.UTC()
	}
	return Seen{unique.Make(c)}
}

// Certificates are those of the chain, leaf first, with the root if the chain was verified; of a trusted
// server they are those that it depends on.
func (s Seen) Certificates() []SeenCertificate {
	if s == (Seen{}) {
		return nil
	}
	c := s.chain.Value()
	return c.certificates[:c.count]
}

// Trusted tells whether a policy accepted the server.
func (s Seen) Trusted() bool { return s != (Seen{}) && s.chain.Value().trusted }

// LastSeen remembers what a server has shown last. The zero value is ready; it is safe for concurrent use,
// and nil remembers nothing.
type LastSeen struct {
	mu   sync.Mutex // guards what follows
	seen Seen
}

// Seen is what the server has shown last.
func (l *LastSeen) Seen() Seen {
	if l == nil {
		return Seen{}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.seen
}

// note remembers the certificates of a verdict, if there are any.
func (l *LastSeen) note(v *Verdict, trusted bool) {
	if l == nil || len(v.Presented) == 0 {
		return
	}

	chain := v.Chain
	if len(chain) == 0 {
		chain = v.Presented
		// What is trusted without a chain depends on no issuer.
		if trusted {
			chain = chain[:1]
		}
	}
	var certificates []SeenCertificate
	for _, c := range chain[:min(len(chain), seenMost)] {
		certificates = append(certificates, SeenCertificate{
			Subject: beginning(Subject(c)), Issuer: beginning(issuer(c)),
			Fingerprint: FingerprintOf(c).String(), NotAfter: c.NotAfter,
		})
	}

	seen := NewSeen(certificates, trusted)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.seen = seen
}

// beginning is that of a name in a certificate.
func beginning(name string) string {
	if len(name) > show.MaxPeer {
		return strings.ToValidUTF8(name[:show.MaxPeer], "") + "…"
	}
	return name
}
