package tlsverify

import (
	"crypto/tls"
	"slices"
)

// Offer is what a handshake offers to the server.
type Offer struct {
	Versions ProtoRange
	RSA      bool // RSA key exchange too, which has no forward secrecy, for servers that have nothing better

	names []string // of protocols
}

// offer is what the policy lets in: a range with versions that are no longer safe is for old servers, and
// these often lack ECDHE.
func (p *Policy) offer() Offer {
	return Offer{p.proto, p.proto.Min < tls.VersionTLS12, p.protocolNames()}
}

// rsaKeyExchange are cipher suites of TLS 1.2 and older with a cipher that is still good.
var rsaKeyExchange = [...]uint16{
	tls.TLS_RSA_WITH_AES_128_GCM_SHA256, tls.TLS_RSA_WITH_AES_256_GCM_SHA384,
	tls.TLS_RSA_WITH_AES_128_CBC_SHA, tls.TLS_RSA_WITH_AES_256_CBC_SHA,
}

// suites are nil for those of crypto/tls, which has an order of its own: the RSA ones come last.
func (o Offer) suites() []uint16 {
	if !o.RSA {
		return nil
	}
	var all []uint16
	for _, s := range tls.CipherSuites() {
		all = append(all, s.ID)
	}
	return append(all, rsaKeyExchange[:]...)
}

// ForwardSecret tells whether what a cipher suite protects stays secret when the server's key becomes known
// later.
func ForwardSecret(suite uint16) bool { return !slices.Contains(rsaKeyExchange[:], suite) }
