package check

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
)

// zone answers SRV look-ups from a map of "_imaps._tcp.example.net"; a missing name does not exist.
type zone map[string][]*net.SRV

func (z zone) LookupSRV(_ context.Context, service, proto, name string) (string, []*net.SRV, error) {
	full := "_" + service + "._" + proto + "." + name
	records, ok := z[full]
	if !ok {
		return "", nil, &net.DNSError{Err: "no such host", Name: full, IsNotFound: true}
	}
	if records == nil {
		return "", nil, &net.DNSError{Err: "server misbehaving", Name: full, IsTemporary: true}
	}
	return full, records, nil
}

func TestDiscover(t *testing.T) {
	t.Parallel()
	srv := func(host string, port, priority, weight uint16) *net.SRV {
		return &net.SRV{Target: host, Port: port, Priority: priority, Weight: weight}
	}

	const imaps, imap, pop3s = "_imaps._tcp.example.net", "_imap._tcp.example.net", "_pop3s._tcp.example.net"
	cases := []struct {
		name, domain, protos string
		zone                 zone
		want                 string // targets, or part of the error after "!"
	}{
		{"imaps", "example.net", "imap", zone{imaps: {srv("mail.example.net.", 993, 0, 1)}},
			"imaps mail.example.net 993 wrapped"},
		{"starttls", "example.net", "imap", zone{imap: {srv("mail.example.net.", 143, 0, 1)}},
			"imap mail.example.net 143"},
		{"wrapped first at equal priority", "example.net", "imap",
			zone{imap: {srv("a.example.", 143, 1, 0)}, imaps: {srv("b.example.", 993, 1, 0)}},
			"imaps b.example 993 wrapped, imap a.example 143"},
		{"priority before wrapping", "example.net", "imap",
			zone{imap: {srv("a.example.", 143, 0, 0)}, imaps: {srv("b.example.", 993, 1, 0)}},
			"imap a.example 143, imaps b.example 993 wrapped"},
		{"priority", "example.net", "imap",
			zone{imaps: {srv("b.example.", 993, 20, 0), srv("a.example.", 993, 10, 0)}},
			"imaps a.example 993 wrapped, imaps b.example 993 wrapped"},
		{"one not offered", "example.net", "imap",
			zone{imaps: {srv(".", 0, 0, 0)}, imap: {srv("a.example.", 143, 0, 0)}}, "imap a.example 143"},
		{"order of protocols", "example.net", "pop3 imap",
			zone{imaps: {srv("a.example.", 993, 0, 0)}, pop3s: {srv("a.example.", 995, 5, 0)}},
			"pop3s a.example 995 wrapped, imaps a.example 993 wrapped"},
		{"trailing dot and case", "Example.NET.", "imap", zone{imaps: {srv("Mail.Example.NET.", 993, 0, 1)}},
			"imaps mail.example.net 993 wrapped"},
		{"internationalised", "bücher.example", "imap",
			zone{"_imaps._tcp.xn--bcher-kva.example": {srv("m.example.", 993, 0, 1)}},
			"imaps m.example 993 wrapped"},
		{"malformed target", "example.net", "imap",
			zone{imaps: {srv("a b.example.", 993, 0, 0), srv("b.example.", 993, 0, 0)}},
			"imaps b.example 993 wrapped"},
		{"port 0", "example.net", "imap", zone{imaps: {srv("a.example.", 0, 0, 0)}}, "!no SRV records"},
		{"all not offered", "example.net", "imap",
			zone{imaps: {srv(".", 0, 0, 0)}, imap: {srv(".", 0, 0, 0)}}, "!does not offer imaps, imap"},
		{"nothing there", "example.net", "imap pop3", zone{}, "!no SRV records for imaps, imap, pop3s, pop3"},
		{"resolver fails", "example.net", "imap", zone{imaps: nil}, "!misbehaving"},
		{"resolver fails for one", "example.net", "imap",
			zone{imaps: nil, imap: {srv("a.example.", 143, 0, 0)}}, "imap a.example 143"},
		{"address", "192.0.2.1", "imap", zone{}, "!address"},
		{"nonsense", "a b", "imap", zone{}, "!not a host name"},
	}

	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			targets, err := Discover(t.Context(), c.zone, c.domain, strings.Fields(c.protos))
			if part, ok := strings.CutPrefix(c.want, "!"); ok {
				if err == nil || !strings.Contains(err.Error(), part) {
					t.Errorf("error %v lacks %q", err, part)
				}
				return
			}
			if got := targetStrings(targets); err != nil || got != c.want {
				t.Errorf("got %s, %v", got, err)
			}
		})
	}
}

func targetStrings(targets []Target) string {
	var s []string
	for _, x := range targets {
		text := fmt.Sprintf("%s %s %d", x.Service, x.Host, x.Port)
		if x.Wrapped {
			text += " wrapped"
		}
		s = append(s, text)
	}
	return strings.Join(s, ", ")
}

func TestDiscoverNotOfferedIsTyped(t *testing.T) {
	t.Parallel()
	_, err := Discover(t.Context(), zone{}, "example.net", []string{"imap"})
	var none *NotOfferedError
	if !errors.As(err, &none) {
		t.Errorf("%T", err)
	}
}

func TestWeightsAreDrawn(t *testing.T) {
	t.Parallel()
	first := map[string]int{}
	for range 2000 {
		out := rank([]ranked{{Target{Host: "heavy"}, 0, 90}, {Target{Host: "light"}, 0, 10},
			{Target{Host: "zero"}, 0, 0}})
		if len(out) != 3 {
			t.Fatal("a target was lost")
		}
		first[out[0].Host]++
	}
	if first["heavy"] < 1600 || first["light"] < 80 || first["zero"] > 20 {
		t.Errorf("drawn first: %v", first)
	}
}
