package tlsverify

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
	"sync"
	"time"

	"fetchd/tlsverify/internal/show"
)

// CheckOptions say which server is to be judged, and how it is reached.
type CheckOptions struct {
	Host    string // the reference identity, and what is resolved unless Via
	Via     string // dialled instead of Host; "" = Host
	Port    int    // 0 = the protocol's default
	Proto   string // imap, pop3, smtp, submission, lmtp or sieve
	Wrapped bool   // TLS from the first byte; else STARTTLS
	Policy  Options

	Dial    func(ctx context.Context, network, addr string) (net.Conn, error) // nil = net.Dialer
	Resolve func(ctx context.Context, host string) ([]netip.Addr, error)      // nil = the system's resolver
	Timeout time.Duration                                                     // of each connection; 0 = 15 s
}

const (
	defaultCheckTimeout = 15 * time.Second
	maxAddresses        = 16
)

// checker is a server check under way.
type checker struct {
	o      CheckOptions
	d      dialect
	strict *Policy // as the account demands
	bare   *Policy // the same without pins
	alone  bool    // the account's pins stand alone, and then only the server's own key counts
	now    time.Time
}

func newChecker(o CheckOptions) (*checker, error) {
	d, err := dialectOf(o.Proto)
	if err != nil {
		return nil, err
	}
	if o.Policy.Host == "" {
		o.Policy.Host = o.Host
	}
	o.Policy.Protocol, o.Policy.StartTLS = d.name, !o.Wrapped
	if o.Via == "" {
		o.Via = o.Host
	}
	if o.Port == 0 {
		o.Port = d.port(o.Wrapped)
	}
	if o.Timeout == 0 {
		o.Timeout = defaultCheckTimeout
	}
	o.fillHooks()
	alone := o.Policy.NoCheck
	o.Policy.NoCheck, o.Policy.KeyPass = false, onlyOnce(o.Policy.KeyPass) // a pin that stands alone is judged as an item
	strict, err := New(o.Policy)
	if err != nil {
		return nil, err
	}
	o.Policy.Pins, o.Policy.Fingerprints = nil, nil
	bare, err := New(o.Policy)
	if err != nil {
		return nil, err
	}
	return &checker{o, d, strict, bare, alone, strict.now()}, nil
}

// onlyOnce keeps a user from being asked twice for the pass phrase of a client certificate.
func onlyOnce(ask func() (string, error)) func() (string, error) {
	if ask == nil {
		return nil
	}
	return sync.OnceValues(ask)
}

func (o *CheckOptions) fillHooks() {
	if o.Dial == nil {
		o.Dial = new(net.Dialer).DialContext
	}
	if o.Resolve == nil {
		o.Resolve = func(ctx context.Context, host string) ([]netip.Addr, error) {
			return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
		}
	}
}

// CheckServer goes through the check-list of docs/server-checklist.md with each address of a server. No credentials
// are sent: on each connection there are at most a greeting, the capabilities, STARTTLS, one no-op and the farewell.
// An error means that nothing could be judged; what is wrong with the server is in the report.
func CheckServer(ctx context.Context, o CheckOptions) (*Report, error) {
	c, err := newChecker(o)
	if err != nil {
		return nil, err
	}
	addrs, err := c.addresses(ctx)
	if err != nil {
		return nil, err
	}
	seen := make([]sight, len(addrs))
	var wg sync.WaitGroup
	for i, a := range addrs {
		wg.Go(func() { seen[i] = c.look(ctx, a) })
	}
	wg.Wait()
	if err := ctx.Err(); err != nil {
		return nil, show.Fail("try again", "check %s: %w", show.Quote(o.Host), err)
	}
	return c.report(seen), nil
}

// Look connects once and tells what is there, for showing a certificate and its pin. judgement is why the policy would
// refuse the server, or nil; err is why there is no Verdict.
func Look(ctx context.Context, o CheckOptions) (v *Verdict, judgement, err error) {
	c, err := newChecker(o)
	if err != nil {
		return nil, nil, err
	}
	addrs, err := c.addresses(ctx)
	if err != nil {
		return nil, nil, err
	}
	var problems []error
	for _, a := range addrs {
		s := c.see(ctx, a)
		if s.state != nil {
			v := c.verdict()
			return v, c.strict.verify(*s.state, v), nil
		}
		problems = append(problems, fmt.Errorf("%s: %w", a, s.err))
	}
	return nil, nil, errors.Join(problems...)
}

func (c *checker) trusts(s sight) bool { return c.bare.verify(*s.state, c.verdict()) == nil }

func (c *checker) verdict() *Verdict { return &Verdict{Host: c.strict.name(), now: c.now} }

