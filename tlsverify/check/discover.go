package check

import (
	"cmp"
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"slices"
	"strings"

	"fetchd/tlsverify"
	"fetchd/tlsverify/hints"
	"fetchd/tlsverify/internal/show"
)

// SRVResolver looks up SRV records; net.DefaultResolver is one.
type SRVResolver interface {
	LookupSRV(ctx context.Context, service, proto, name string) (string, []*net.SRV, error)
}

// Target is a server found by SRV. Host is only where to connect: it came from insecure DNS and is no
// identity. Put Service and Domain into Options (RFC 6186 §6).
type Target struct {
	Service string // "imaps"
	Domain  string // A-labels of what the user wrote
	Host    string // without the trailing dot
	Port    int
	Wrapped bool // TLS from the first byte; else STARTTLS is mandatory
}

// NotOfferedError: the domain's DNS says that none of the services is offered, or has no records of them.
type NotOfferedError struct {
	Domain   string
	Services []string
	Denied   []string // those with the target "."
}

func (e *NotOfferedError) Error() string {
	domain := "domain " + show.Quote(e.Domain)
	if len(e.Denied) > 0 {
		return hints.Text(domain+" says that it does not offer "+strings.Join(e.Denied, ", "), e.Hint())
	}
	return hints.Text(domain+" has no SRV records for "+strings.Join(e.Services, ", "), e.Hint())
}

// Hint is the next step.
func (e *NotOfferedError) Hint() string {
	if len(e.Denied) > 0 {
		return "ask its operator, or name the server without srv"
	}
	return "name the server itself, without srv"
}

var srvServices = [...]struct {
	proto, service string
	wrapped        bool
}{
	{"imap", "imaps", true},
	{"imap", "imap", false},
	{"pop3", "pop3s", true},
	{"pop3", "pop3", false},
	{"submission", "submissions", true}, // RFC 8314 §5.1
	{"submission", "submission", false},
}

const maxTargets = 32

// Discover lists where to find the protocols ("imap", "pop3", "submission") of a domain, best first: in the
// order of protos, wrapped TLS before STARTTLS where both have the same priority, then by priority and weight
// (RFC 2782, RFC 6186 §3.4). A service that can't be looked up is an error only if no other was found.
func Discover(ctx context.Context, resolver SRVResolver, domain string, protos []string) ([]Target, error) {
	ref, err := tlsverify.ParseReference("srv domain", domain)
	if err != nil {
		return nil, err
	}
	if ref.Kind != tlsverify.DNSID {
		return nil, hints.Errorf("drop srv", "srv domain %s is an address and has no SRV records",
			show.Quote(domain))
	}

	var all []Target
	var problems []error
	none := &NotOfferedError{Domain: ref.Name}
	for _, proto := range protos {
		targets, err := discover(ctx, resolver, ref.Name, proto, none)
		all = append(all, targets...)
		problems = append(problems, err)
	}

	if len(all) > 0 {
		return all, nil
	}
	if err := errors.Join(problems...); err != nil {
		return nil, err
	}

	return nil, none
}

// ranked is a target with what DNS says of its rank.
type ranked struct {
	Target
	priority, weight uint16
}

// discover looks up the services of one protocol, and notes in none what is not offered.
func discover(ctx context.Context, resolver SRVResolver, domain, proto string,
	none *NotOfferedError) ([]Target, error) {
	var found []ranked
	var problems []error
	for _, s := range srvServices {
		if s.proto != proto {
			continue
		}

		none.Services = append(none.Services, s.service)

		_, records, err := resolver.LookupSRV(ctx, s.service, "tcp", domain)
		// That there is none is an answer; that nobody answers is a problem, if nothing else is found.
		if err != nil && !notFound(err) {
			problems = append(problems, hints.Errorf("try again, or name the server without srv",
				"look up SRV _%s._tcp.%s: %w", s.service, domain, err))
		}
		if denied(records) {
			none.Denied = append(none.Denied, s.service)
			continue
		}

		for _, r := range records[:min(len(records), maxTargets)] {
			if host, err := tlsverify.HostName(r.Target); err == nil && r.Port != 0 {
				target := Target{s.service, domain, host, int(r.Port), s.wrapped}
				found = append(found, ranked{target, r.Priority, r.Weight})
			}
		}
	}

	return rank(found), errors.Join(problems...)
}

func notFound(err error) bool {
	dns, ok := errors.AsType[*net.DNSError](err)
	return ok && dns.IsNotFound
}

// denied: a single record with the target "." (RFC 2782, RFC 6186 §3.4).
func denied(records []*net.SRV) bool {
	return len(records) == 1 && (records[0].Target == "." || records[0].Target == "")
}

// rank sorts by priority, then wrapped first, and draws by weight among equals.
func rank(found []ranked) []Target {
	slices.SortStableFunc(found, func(a, b ranked) int {
		// The domain's own order first (RFC 6186 §3.4); only among equals we prefer.
		return cmp.Or(cmp.Compare(a.priority, b.priority), compareWrapped(a, b))
	})

	var out []Target
	for len(found) > 0 {
		n := 1
		for n < len(found) && found[n].priority == found[0].priority && found[n].Wrapped == found[0].Wrapped {
			n++
		}
		i := draw(found[:n])
		out = append(out, found[i].Target)
		found = slices.Delete(found, i, i+1)
	}

	return out
}

func compareWrapped(a, b ranked) int {
	switch {
	case a.Wrapped == b.Wrapped:
		return 0
	case a.Wrapped:
		return -1
	}
	return 1
}

// draw picks an index, each with a chance in proportion to its weight; weight 0 has a very small one (RFC
// 2782).
func draw(group []ranked) int {
	const scale = 1000
	sum := 0
	for _, g := range group {
		sum += int(g.weight)*scale + 1
	}

	// Each weight counts a thousandfold and one more, so that a weight of 0 has a small chance too (RFC
	// 2782).
	pick := rand.IntN(sum)
	for i, g := range group {
		pick -= int(g.weight)*scale + 1
		if pick < 0 {
			return i
		}
	}
	return 0
}
