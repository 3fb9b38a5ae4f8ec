package tlsverify

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"

	"golang.org/x/crypto/cryptobyte"

	"fetchd/tlsverify/hints"
)

// unsupported are cipher suites that crypto/tls does not have, or that are not offered by it here, the best
// first. Servers that are set up for old programs may have no other.
var unsupported = []struct {
	id   uint16
	name string
}{
	{0x009f, "DHE_RSA_WITH_AES_256_GCM_SHA384"}, {0x009e, "DHE_RSA_WITH_AES_128_GCM_SHA256"},
	{0xccaa, "DHE_RSA_WITH_CHACHA20_POLY1305_SHA256"},
	{0x006b, "DHE_RSA_WITH_AES_256_CBC_SHA256"}, {0x0067, "DHE_RSA_WITH_AES_128_CBC_SHA256"},
	{0x0039, "DHE_RSA_WITH_AES_256_CBC_SHA"}, {0x0033, "DHE_RSA_WITH_AES_128_CBC_SHA"},
	{0x0088, "DHE_RSA_WITH_CAMELLIA_256_CBC_SHA"}, {0x0045, "DHE_RSA_WITH_CAMELLIA_128_CBC_SHA"},
	{0x00a3, "DHE_DSS_WITH_AES_256_GCM_SHA384"}, {0x0038, "DHE_DSS_WITH_AES_256_CBC_SHA"},
	{0x0032, "DHE_DSS_WITH_AES_128_CBC_SHA"},
	{0xc028, "ECDHE_RSA_WITH_AES_256_CBC_SHA384"}, {0xc024, "ECDHE_ECDSA_WITH_AES_256_CBC_SHA384"},
	{0xc027, "ECDHE_RSA_WITH_AES_128_CBC_SHA256"}, {0xc023, "ECDHE_ECDSA_WITH_AES_128_CBC_SHA256"},
	{0x003d, "RSA_WITH_AES_256_CBC_SHA256"}, {0x003c, "RSA_WITH_AES_128_CBC_SHA256"},
	{0x0084, "RSA_WITH_CAMELLIA_256_CBC_SHA"}, {0x0041, "RSA_WITH_CAMELLIA_128_CBC_SHA"},
	{0xc012, "ECDHE_RSA_WITH_3DES_EDE_CBC_SHA"}, {0x0016, "DHE_RSA_WITH_3DES_EDE_CBC_SHA"},
	{0x000a, "RSA_WITH_3DES_EDE_CBC_SHA"}, {0xc011, "ECDHE_RSA_WITH_RC4_128_SHA"},
	{0x0005, "RSA_WITH_RC4_128_SHA"}, {0x0004, "RSA_WITH_RC4_128_MD5"},
}

// SuiteError is a server that has no cipher suite in common with this program, and what it chose of others.
type SuiteError struct {
	Version uint16 // of TLS
	Suite   string // as IANA names it, without "TLS_"
}

func (e *SuiteError) Error() string { return hints.Text(e.problem(), e.Hint()) }

func (e *SuiteError) problem() string {
	return fmt.Sprintf("nothing that fetchd has; of other ciphers the server chose %s, %s",
		tls.VersionName(e.Version), e.Suite)
}

// Hint is the next step.
func (e *SuiteError) Hint() string {
	return "ask the operator for TLS 1.2 or newer with ECDHE and AES-GCM (fetchd help versions)"
}

// ProbeUnsupported offers a server with which no handshake came about the ciphers that this program does not
// have, to tell what it has. The handshake is not finished: close conn, also to end the wait. The error is a
// *SuiteError if the server chose one of them.
func (p *Policy) ProbeUnsupported(ctx context.Context, conn net.Conn) error {
	if p == nil || !p.ready {
		return errNoPolicy
	}

	hello, err := clientHello(p.sni())
	if err != nil {
		return err
	}
	if _, err := conn.Write(hello); err != nil {
		return err
	}

	record := make([]byte, 5)
	if _, err := io.ReadFull(conn, record); err != nil {
		return err
	}
	if record[0] != recordHandshake {
		return errors.New("the server chose no cipher at all")
	}
	answer := make([]byte, int(record[3])<<8|int(record[4])) // 64 KB at most
	if _, err := io.ReadFull(conn, answer); err != nil {
		return err
	}
	return parseServerHello(answer)
}

