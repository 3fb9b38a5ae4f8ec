package account

import (
	"context"
	"errors"
	"fmt"

	"fetchd/fetch"
	"fetchd/rcfile"
	"fetchd/tlsverify"
	"fetchd/tlsverify/check"
)

// setDiscovery makes the account find its server by SRV records (RFC 6186), again for each connection.
func (r *Resolver) setDiscovery(a *fetch.Account, poll *rcfile.Poll, u *rcfile.User) error {
	o, err := r.TrustOptions(a, u)
	if err != nil {
		return err
	}

	protos := []string{"imap", "pop3"}
	switch a.Protocol {
	case fetch.IMAP:
		protos = protos[:1]
	case fetch.POP3:
		protos = protos[1:]
	}

	// The records are asked for at each connection, not once: an operator who moves a service changes them.
	a.Connect = func(ctx context.Context, a *fetch.Account) (fetch.Session, error) {
		targets, err := check.Discover(ctx, r.env.DNS, poll.Name, protos)
		if err != nil {
			return nil, fetch.Fail(fetch.KindNetwork, err)
		}

		var errs []error
		for _, t := range targets {
			s, err := r.connectTarget(ctx, *a, o, t)
			// Only a server that can't be reached makes room for the next one. After a refused certificate or
			// password, the error of the next one would only hide what is wrong.
			if err == nil || fetch.KindOf(err) != fetch.KindNetwork {
				return s, err
			}
			errs = append(errs, err)
		}
		return nil, errors.Join(errs...)
	}

	return nil
}

// connectTarget connects to a server that was found. Its name came from DNS and proves nothing: the
// certificate must be for the domain, or for the name that sslcommonname gives.
func (r *Resolver) connectTarget(ctx context.Context, a fetch.Account, o tlsverify.Options, t check.Target) (
	fetch.Session, error) {
	o.Host, o.SRVDomain, o.Service = t.Host, t.Domain, t.Service
	connect := fetch.Connector(r.imap.Connect)
	a.Protocol, a.TLS = fetch.IMAP, fetch.StartTLS
	switch t.Service {
	case "imaps":
		a.TLS = fetch.Wrapped
	case "pop3":
		a.Protocol, connect = fetch.POP3, r.pop3.Connect
	case "pop3s":
		a.Protocol, a.TLS, connect = fetch.POP3, fetch.Wrapped, r.pop3.Connect
	}

	o.ALPN, o.Protocol, o.StartTLS = alpn(a.Protocol), protocolName(a.Protocol), a.TLS == fetch.StartTLS
	// A policy of its own for each target: host, service and protocol are part of what the certificate must
	// prove. The files that it needs are shared through o.Files.
	policy, err := tlsverify.New(o)
	if err != nil {
		return nil, fetch.Fail(fetch.KindConfig, err)
	}

	a.Host, a.Port, a.Policy = t.Host, t.Port, policy

	// a is a copy, so that two connections of the account don't see each other's targets.
	s, err := connect(ctx, &a)
	if errors.Is(err, fetch.ErrSimpler) { // what was learnt of the server is in this policy alone
		s, err = connect(ctx, &a)
	}
	if err != nil {
		return nil, fmt.Errorf("_%s._tcp.%s: %w", t.Service, t.Domain, err)
	}

	return s, nil
}
