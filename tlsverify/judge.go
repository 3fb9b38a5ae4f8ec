package tlsverify

import (
	"bytes"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"fetchd/tlsverify/internal/show"
)

// Level is how bad an Item is.
type Level int

// The levels; the worst of a report is its exit status.
const (
	OK Level = iota
	Warn
	Fail
)

// String gives "ok", "warn" or "FAIL".
func (l Level) String() string { return [...]string{"ok", "warn", "FAIL"}[l] }

// MarshalText is String, for JSON.
func (l Level) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// The checks, which are also the anchors of docs/server-checklist.md, in the order in which they are made.
const (
	CheckReach      = "reach"
	CheckSTARTTLS   = "starttls"
	CheckVersions   = "versions"
	CheckNames      = "names"
	CheckAddresses  = "addresses"
	CheckChain      = "chain"
	CheckRoot       = "root"
	CheckStrength   = "strength"
	CheckValidity   = "validity"
	CheckRevocation = "stapling"
	CheckPins       = "pins"
)

// Item is one line of a report. Peer text in it is escaped.
type Item struct {
	Check   string   `json:"check"`
	Level   Level    `json:"level"`
	Address string   `json:"address,omitempty"` // "" = all addresses
	Text    string   `json:"text"`
	Details []string `json:"details,omitempty"`
}

// judge collects the items of one address.
type judge struct {
	c     *checker
	sent  []*x509.Certificate
	items []Item
}

func (j *judge) add(check string, l Level, format string, args ...any) {
	j.items = append(j.items, Item{Check: check, Level: l, Text: fmt.Sprintf(format, args...)})
}

func (j *judge) detail(lines ...string) {
	last := &j.items[len(j.items)-1]
	last.Details = append(last.Details, lines...)
}

func (c *checker) judge(s sight) []Item {
	j := &judge{c: c}
	if !c.o.Wrapped {
		j.startTLS(s)
	}
	if s.state == nil || len(s.state.PeerCertificates) == 0 {
		j.unreached(s)
		return j.items
	}
	j.sent = s.state.PeerCertificates[:min(len(s.state.PeerCertificates), maxDiagnosed)]
	j.versions(s)
	j.names()
	j.order()
	j.trust()
	j.strength()
	j.validity()
	j.revocation(s.state)
	j.unsent(s.state)
	j.pins()
	return j.items
}

// unsent tells what is wrong with a certificate that the server did not send: a trusted root out of date or too weak.
func (j *judge) unsent(state *tls.ConnectionState) {
	failed := slices.ContainsFunc(j.items, func(it Item) bool { return it.Level == Fail })
	if err := j.c.bare.verify(*state, j.c.verdict()); err != nil && !failed {
		j.add(CheckRoot, Fail, "%s", err)
		j.detail(Details(err)...)
	}
}

func (j *judge) unreached(s sight) {
	if s.err == nil {
		s.err = errors.New("no certificate")
	}
	if s.start.preauth || s.start.answer != "" {
		return // said under starttls
	}
	j.add(CheckReach, Fail, "no TLS: %s", problem(s.err))
	j.detail(Details(s.err)...)
}

// problem is why there is no TLS. What the peer said is quoted in it already; a handshake's hint is to do what we do here.
func problem(err error) string {
	var h *HandshakeError
	if errors.As(err, &h) {
		return "TLS handshake: " + show.Cut(h.Err.Error())
	}
	return err.Error()
}

func (j *judge) startTLS(s sight) {
	word := strings.Trim(j.c.d.offer, `"`)
	switch {
	case s.start.preauth:
		j.add(CheckSTARTTLS, Fail, "server begins with PREAUTH, which leaves no way to TLS")
	case s.start.answer == "":
		return // never got so far
	case s.start.early > 0:
		j.add(CheckSTARTTLS, Fail, "server sends clear text after it agreed to %s", word)
	case s.state == nil:
		j.add(CheckSTARTTLS, Fail, "%s does not work: %s", word, problem(s.err))
	case s.inject.answered:
		j.add(CheckSTARTTLS, Fail, "server carries out, inside TLS, a command that was sent in clear text before it (CVE-2011-0411)")
	case !s.start.advertised:
		j.add(CheckSTARTTLS, Warn, "%s works but is not among the capabilities", word)
	case s.inject.tried:
		j.add(CheckSTARTTLS, OK, "%s is offered and works; a command sent before TLS is not carried out inside it", word)
	default:
		j.add(CheckSTARTTLS, OK, "%s is offered and works", word)
	}
}

