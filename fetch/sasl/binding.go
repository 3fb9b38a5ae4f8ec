package sasl

import (
	"crypto/tls"
	"strings"

	"github.com/xdg-go/scram"
)

// plusSuffix is behind the name of a mechanism that is bound to the TLS connection.
const plusSuffix = "-PLUS"

// bindings are the channel bindings that the TLS connection has, best first. A server may know only one of
// them, and says nowhere which: tls-exporter (RFC 9266) is what TLS 1.3 asks for, and TLS 1.2 has it only
// together with extended master secrets; tls-server-end-point (RFC 5929) is the server's certificate.
func bindings(state *tls.ConnectionState) []scram.ChannelBinding {
	if state == nil {
		return nil
	}

	var all []scram.ChannelBinding
	for _, make := range []func(*tls.ConnectionState) (scram.ChannelBinding, error){
		scram.NewTLSExporterBinding, scram.NewTLSServerEndpointBinding,
	} {
		// One that can't be made is left out: tls-exporter needs TLS 1.3 or the extended master secret.
		if b, err := make(state); err == nil {
			all = append(all, b)
		}
	}
	return all
}

// IsRebound tells whether next is the same mechanism as last, bound to the connection in another way.
func IsRebound(next, last Mechanism) bool {
	a, okA := next.(*scramExchange)
	b, okB := last.(*scramExchange)
	return okA && okB && a.name == b.name && a.asIs == b.asIs && strings.HasSuffix(a.name, plusSuffix) &&
		a.binding != b.binding
}
