package tlsverify

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
)

// ErrProtocolName is in the error of a handshake that the server ended because it knows none of the names of
// protocols that were offered (ALPN, RFC 7301): proxies that are made for the web know only the web's. They
// are not offered to it again, so that another handshake may succeed at once. Nothing depends on them: the
// server proves who it is all the same.
var ErrProtocolName = errors.New("the server knows none of the protocol names that it was offered")

const alertNoApplicationProtocol = 120

// protocolNames are what is offered to the server: none after it has ended a handshake because of them.
func (p *Policy) protocolNames() []string {
	p.mu.Lock()
	defer p.mu.Unlock()

	if p.nameless {
		return nil
	}
	return p.opt.ALPN
}

// withoutNames leaves the names out from now on if it is because of them that a handshake with o failed, and
// gives the error that says so.
func (p *Policy) withoutNames(err error, o Offer) error {
	if len(o.names) == 0 || remoteAlert(err) != tls.AlertError(alertNoApplicationProtocol).Error() {
		return err
	}

	p.mu.Lock()
	defer p.mu.Unlock()

	p.nameless = true
	return fmt.Errorf("%w (%w)", ErrProtocolName, err)
}

// remoteAlert is the alert of the peer that err is, in words; "" = it is none. crypto/tls has no type for
// one; this is how it marks it.
func remoteAlert(err error) string {
	op, ok := errors.AsType[*net.OpError](err)
	if !ok || op.Op != "remote error" {
		return ""
	}
	return op.Err.Error()
}