// parseServerHello reads the beginning of a ServerHello (RFC 5246 §7.4.1.3), and returns what it chose as a
// *SuiteError.
func parseServerHello(b []byte) error {
	in := cryptobyte.String(b)
	var kind uint8
	var version, suite uint16
	var body, session cryptobyte.String
	ok := in.ReadUint8(&kind) && kind == serverHello && in.ReadUint24LengthPrefixed(&body) &&
		body.ReadUint16(&version) && body.Skip(32) && // the random
		body.ReadUint8LengthPrefixed(&session) && body.ReadUint16(&suite)
	if !ok {
		return errors.New("the server's answer is no ServerHello")
	}

	for _, s := range unsupported {
		if s.id == suite {
			return &SuiteError{Version: version, Suite: s.name}
		}
	}
	return errors.New("the server chose a cipher that was not offered")
}

// clientHello is a record with a ClientHello (RFC 5246 §7.4.1.2) up to TLS 1.2 for those ciphers; name is
// the server's, "" = none.
func clientHello(name string) ([]byte, error) {
	random := make([]byte, 32)
	if _, err := rand.Read(random); err != nil {
		return nil, err
	}

	var b cryptobyte.Builder
	b.AddUint8(recordHandshake)
	b.AddUint16(tls.VersionTLS10) // old servers want an old one here
	b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) {
		b.AddUint8(1) // ClientHello
		b.AddUint24LengthPrefixed(func(b *cryptobyte.Builder) {
			b.AddUint16(tls.VersionTLS12)
			b.AddBytes(random)
			b.AddUint8(0) // no session
			b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) {
				for _, s := range unsupported {
					b.AddUint16(s.id)
				}
			})
			b.AddUint8LengthPrefixed(func(b *cryptobyte.Builder) { b.AddUint8(0) }) // no compression
			b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) { addExtensions(b, name) })
		})
	})
	return b.Bytes()
}

// addExtensions adds those that servers need to choose a cipher and a certificate.
func addExtensions(b *cryptobyte.Builder, name string) {
	extension := func(id uint16, add func(*cryptobyte.Builder)) {
		b.AddUint16(id)
		b.AddUint16LengthPrefixed(add)
	}
	list := func(values ...uint16) func(*cryptobyte.Builder) {
		return func(b *cryptobyte.Builder) {
			b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) {
				for _, v := range values {
					b.AddUint16(v)
				}
			})
		}
	}

	if name != "" {
		extension(0, func(b *cryptobyte.Builder) { // server_name, RFC 6066 §3
			b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) {
				b.AddUint8(0)
				b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes([]byte(name)) })
			})
		})
	}
	// supported_groups, RFC 8422 §5.1 and RFC 7919: X25519, P-256, P-384, P-521, ffdhe2048 to ffdhe4096
	extension(10, list(29, 23, 24, 25, 256, 257, 258))
	extension(11, func(b *cryptobyte.Builder) { // ec_point_formats: uncompressed
		b.AddUint8LengthPrefixed(func(b *cryptobyte.Builder) { b.AddUint8(0) })
	})
	// signature_algorithms, RFC 5246 §7.4.1.4.1: RSA-PSS, RSA, ECDSA and DSA with SHA-2 and SHA-1
	extension(13, list(0x0804, 0x0805, 0x0806, 0x0401, 0x0501, 0x0601, 0x0403, 0x0503, 0x0603, 0x0402,
		0x0201, 0x0203, 0x0202))
}
