// Package check judges a server's TLS for its operator and its users, and finds servers by SRV records.
//
// Server goes through the check-list of docs/server-checklist.md and gives a Report; ShowServer shows one
// server's certificate; Discover lists where a domain's services are. What is right and wrong is decided by
// package tlsverify; the connections are made here, through the hooks given to it or a plain net.Dialer, and
// no credentials are ever sent.
package check

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"fetchd/tlsverify"
	"fetchd/tlsverify/hints"
	"fetchd/tlsverify/internal/show"
)

// Options say which server is to be judged, and how it is reached.
type Options struct {
	Host    string // the reference identity, and what is resolved unless Via
	Via     string // dialled instead of Host; "" = Host
	Port    int    // 0 = the protocol's default
	Proto   string // imap, pop3, smtp, submission, lmtp or sieve
	Wrapped bool   // TLS from the first byte; else STARTTLS
	Policy  tlsverify.Options

	Dial    func(ctx context.Context, network, addr string) (net.Conn, error) // nil = net.Dialer
	Resolve func(ctx context.Context, host string) ([]netip.Addr, error)      // nil = the system's resolver
	Timeout time.Duration                                                     // of each connection; 0 = 15 s
}

const (
	defaultTimeout = 15 * time.Second
	maxAddresses   = 16 // of one name that are checked
)

// checker is a server check under way.
type checker struct {
	o       Options
	d       dialect
	strict  *tlsverify.Policy // as the account demands
	pinless *tlsverify.Policy // the same without pins
	proof   *tlsverify.Policy // what the account takes for a proof: a pin may stand alone
	pinned  bool              // the account has pins
	alone   bool              // they stand alone, and then only the server's own key counts
	now     time.Time
}

func newChecker(o Options) (*checker, error) {
	d, err := dialectOf(o.Proto)
	if err != nil {
		return nil, err
	}

	o.fillDefaults(d)

	c := &checker{o: o, d: d, alone: o.Policy.NoCheck,
		pinned: len(o.Policy.Pins)+len(o.Policy.Fingerprints) > 0}
	policy := o.Policy
	policy.Protocol, policy.StartTLS = d.name, !o.Wrapped
	policy.NoCheck = false // chain and name are items of the list also where a pin stands alone
	policy.KeyPass = askOnce(policy.KeyPass)
	if c.strict, err = tlsverify.New(policy); err != nil {
		return nil, err
	}

	policy.NoCheck = c.alone && c.pinned
	if c.proof, err = tlsverify.New(policy); err != nil {
		return nil, err
	}

	policy.NoCheck, policy.Pins, policy.Fingerprints = false, nil, nil
	if c.pinless, err = tlsverify.New(policy); err != nil {
		return nil, err
	}

	c.now = c.strict.Now()
	return c, nil
}

func (o *Options) fillDefaults(d dialect) {
	if o.Policy.Host == "" {
		o.Policy.Host = o.Host
	}
	if o.Via == "" {
		o.Via = o.Host
	}
	if o.Port == 0 {
		o.Port = d.port(o.Wrapped)
	}
	if o.Timeout == 0 {
		o.Timeout = defaultTimeout
	}

	if o.Dial == nil {
		o.Dial = new(net.Dialer).DialContext
	}
	if o.Resolve == nil {
		o.Resolve = func(ctx context.Context, host string) ([]netip.Addr, error) {
			return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
		}
	}
}

// askOnce keeps a user from being asked twice for the pass phrase of a client certificate.
func askOnce(ask func() (string, error)) func() (string, error) {
	if ask == nil {
		return nil
	}
	return sync.OnceValues(ask)
}

// Server goes through the check-list of docs/server-checklist.md with each address of a server. No
// credentials are sent: on each connection there are at most a greeting, the capabilities, STARTTLS, one
// no-op and the farewell. An error means that nothing could be judged; what is wrong with the server is in
// the report.
func Server(ctx context.Context, o Options) (*Report, error) {
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
		// All addresses at once: one that does not answer costs the whole time-out.
		wg.Go(func() { seen[i] = c.examine(ctx, a) })
	}

	wg.Wait()

	// A check that was cut short would blame the server for what we did not ask.
	if err := ctx.Err(); err != nil {
		return nil, hints.Errorf("try again", "check %s: %w", show.Quote(o.Host), err)
	}

	return c.report(seen), nil
}

// ShowServer connects once and tells what is there, for showing a certificate and its pin. judgement is why
// the policy would refuse the server, or nil; err is why there is no Verdict.
func ShowServer(ctx context.Context, o Options) (v *tlsverify.Verdict, judgement, err error) {
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
			v, judgement := c.strict.Judge(*s.state)
			return v, judgement, nil
		}
		problems = append(problems, fmt.Errorf("%s: %w", a, s.err))
	}

	return nil, nil, errors.Join(problems...)
}

// addresses are all that a client could be sent to by load balancing.
func (c *checker) addresses(ctx context.Context) ([]netip.Addr, error) {
	if ip, err := netip.ParseAddr(unbracket(c.o.Via)); err == nil {
		return []netip.Addr{ip}, nil
	}

	name, err := tlsverify.HostName(c.o.Via)
	if err != nil {
		return nil, hints.Errorf("write a host name or an address", "host %s: %w", show.Quote(c.o.Via), err)
	}

	addrs, err := c.o.Resolve(ctx, name)
	if err != nil {
		return nil, hints.Errorf("check the host name", "host %s: %w", show.Quote(name), withoutAddress(err))
	}

	var unique []netip.Addr
	seen := map[netip.Addr]bool{}
	for _, a := range addrs {
		// An IPv4 address in IPv6 notation is the same machine.
		if a = a.Unmap(); !seen[a] && len(unique) < maxAddresses {
			seen[a] = true
			unique = append(unique, a)
		}
	}

	if len(unique) == 0 {
		return nil, hints.Errorf("check the host name", "resolve %s: no address", show.Quote(name))
	}

	return unique, nil
}

func unbracket(s string) string {
	if len(s) > 2 && s[0] == '[' && s[len(s)-1] == ']' {
		return s[1 : len(s)-1]
	}
	return s
}