func (j *judge) versions(s sight) {
	var offered, old []string
	spoken := false
	for i, v := range checkedVersions {
		if s.versions[i] != nil && v != s.state.Version {
			continue
		}
		spoken = spoken || j.c.strict.proto.has(v)
		offered = append(offered, tls.VersionName(v))
		if v < tls.VersionTLS12 {
			old = append(old, tls.VersionName(v))
		}
	}
	list := strings.Join(offered, ", ")
	switch {
	case len(old) == len(offered):
		j.add(CheckVersions, Fail, "only %s, which is no longer safe (RFC 8996): TLS 1.2 or newer is needed", list)
	case !spoken:
		j.add(CheckVersions, Fail, "%s, but sslproto wants %s: change sslproto", list, j.c.strict.proto)
	case len(old) > 0:
		j.add(CheckVersions, Warn, "%s: switch off %s (RFC 8996)", list, strings.Join(old, " and "))
	default:
		j.add(CheckVersions, OK, "%s", list)
	}
	for i, v := range checkedVersions {
		if err := s.versions[i]; err != nil && !as[*VersionError](err) && !as[*HandshakeError](err) {
			j.detail("not tried: " + tls.VersionName(v) + ": " + show.Cut(err.Error()))
		}
	}
	j.detail("chosen: " + tls.VersionName(s.state.Version) + ", " + tls.CipherSuiteName(s.state.CipherSuite))
}

func (j *judge) names() {
	ids := presentedBy(j.sent[0])
	matched, err := matchIdentity(j.c.strict.refs, ids)
	switch {
	case err != nil:
		j.add(CheckNames, Fail, "%s", err)
		return
	case strings.HasPrefix(matched, CNID.String()):
		j.add(CheckNames, Warn, "%s: the name is only in the subject's common name; put it into subjectAltName", matched)
	case j.onlyWildcard(ids, matched):
		j.add(CheckNames, Warn, "%s: matched by a wildcard only, which not all programs take", matched)
	default:
		j.add(CheckNames, OK, "%s", matched)
	}
	if names := ids.strings(); len(names) > 0 {
		j.detail("presented: " + show.QuoteList(names))
	}
}

func (j *judge) onlyWildcard(ids identifiers, matched string) bool {
	name, ok := strings.CutPrefix(matched, DNSID.String()+" ")
	if !ok {
		return false
	}
	for _, n := range ids.dns {
		if !strings.HasPrefix(n, "*") && matchDNS(n, name) {
			return false
		}
	}
	return true
}

// order looks at the certificates as sent: each followed by its issuer, without the root and without strangers.
func (j *judge) order() {
	last := j.sent[0]
	for i, c := range j.sent[1:] {
		sameName := func(o *x509.Certificate) bool { return bytes.Equal(o.RawSubject, c.RawSubject) }
		switch {
		case isRoot(c) && !slices.ContainsFunc(j.sent[i+2:], isNoRoot):
			j.add(CheckChain, Warn, "the root %s is sent along; leave it out", show.Quote(subject(c)))
		case isRoot(c):
			j.add(CheckChain, Fail, "wrong order: certificate %d, the root %s, is sent before an intermediate; leave it out", i+2, show.Quote(subject(c)))
		case bytes.Equal(last.RawIssuer, c.RawSubject):
			last = c
		case slices.ContainsFunc(j.sent[:i+1], sameName): // a copy, or signed by another issuer
			j.add(CheckChain, Warn, "certificate %d is one more for %s; leave it out unless another issuer signed it on purpose", i+2, show.Quote(subject(c)))
		default:
			j.disorder(i + 1)
			return
		}
	}
}

func isRoot(c *x509.Certificate) bool { return selfIssued(c) && c.CheckSignatureFrom(c) == nil }

func isNoRoot(c *x509.Certificate) bool { return !isRoot(c) }

func (j *judge) disorder(i int) {
	c := j.sent[i]
	for _, other := range j.sent {
		if bytes.Equal(other.RawIssuer, c.RawSubject) {
			j.add(CheckChain, Fail, "wrong order: certificate %d, %s, must come right after the one that it signed", i+1, show.Quote(subject(c)))
			return
		}
	}
	j.add(CheckChain, Warn, "certificate %d, %s, has no part in the chain; leave it out", i+1, show.Quote(subject(c)))
}

// trust follows the chain at a time when none of it was out of date, because dates are an item of their own.
func (j *judge) trust() {
	at := j.c.now
	if outdated(j.sent, at) {
		at = commonTime(j.sent, at)
	}
	chain, err := j.c.strict.chain(j.sent, at)
	var ce *ChainError
	switch {
	case err == nil:
		j.trusted(chain)
	case !errors.As(err, &ce):
		return // weakness, which is an item of its own
	case ce.Reason == UnknownRoot, ce.Reason == UnknownIssuer, ce.Reason == SelfSigned, ce.Reason == NoRoots:
		j.completeWithoutRoot(ce)
		j.add(CheckRoot, Fail, "%s", ce)
		j.fingerprints(j.sent[len(j.sent)-1])
	case ce.Reason == NameConstraint:
		j.add(CheckNames, Fail, "%s", ce)
	case ce.Reason == Expired, ce.Reason == NotYetValid:
		return
	default:
		j.add(CheckChain, Fail, "%s", ce)
		j.detail(ce.Details()...)
	}
}

func (j *judge) completeWithoutRoot(ce *ChainError) {
	if (ce.Reason == UnknownRoot || ce.Reason == UnknownIssuer) && !j.has(CheckChain) {
		j.add(CheckChain, OK, "%d certificates, in order up to the issuer %s", len(j.sent), show.Quote(ce.Issuer))
	}
}

