package check

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"

	"fetchd/tlsverify"
	"fetchd/tlsverify/hints"
	"fetchd/tlsverify/internal/show"
)

// judge collects the items of one address.
type judge struct {
	c     *checker
	sent  []*x509.Certificate
	items []Item
}

// maxJudged bounds how many certificates are looked at: each may cost a line and several signature checks.
const maxJudged = 16

func (j *judge) add(check string, l Level, format string, args ...any) {
	j.items = append(j.items, Item{Check: check, Level: l, Text: fmt.Sprintf(format, args...)})
}

// addError adds an item whose text ends in why there is no TLS, with its hint.
func (j *judge) addError(check, text string, err error) {
	problem, hint := problem(err)
	j.add(check, Fail, "%s: %s", text, problem)
	j.items[len(j.items)-1].Hint = hint
}

// detail adds lines to the last item.
func (j *judge) detail(lines ...string) {
	last := &j.items[len(j.items)-1]
	last.Details = append(last.Details, lines...)
}

func (j *judge) has(check string) bool {
	return slices.ContainsFunc(j.items, func(it Item) bool { return it.Check == check })
}

// judge goes through the check-list for what was seen at one address.
func (c *checker) judge(s sight) []Item {
	j := &judge{c: c}
	if !c.o.Wrapped {
		j.startTLS(s)
	}
	if !s.certificate() {
		j.reportUnreached(s)
		return j.items
	}

	if s.nameless != nil {
		text, _ := problem(s.nameless)
		j.add(Reach, Warn, "programs that name their protocol are turned away: %s", text)
	}

	j.sent = s.state.PeerCertificates[:min(len(s.state.PeerCertificates), maxJudged)]
	j.versions(s)
	j.keyExchange(s)
	j.names()
	j.order()
	j.trust()
	j.strength()
	j.validity()
	j.revocation(s.state)
	j.unsent(s.state) // after all that is judged one by one, whose faults it would repeat
	j.pins()
	return j.items
}

// unsent tells what is wrong with a certificate that the server did not send: a trusted root out of date or
// too weak.
func (j *judge) unsent(state *tls.ConnectionState) {
	failed := slices.ContainsFunc(j.items, func(it Item) bool { return it.Level == Fail })
	if _, err := j.c.pinless.Judge(*state); err != nil && !failed {
		j.add(Root, Fail, "%s", err)
		j.detail(tlsverify.Details(err)...)
	}
}

func (j *judge) reportUnreached(s sight) {
	if s.err == nil {
		s.err = errors.New("no certificate")
	}
	if s.lacksCipher() {
		j.addError(Versions, "no cipher in common", s.err)
		return
	}
	if s.start.preauth || s.start.answer != "" {
		return // reported under starttls
	}
	j.addError(Reach, noTLS, s.err)
	j.detail(tlsverify.Details(s.err)...)
}

// problem is why there is no TLS, and the next step. What the peer said is quoted in it already; a
// handshake's hint is to do what we do here.
func problem(err error) (text, hint string) {
	if h, ok := errors.AsType[*tlsverify.HandshakeError](err); ok {
		return "TLS handshake: " + show.Cut(h.Err.Error()), ""
	}
	return hints.Split(err)
}

func (j *judge) startTLS(s sight) {
	word := strings.Trim(j.c.d.offer, `"`)

	switch {
	case s.start.preauth:
		j.add(STARTTLS, Fail, "server begins with PREAUTH, which leaves no way to TLS")
	case s.start.answer == "":
		return // it never got so far
	case s.start.early > 0:
		j.add(STARTTLS, Fail, "server sends clear text after it agreed to %s", word)
	case s.state == nil && !s.lacksCipher():
		j.addError(STARTTLS, word+" does not work", s.err)
	case s.inject.answered:
		j.add(STARTTLS, Fail,
			"server carries out, inside TLS, a command that was sent in clear text before it (CVE-2011-0411)")
	case !s.start.advertised:
		j.add(STARTTLS, Warn, "%s works but is not among the capabilities", word)
	case s.inject.tried:
		j.add(STARTTLS, OK,
			"%s is offered and works; a command sent before TLS is not carried out inside it", word)
	default:
		j.add(STARTTLS, OK, "%s is offered and works", word)
	}
}

func (j *judge) versions(s sight) {
	var offered, old []string
	spoken := false
	for i, v := range checkedVersions {
		// The first connection chose that version, so it is offered, even if a later one failed.
		if s.versions[i] != nil && v != s.state.Version {
			continue
		}
		spoken = spoken || j.c.strict.Versions().Has(v)
		offered = append(offered, tls.VersionName(v))
		if v < tls.VersionTLS12 {
			old = append(old, tls.VersionName(v))
		}
	}

	list := strings.Join(offered, ", ")
	switch {
	case len(old) == len(offered):
		j.add(Versions, Fail, "only %s, which is no longer safe (RFC 8996): TLS 1.2 or newer is needed", list)
	case !spoken:
		j.add(Versions, Fail, "%s, but sslproto wants %s: change sslproto", list, j.c.strict.Versions())
	case len(old) > 0:
		j.add(Versions, Warn, "%s: switch off %s (RFC 8996)", list, strings.Join(old, " and "))
	default:
		j.add(Versions, OK, "%s", list)
	}

	for i, v := range checkedVersions {
		if err := s.versions[i]; err != nil && !refusedVersion(err) {
			j.detail("not tried: " + tls.VersionName(v) + ": " + show.Cut(err.Error()))
		}
	}

	j.detail("chosen: " + tls.VersionName(s.state.Version) + ", " + tls.CipherSuiteName(s.state.CipherSuite))
}

// keyExchange judges a server that chose RSA key exchange although ECDHE was offered.
func (j *judge) keyExchange(s sight) {
	switch {
	case tlsverify.ForwardSecret(s.state.CipherSuite):
	case s.forward == nil:
		j.add(Versions, Warn,
			"RSA key exchange is preferred to ECDHE, which has forward secrecy: prefer ECDHE (RFC 9325 §4.1)")
	default:
		j.add(Versions, Fail, "only RSA key exchange, without forward secrecy: offer ECDHE (RFC 9325 §4.1)")
	}
}

// refusedVersion tells an answer to the version that was tried from a connection that did not come about.
func refusedVersion(err error) bool {
	_, version := errors.AsType[*tlsverify.VersionError](err)
	_, handshake := errors.AsType[*tlsverify.HandshakeError](err)
	return version || handshake
}