// addresses are all that a client could be sent to by load balancing.
func (c *checker) addresses(ctx context.Context) ([]netip.Addr, error) {
	if ip, err := netip.ParseAddr(unbracket(c.o.Via)); err == nil {
		return []netip.Addr{ip}, nil
	}
	name, err := hostName(c.o.Via)
	if err != nil {
		return nil, show.Fail("write a host name or an address", "host %s: %w", show.Quote(c.o.Via), err)
	}
	addrs, err := c.o.Resolve(ctx, name)
	if err != nil {
		return nil, show.Fail("check the host name", "host %s: %w", show.Quote(name), bare(err))
	}
	var unique []netip.Addr
	seen := map[netip.Addr]bool{}
	for _, a := range addrs {
		if a = a.Unmap(); !seen[a] && len(unique) < maxAddresses {
			seen[a] = true
			unique = append(unique, a)
		}
	}
	if len(unique) == 0 {
		return nil, show.Fail("check the host name", "resolve %s: no address", show.Quote(name))
	}
	return unique, nil
}

func unbracket(s string) string {
	if len(s) > 2 && s[0] == '[' && s[len(s)-1] == ']' {
		return s[1 : len(s)-1]
	}
	return s
}

// sight is what was seen at one address.
type sight struct {
	addr     netip.Addr
	err      error // no TLS came about
	state    *tls.ConnectionState
	start    startTLS
	versions [len(checkedVersions)]error // nil = offered
	inject   injection
}

type injection struct {
	tried, answered bool
}

var checkedVersions = [...]uint16{tls.VersionTLS10, tls.VersionTLS11, tls.VersionTLS12, tls.VersionTLS13}

func (c *checker) look(ctx context.Context, a netip.Addr) sight {
	s := c.see(ctx, a)
	if s.state == nil {
		return s
	}
	for i, v := range checkedVersions {
		_, s.versions[i] = c.connect(ctx, a, ProtoRange{v, v}, &startTLS{}, nil)
	}
	if !c.o.Wrapped {
		s.inject = c.inject(ctx, a)
	}
	return s
}

func (c *checker) see(ctx context.Context, a netip.Addr) sight {
	s := sight{addr: a}
	s.state, s.err = c.connect(ctx, a, ProtoRange{Min: tls.VersionTLS10}, &s.start, nil)
	return s
}

func (c *checker) inject(ctx context.Context, a netip.Addr) injection {
	var in injection
	_, _ = c.connect(ctx, a, ProtoRange{Min: tls.VersionTLS10}, &startTLS{}, &in)
	return in
}

// connect makes one connection, goes into TLS and ends it. Nothing is verified, but nothing is said either that the
// wrong server may not know.
func (c *checker) connect(ctx context.Context, a netip.Addr, r ProtoRange, s *startTLS, in *injection) (*tls.ConnectionState, error) {
	ctx, cancel := context.WithTimeout(ctx, c.o.Timeout)
	defer cancel()
	conn, err := c.o.Dial(ctx, "tcp", net.JoinHostPort(a.String(), strconv.Itoa(c.o.Port)))
	if err != nil {
		return nil, show.Fail("check host and port", "port %d: %w", c.o.Port, bare(err))
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	under := conn
	if !c.o.Wrapped {
		t := newTalk(c.d, conn)
		var more []string
		if in != nil {
			more = []string{c.d.noop}
		}
		if *s, err = t.upgrade(more...); err != nil {
			return nil, err
		}
		if s.early > 0 {
			return nil, fmt.Errorf("%d bytes of clear text after the answer to %s", s.early, c.d.offer)
		}
		under = unread{conn, t.r}
	}
	return c.handshake(ctx, under, r, in)
}

// bare takes away what an error of package net says of its address, which we name ourselves.
func bare(err error) error {
	var dns *net.DNSError
	if errors.As(err, &dns) {
		return errors.New(dns.Err)
	}
	var op *net.OpError
	if errors.As(err, &op) {
		err = op.Err
	}
	var call *os.SyscallError
	if errors.As(err, &call) {
		err = call.Err
	}
	return err
}

func (c *checker) handshake(ctx context.Context, conn net.Conn, r ProtoRange, in *injection) (*tls.ConnectionState, error) {
	p := &Policy{
		opt:  Options{NoCheck: true, Now: c.o.Policy.Now, ALPN: c.o.Policy.ALPN, Protocol: c.o.Policy.Protocol, StartTLS: c.o.Policy.StartTLS},
		refs: c.strict.refs, proto: r, client: c.strict.client, strict: c.strict, ready: true,
	}
	if in != nil {
		in.tried = true
	}
	tc, v, err := p.Client(ctx, conn)
	if err != nil && v != nil && v.strange != nil && v.asked != noDemand { // it has shown what there is to judge
		return &v.state, nil
	}
	if err != nil {
		return nil, err
	}
	state := tc.ConnectionState()
	switch {
	case in != nil:
		in.answered, err = newTalk(c.d, tc).injected()
		return &state, err
	case v.asked != noDemand && v.strange == nil:
		if err := v.Explain(newTalk(c.d, tc).farewell()); err != nil {
			return nil, &HandshakeError{Err: err}
		}
	}
	_ = tc.Close() // politeness; conn is closed by connect
	return &state, nil
}