func (j *judge) trusted(chain []*x509.Certificate) {
	if !j.has(CheckChain) {
		j.add(CheckChain, OK, "complete, in order, root left out: %d sent", len(j.sent))
	}
	if len(chain) > 1 {
		matched, err := matchIdentity(j.c.strict.refs, presentedBy(j.sent[0]))
		if err == nil && !strings.HasPrefix(matched, DNSID.String()) && !strings.HasPrefix(matched, IPID.String()) {
			if err := nameConstraints(chain, matched); err != nil {
				j.add(CheckNames, Fail, "%s", err)
			}
		}
	}
	root := chain[len(chain)-1]
	j.add(CheckRoot, OK, "%s is in %s", show.Quote(subject(root)), j.c.strict.lookedIn())
	j.fingerprints(root)
}

func (j *judge) fingerprints(c *x509.Certificate) {
	j.detail("certificate " + show.Quote(subject(c)))
	for _, f := range FingerprintsOf(c) {
		j.detail(f.String())
	}
}

func (j *judge) has(check string) bool {
	for _, i := range j.items {
		if i.Check == check {
			return true
		}
	}
	return false
}

func outdated(certs []*x509.Certificate, at time.Time) bool {
	for _, c := range certs {
		if at.Before(c.NotBefore) || at.After(c.NotAfter) {
			return true
		}
	}
	return false
}

// commonTime is the last moment before now, or else the first one, at which all were valid, as far as there is one.
func commonTime(certs []*x509.Certificate, now time.Time) time.Time {
	at := now
	for _, c := range certs {
		if c.NotAfter.Before(at) {
			at = c.NotAfter
		}
	}
	for _, c := range certs {
		if c.NotBefore.After(at) {
			at = c.NotBefore
		}
	}
	return at
}

func (j *judge) strength() {
	for i, c := range j.sent {
		if k, ok := c.PublicKey.(*rsa.PublicKey); ok && k.N.BitLen() < minRSABits {
			j.add(CheckStrength, Fail, "certificate %d, %s: %s, 2048 are needed", i+1, show.Quote(subject(c)), keyStrength(c))
		}
		if weakAlgorithm(c.SignatureAlgorithm) && !selfIssued(c) {
			j.add(CheckStrength, Fail, "certificate %d, %s: signed with %s, SHA-256 or better is needed", i+1, show.Quote(subject(c)), c.SignatureAlgorithm)
		}
	}
	if !j.has(CheckStrength) {
		j.add(CheckStrength, OK, "key %s, signature %s", keyStrength(j.sent[0]), j.sent[0].SignatureAlgorithm)
	}
}

func (j *judge) validity() {
	now := j.c.now
	for i, c := range j.sent {
		v := &Verdict{Host: j.c.o.Host, NotAfter: c.NotAfter, now: now}
		switch {
		case now.After(c.NotAfter):
			j.add(CheckValidity, Fail, "certificate %d, %s, expired on %s", i+1, show.Quote(subject(c)), show.Date(c.NotAfter))
		case now.Before(c.NotBefore):
			j.add(CheckValidity, Fail, "certificate %d, %s, is not valid before %s; check this machine's clock too", i+1, show.Quote(subject(c)), show.Date(c.NotBefore))
		case v.Expiring(j.c.strict) != "":
			j.add(CheckValidity, Warn, "certificate %d, %s, ends in %d days, on %s", i+1, show.Quote(subject(c)), v.DaysLeft(), show.Date(c.NotAfter))
		case i == 0:
			j.add(CheckValidity, OK, "%d days left, until %s", v.DaysLeft(), show.Date(c.NotAfter))
		}
	}
}

func (j *judge) revocation(state *tls.ConnectionState) {
	v := j.c.verdict()
	v.fill(*state)
	chain, err := j.c.strict.chain(j.sent, j.c.now)
	if err != nil || len(chain) < 2 {
		return // without a trusted issuer there is nobody to ask
	}
	v.Chain = chain
	switch err := j.c.strict.verifyRevocation(v, state.OCSPResponse); {
	case err != nil:
		j.add(CheckRevocation, Fail, "%s", err)
	case len(v.warnings) > 0:
		j.add(CheckRevocation, Warn, "%s", v.warnings[0])
	case v.Revocation != "":
		j.add(CheckRevocation, OK, "%s", v.Revocation)
	default:
		j.add(CheckRevocation, OK, "no OCSP response is stapled, and the certificate doesn't ask for one")
	}
}

func (j *judge) pins() {
	o := j.c.strict.opt
	if len(o.Pins)+len(o.Fingerprints) == 0 {
		return
	}
	v := j.c.verdict()
	v.Presented = j.sent
	if !j.c.alone {
		v.Chain, _ = j.c.strict.chain(j.sent, j.c.now)
	}
	if err := j.c.strict.verifyPins(v); err != nil {
		j.add(CheckPins, Fail, "%s", err)
		j.detail(Details(err)...)
		return
	}
	j.add(CheckPins, OK, "%s", v.MatchedPin)
}
