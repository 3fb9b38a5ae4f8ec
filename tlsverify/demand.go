package tlsverify

import (
	"crypto/tls"
	"time"

	"fetchd/tlsverify/hints"
	"fetchd/tlsverify/internal/show"
)

// clientDemand says what became of a server's request for a client certificate.
type clientDemand struct{ state, hint string }

var (
	noDemand         clientDemand
	clientMissing    = clientDemand{"and there is none", "name one with sslcert and sslkey"}
	clientWithheld   = clientDemand{state: "and is not shown it, because it is not trusted itself"}
	clientUnaccepted = clientDemand{"and does not accept that of sslcert",
		"add its issuers to that file if they are missing, or ask the operator for another"}
)

// clientExpired is clientUnaccepted where our own certificate is to blame.
func clientExpired(end time.Time) clientDemand {
	return clientDemand{"and does not accept that of sslcert, which expired on " + show.Date(end),
		"get a new one"}
}

// answer gives the certificate for a server that asks for one: an empty one if there is none, or if the
// server is refused.
func (d *clientDemand) answer(client *tls.Certificate, refusal error, now time.Time) *tls.Certificate {
	*d = clientUnaccepted // which is reported only if the server refuses us all the same
	switch {
	case client == nil:
		*d = clientMissing
	case refusal != nil:
		*d = clientWithheld
	case now.After(client.Leaf.NotAfter):
		*d = clientExpired(client.Leaf.NotAfter)
		return client
	default:
		return client
	}
	// Empty, not an error: servers that merely may see a certificate go on without one.
	return &tls.Certificate{}
}

// explain gives err its cause if the server refuses the client's certificate.
func (d clientDemand) explain(err error) error {
	if d == noDemand || remoteAlert(err) == "" {
		return err
	}
	return hints.Errorf(d.hint, "the server asked for a client certificate %s (%w)", d.state, err)
}

// Explain gives err, of the handshake or of the first read after it, its cause if the server refuses the
// client's certificate: with TLS 1.3 a server says so only then (RFC 8446 §4.4.2.4).
func (v *Verdict) Explain(err error) error {
	if v == nil {
		return err
	}
	return v.demand.explain(err)
}
