package tlsverify

import (
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
	"time"

	"fetchd/tlsverify/hints"
	"fetchd/tlsverify/internal/show"
)

// Details gives what an error of this package knows beyond its one line, for -v: one line each, peer text
// escaped.
func Details(err error) []string {
	var d interface{ Details() []string }
	if errors.As(err, &d) {
		return d.Details()
	}
	return nil
}

// IdentityError: the certificate is not for the server that the user meant.
type IdentityError struct {
	Want      []string // "DNS-ID mail.example.org"
	Presented []string // as in the certificate, unescaped: "DNS:*.example.org"
	Malformed bool     // a presented name has an embedded NUL: somebody cheats
}

func (e *IdentityError) Error() string { return hints.Text(e.problem(), e.Hint()) }

func (e *IdentityError) problem() string {
	switch {
	case e.Malformed:
		return "certificate has a name with an embedded NUL (" + show.QuoteList(e.Presented) +
			"): this is an attack or a broken server"
	case len(e.Presented) == 0:
		return "certificate names no server, but must be for " + e.wanted()
	}
	return fmt.Sprintf("the certificate is for %s, not for %s",
		show.QuoteList(withoutKinds(e.Presented)), e.wanted())
}

// wanted are the expected names as the user knows them.
func (e *IdentityError) wanted() string {
	names := make([]string, len(e.Want))
	for i, w := range e.Want {
		names[i] = show.Quote(WithoutKind(w))
	}
	return strings.Join(names, " or ")
}

// withoutKinds leaves "DNS:" and "IP:" out of presented names: what they are is plain to see.
func withoutKinds(presented []string) []string {
	names := make([]string, len(presented))
	for i, name := range presented {
		names[i] = strings.TrimPrefix(strings.TrimPrefix(name, "DNS:"), "IP:")
	}
	return names
}

// Hint is the next step.
func (e *IdentityError) Hint() string {
	switch {
	case e.Malformed:
		return "ask the operator before trying again"
	case len(e.Presented) == 0:
		return "ask the operator for a certificate with subjectAltName (fetchd help names)"
	}
	return "check the host name, and set sslcommonname only to a name that the operator confirms"
}

// Details lists all names.
func (e *IdentityError) Details() []string {
	var d []string
	for _, w := range e.Want {
		d = append(d, "expected: "+show.Quote(WithoutKind(w)))
	}
	for _, p := range withoutKinds(e.Presented) {
		d = append(d, "presented: "+show.Quote(p))
	}
	return d
}

// WeakError: a key or signature in the chain can be forged.
type WeakError struct{ Subject, What, Need string }

func (e *WeakError) Error() string {
	problem := fmt.Sprintf("certificate %s is too weak: %s, and %s", show.Quote(e.Subject), e.What, e.Need)
	return hints.Text(problem, e.Hint())
}

// Hint is the next step.
func (e *WeakError) Hint() string {
	return "the operator must replace it (fetchd help strength)"
}

// RevokedError: a certificate was revoked, or what must show that it was not is missing.
type RevokedError struct {
	Subject string
	When    time.Time // zero if it is not known to be revoked
	Why     string
	Next    string // the next step, where it is not known to be revoked
}

func (e *RevokedError) Error() string {
	problem := fmt.Sprintf("certificate %s may be revoked: %s", show.Quote(e.Subject), e.Why)
	if !e.When.IsZero() {
		problem = fmt.Sprintf("certificate %s was revoked on %s (%s)", show.Quote(e.Subject),
			show.Date(e.When), e.Why)
	}
	return hints.Text(problem, e.Hint())
}

// Hint is the next step.
func (e *RevokedError) Hint() string {
	if !e.When.IsZero() {
		return "don't use this server before its operator explains"
	}
	return e.Next
}

// VersionError: no TLS version in common.
type VersionError struct {
	Want   ProtoRange
	Server string // "TLS 1.0", or "" if the server didn't say
}

func (e *VersionError) Error() string {
	server := "the server speaks none of that"
	if e.Server != "" {
		server = "the server chose " + e.Server
	}
	return hints.Text(fmt.Sprintf("no TLS version in common: %s is wanted, %s", e.Want, server), e.Hint())
}

// Hint is the next step.
func (e *VersionError) Hint() string {
	return "ask the operator for TLS 1.2 or newer (fetchd help versions), or see sslproto"
}

// HandshakeError: the TLS handshake failed for a reason without a type of its own: connection lost, time-out,
// or no cipher in common.
type HandshakeError struct{ Err error }

func (e *HandshakeError) Unwrap() error { return e.Err }

func (e *HandshakeError) Error() string {
	return hints.Text("TLS handshake: "+e.problem(), e.Hint())
}

// problem leaves out what net adds to an error: the name of a system call, and addresses.
func (e *HandshakeError) problem() string {
	switch {
	case errors.Is(e.Err, syscall.ECONNRESET), errors.Is(e.Err, syscall.EPIPE):
		return "the server, or something on the way to it, cut the connection"
	case e.Cut():
		return "the server ended the connection"
	}
	problem, _ := hints.Split(e.Err)
	return show.Cut(problem)
}

// Hint is the next step: that of Err where it has one.
func (e *HandshakeError) Hint() string {
	if hint := hints.Of(e.Err); hint != "" {
		return hint
	}
	if e.Cut() {
		return "servers end connections like this when there are too many, or while they are started again;" +
			" if it lasts, check the port"
	}
	return `"fetchd check-tls HOST" shows what the server offers`
}

// ByServer tells whether the server ended the handshake, and not this program for what the server sent.
func (e *HandshakeError) ByServer() bool {
	op, ok := errors.AsType[*net.OpError](e.Err)
	alerted := ok && op.Op == "remote error" // crypto/tls's word
	return alerted || e.Cut() || errors.Is(e.Err, errNoCipher)
}

// Cut tells whether the connection ended during the handshake without a word, which is no verdict on either
// side.
func (e *HandshakeError) Cut() bool {
	return errors.Is(e.Err, io.EOF) || errors.Is(e.Err, io.ErrUnexpectedEOF) ||
		errors.Is(e.Err, syscall.ECONNRESET) || errors.Is(e.Err, syscall.EPIPE) ||
		errors.Is(e.Err, io.ErrClosedPipe) // of net.Pipe
}
