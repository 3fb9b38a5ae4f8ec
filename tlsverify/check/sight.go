package check

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"

	"fetchd/tlsverify"
	"fetchd/tlsverify/hints"
)

// sight is what was seen at one address.
type sight struct {
	addr     netip.Addr
	err      error // no TLS came about
	nameless error // it came about only without a protocol's name; nil = with it
	state    *tls.ConnectionState
	start    startTLS
	versions [len(checkedVersions)]error // nil = offered
	inject   injection
	forward  error // where RSA key exchange was chosen: why there is no TLS without it; nil = there is
}

// certificate tells whether there is one to judge.
func (s sight) certificate() bool { return s.state != nil && len(s.state.PeerCertificates) > 0 }

// lacksCipher tells whether the server speaks TLS, and no cipher suite that this program has.
func (s sight) lacksCipher() bool {
	_, is := errors.AsType[*tlsverify.SuiteError](s.err)
	return is
}

// injection is what became of a command that was sent in clear text before TLS.
type injection struct {
	tried, answered bool
}

var checkedVersions = [...]uint16{tls.VersionTLS10, tls.VersionTLS11, tls.VersionTLS12, tls.VersionTLS13}

// everything is what a first connection offers, so that old servers are seen too.
var everything = tlsverify.Offer{Versions: tlsverify.ProtoRange{Min: tls.VersionTLS10}, RSA: true}

// examine makes all connections to one address.
func (c *checker) examine(ctx context.Context, a netip.Addr) sight {
	s := c.see(ctx, a)
	// Where no TLS came about at all, further tries would only take their time-outs.
	if s.state == nil {
		return s
	}

	for i, v := range checkedVersions {
		only := tlsverify.Offer{Versions: tlsverify.ProtoRange{Min: v, Max: v}, RSA: true}
		// One connection for each version: a server says only which one it chooses.
		_, s.versions[i] = c.connect(ctx, a, only, &startTLS{}, nil)
	}

	if !tlsverify.ForwardSecret(s.state.CipherSuite) {
		_, s.forward = c.connect(ctx, a, tlsverify.Offer{Versions: everything.Versions}, &startTLS{}, nil)
	}
	if !c.o.Wrapped {
		_, _ = c.connect(ctx, a, everything, &startTLS{}, &s.inject)
	}

	return s
}

// see makes one connection, and another one where the two sides have no cipher in common.
func (c *checker) see(ctx context.Context, a netip.Addr) sight {
	s := sight{addr: a}
	s.state, s.err = c.connect(ctx, a, everything, &s.start, nil)
	if errors.Is(s.err, tlsverify.ErrProtocolName) {
		s.nameless = s.err
		s.state, s.err = c.connect(ctx, a, everything, &s.start, nil)
	}

	// What this program found wrong has nothing to do with ciphers, and must not be hidden.
	if failure, ok := errors.AsType[*tlsverify.HandshakeError](s.err); ok && failure.ByServer() {
		err := c.converse(ctx, a, &startTLS{}, nil, c.strict.ProbeUnsupported)
		if suite, ok := errors.AsType[*tlsverify.SuiteError](err); ok {
			s.err = suite
		}
	}
	return s
}

// connect makes one connection, goes into TLS and ends it. Nothing is verified, but nothing is said either
// that the wrong server may not know. With in, a command is sent in clear text before TLS.
func (c *checker) connect(ctx context.Context, a netip.Addr, o tlsverify.Offer, s *startTLS,
	in *injection) (state *tls.ConnectionState, err error) {
	err = c.converse(ctx, a, s, in, func(ctx context.Context, conn net.Conn) (err error) {
		state, err = c.handshake(ctx, conn, o, in)
		return err
	})
	return state, err
}

// converse makes one connection, up to where TLS begins, does what shake does there and ends it.
func (c *checker) converse(ctx context.Context, a netip.Addr, s *startTLS, in *injection,
	shake func(context.Context, net.Conn) error) error {
	limited, cancel := context.WithTimeout(ctx, c.o.Timeout)
	defer cancel()

	err := c.approach(limited, a, s, in, shake)
	if err != nil && limited.Err() != nil && ctx.Err() == nil {
		return hints.Errorf("check host and port, and whether this port begins with TLS "+
			"(--tls) or in clear "+
			"text (--starttls)", "no answer within %v", c.o.Timeout)
	}
	return err
}

// approach is converse without its time limit.
func (c *checker) approach(ctx context.Context, a netip.Addr, s *startTLS, in *injection,
	shake func(context.Context, net.Conn) error) error {
	conn, err := c.o.Dial(ctx, "tcp", net.JoinHostPort(a.String(), strconv.Itoa(c.o.Port)))
	if err != nil {
		return hints.Errorf("check host and port", "port %d: %w", c.o.Port, withoutAddress(err))
	}
	defer conn.Close()

	// Closing is what wakes a read that is under way.
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()

	under := conn
	if !c.o.Wrapped {
		t := newTalk(c.d, conn)
		var more []string
		if in != nil {
			more = []string{c.d.noop}
		}
		// The injected command goes into the same segment as STARTTLS, as an attacker's would.
		if *s, err = t.upgrade(more...); err != nil {
			return err
		}
		if s.early > 0 {
			return fmt.Errorf("%d bytes of clear text after the answer to %s", s.early, c.d.offer)
		}
		under = unread{conn, t.r}
	}

	return shake(ctx, under)
}

func (c *checker) handshake(ctx context.Context, conn net.Conn, o tlsverify.Offer, in *injection) (
	*tls.ConnectionState, error) {
	if in != nil {
		in.tried = true
	}

	seen, err := c.strict.Probe(ctx, conn, o)
	if err != nil {
		return nil, err
	}
	if seen.Conn == nil { // it has shown what there is to judge
		return &seen.State, nil
	}

	state := seen.Conn.ConnectionState()
	switch {
	case in != nil:
		in.answered, err = newTalk(c.d, seen.Conn).injected()
		return &state, err
	case seen.Demanded():
		// With TLS 1.3 a server says only now that it refuses the client's certificate.
		if err := seen.Explain(newTalk(c.d, seen.Conn).farewell()); err != nil {
			return nil, &tlsverify.HandshakeError{Err: err}
		}
	}

	_ = seen.Conn.Close() // politeness; conn is closed by connect
	return &state, nil
}

// withoutAddress takes away what an error of package net says of its address, which we name ourselves.
func withoutAddress(err error) error {
	if dns, ok := errors.AsType[*net.DNSError](err); ok {
		return errors.New(dns.Err)
	}
	if op, ok := errors.AsType[*net.OpError](err); ok {
		err = op.Err
	}
	if call, ok := errors.AsType[*os.SyscallError](err); ok {
		err = call.Err
	}
	return err
}
