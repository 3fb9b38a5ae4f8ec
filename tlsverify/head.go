package tlsverify

import (
	"crypto/tls"
	"net"
)

// headSize is enough for a mail server's banner, an alert, or the start of a ServerHello.
const headSize = 256

// head keeps the first bytes that the peer sent, to tell what it is if it doesn't speak TLS as expected.
type head struct {
	net.Conn
	first []byte
	over  bool // the handshake is: nothing is kept any more
}

// Read is called by the handshake alone until that is over, and nobody looks at first afterwards: it needs no
// lock.
func (h *head) Read(b []byte) (int, error) {
	n, err := h.Conn.Read(b)
	if room := headSize - len(h.first); !h.over && room > 0 && n > 0 {
		h.first = append(h.first, b[:min(n, room)]...)
	}
	return n, err
}

// end forgets what was kept: the connection may last for days.
func (h *head) end() { h.first, h.over = nil, true }

const (
	recordAlert     = 21
	recordHandshake = 22
	serverHello     = 2

	alertHandshakeFailure = 40
	alertProtocolVersion  = 70
)

// alert gives the description of an alert that was the first thing the peer sent (RFC 8446 §6).
func (h *head) alert() (byte, bool) {
	if len(h.first) < 7 || h.first[0] != recordAlert {
		return 0, false
	}
	return h.first[6], true
}

// version gives the version that a ServerHello up to TLS 1.2 chose, as seen on the wire.
func (h *head) version() (uint16, bool) {
	const at = 5 + 4 // record header, handshake header
	if len(h.first) < at+2 || h.first[0] != recordHandshake || h.first[5] != serverHello {
		return 0, false
	}
	return uint16(h.first[at])<<8 | uint16(h.first[at+1]), true
}

// tooOld reports whether the peer turned out to speak none of the versions in r; server is 0 if it didn't say
// which.
func (h *head) tooOld(r ProtoRange) (server uint16, old bool) {
	if a, ok := h.alert(); ok {
		return 0, a == alertProtocolVersion
	}
	v, ok := h.version()
	if !ok {
		return 0, false
	}
	// A ServerHello of TLS 1.3 says 1.2 in its old place (RFC 8446 §4.1.3).
	outside := v < r.Min && !(r.Min == tls.VersionTLS13 && v == tls.VersionTLS12 && h.tls13())
	return v, outside
}

// tls13 looks for the extension supported_versions (RFC 8446 §4.2.1), which makes a ServerHello one of 1.3.
func (h *head) tls13() bool {
	const session = 5 + 4 + 2 + 32 // record header, handshake header, version, random
	b := h.first
	if len(b) <= session {
		return false
	}

	// Behind the session id, the cipher, the compression and the length of the extensions.
	at := session + 1 + int(b[session]) + 2 + 1 + 2
	for at+4 <= len(b) {
		if b[at] == 0 && b[at+1] == 43 {
			return true
		}
		at += 4 + int(b[at+2])<<8 + int(b[at+3])
	}

	return false
}
