package fetch_test

import (
	"crypto/tls"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"fetchd/fetch"
	"fetchd/fetch/fetchtest"
	"fetchd/fetch/imap"
	"fetchd/fetch/pop3"
	"fetchd/tlsverify"
	"fetchd/tlsverify/tlstest"
)

// TestSuite checks the same properties of a retrieval against every server, over every way in and out that
// the property is about.
func TestSuite(t *testing.T) {
	t.Parallel()
	s := newSuite(t)
	for _, property := range s.properties() {
		for _, v := range property.of {
			t.Run(property.name+"/"+v.String(), func(t *testing.T) {
				t.Parallel()
				property.check(t, s.rig(t, v))
			})
		}
	}
}

// property is what must hold, and over which ways.
type property struct {
	name  string
	of    []variant
	check func(*testing.T, *rig)
}

func (s *suite) properties() []property {
	wrapped, kept := s.each(variant{mode: fetch.Wrapped}), s.each(variant{mode: fetch.Wrapped, keep: true})
	keptByAgent := variant{mode: fetch.Wrapped, keep: true, mda: true}
	startTLS := func(v variant) []variant {
		v.mode = fetch.StartTLS
		return slices.Concat(wrapped, s.each(v))
	}

	return []property{
		{"all ways", s.everyWay(), checkRoundTrip},
		{"many", wrapped, checkMany},
		{"large", startTLS(variant{keep: true, mda: true}), checkLarge},
		{"limit", wrapped, checkLimit},
		{"fetchlimit", slices.Concat(wrapped, kept), checkFetchLimit},
		{"fetchall", s.each(keptByAgent), checkFetchAll},
		{"exclude", kept, checkExclude},
		{"keepdays", kept, checkKeepDays},
		{"flush", kept, checkFlush},
		{"folders", s.only(fetch.IMAP, variant{mode: fetch.Wrapped}), checkFolders},
		{"renumbered", s.named("Dovecot IMAP", variant{mode: fetch.Wrapped, keep: true}), checkRenumbered},
		{"journal lost", kept, checkJournalLost},
		{"renumbered and kept", slices.Concat(
			s.named("Dovecot IMAP", keptByAgent), s.named("our POP3", keptByAgent),
		), checkRenumberedKept},
		{"renumbered under a pending deletion",
			s.named("Dovecot IMAP", variant{mode: fetch.Wrapped}), checkRenumberedPending},
		{"cut in a body", slices.Concat(
			wrapped, s.each(variant{mode: fetch.ClearText, keep: true, mda: true}),
		), checkCut},
		{"cut after a delivery", startTLS(variant{mda: true}), checkCutAfterDelivery},
		{"refused by the agent", wrapped, checkRefused},
		{"wrong password", startTLS(variant{}), checkWrongPassword},
		{"wrong certificate", startTLS(variant{}), checkWrongCertificate},
		{"locked", []variant{{server: s.exclusive}}, checkLocked},
	}
}

// variant is one way from a server to a destination.
type variant struct {
	server *server
	mode   fetch.TLSMode
	keep   bool
	mda    bool
}

func (v variant) String() string {
	word := func(is bool, yes, no string) string {
		if is {
			return yes
		}
		return no
	}
	mode := map[fetch.TLSMode]string{
		fetch.StartTLS: "STARTTLS", fetch.Wrapped: "wrapped", fetch.ClearText: "clear",
	}[v.mode]
	return strings.Join([]string{
		v.server.name, mode, word(v.keep, "keep", "delete"), word(v.mda, "MDA", "Maildir"),
	}, ", ")
}

// server is a kind of server that has an empty mailbox for each test.
type server struct {
	name     string
	protocol fetch.Protocol
	connect  fetch.Connector
	policy   *tlsverify.Policy
	open     func(*testing.T, fetch.TLSMode) *mailbox
}

// mailbox is an account on a server, with a back door for the test.
type mailbox struct {
	port           int
	user, password string
	append         func(t *testing.T, folder string, messages ...[]byte)
	count          func(t *testing.T, folder string) int
	unseen         func(t *testing.T, folder string) int // nil: POP3 has no flags
	renumber       func(t *testing.T, folder string)     // nil: can't
	pop            *fetchtest.POPServer                  // nil: another one
	// what the server writes into messages; nil = nothing
	added *regexp.Regexp
}

type suite struct {
	servers   []*server
	exclusive *server  // a POP3 server that locks its maildrop
	mail      [][]byte // messages of all kinds in turn
}

func newSuite(t *testing.T) *suite {
	ca := tlstest.NewCA(t)
	config := tlstest.ServerConfig(ca.Leaf(tlstest.Leaf{DNS: []string{"localhost"}}))
	policy := newPolicy(t, "localhost", ca.File(t))
	d := fetchtest.StartDovecot(t)
	dpolicy := newPolicy(t, "localhost", d.CAFile)
	pop := func(exclusive bool) func(*testing.T, fetch.TLSMode) *mailbox {
		return func(t *testing.T, mode fetch.TLSMode) *mailbox {
			o := fetchtest.POPOptions{TLS: config, Wrapped: mode == fetch.Wrapped, Exclusive: exclusive}
			if mode == fetch.ClearText {
				o.TLS = nil
			}
			return popMailbox(fetchtest.StartPOPServer(t, o))
		}
	}

	exclusive := &server{"exclusive POP3", fetch.POP3, pop3.Connect, policy, pop(true)}
	return &suite{[]*server{
		{"memory IMAP", fetch.IMAP, imap.Connect, policy,
			func(t *testing.T, mode fetch.TLSMode) *mailbox { return memoryIMAP(t, config, mode) }},
		{"our POP3", fetch.POP3, pop3.Connect, policy, pop(false)},
		{"Dovecot IMAP", fetch.IMAP, imap.Connect, dpolicy, func(_ *testing.T, mode fetch.TLSMode) *mailbox {
			return dovecot(d, map[bool]int{true: d.IMAPS, false: d.IMAP}[mode == fetch.Wrapped])
		}},
		{"Dovecot POP3", fetch.POP3, pop3.Connect, dpolicy, func(_ *testing.T, mode fetch.TLSMode) *mailbox {
			return dovecot(d, map[bool]int{true: d.POP3S, false: d.POP3}[mode == fetch.Wrapped])
		}},
	}, exclusive, fetchtest.Messages(302, 7)}
}

func newPolicy(t *testing.T, host, caFile string) *tlsverify.Policy {
	t.Helper()
	p, err := tlsverify.New(tlsverify.Options{Host: host, CAFile: caFile})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// each gives the variant for each server.
func (s *suite) each(v variant) (out []variant) {
	for _, v.server = range s.servers {
		out = append(out, v)
	}
	return out
}

func (s *suite) only(p fetch.Protocol, v variant) []variant {
	return slices.DeleteFunc(s.each(v), func(v variant) bool { return v.server.protocol != p })
}

func (s *suite) named(name string, v variant) []variant {
	return slices.DeleteFunc(s.each(v), func(v variant) bool { return v.server.name != name })
}

// everyWay is pairwise: each server meets each way in, each disposal and each destination, and any three of
// these meet at one server.
func (s *suite) everyWay() (out []variant) {
	for i, server := range s.servers {
		for _, bits := range []int{i % 4, 7 - i%4} {
			v := variant{server: server, mode: fetch.Wrapped, keep: bits&2 != 0, mda: bits&4 != 0}
			if bits&1 != 0 {
				v.mode = fetch.StartTLS
			}
			out = append(out, v)
		}
	}
	return out
}

func TestEveryWayIsPairwise(t *testing.T) {
	t.Parallel()
	s := &suite{servers: []*server{{name: "a"}, {name: "b"}, {name: "c"}, {name: "d"}}}
	seen := map[string]bool{}
	for _, v := range s.everyWay() {
		seen[fmt.Sprint(v.server.name, v.mode)] = true
		seen[fmt.Sprint(v.server.name, "keep", v.keep)] = true
		seen[fmt.Sprint(v.server.name, "mda", v.mda)] = true
		seen[fmt.Sprint(v.mode, v.keep, v.mda)] = true
	}
	if want := 3*2*len(s.servers) + 2*2*2; len(seen) != want {
		t.Errorf("%d of %d meet: %v", len(seen), want, seen)
	}
}

func memoryIMAP(t *testing.T, config *tls.Config, mode fetch.TLSMode) *mailbox {
	if mode == fetch.ClearText {
		config = nil
	}
	m := fetchtest.StartMemServer(t, config, mode == fetch.Wrapped)
	folders := map[string]bool{"INBOX": true}
	return &mailbox{
		port: m.Port, user: m.User, password: m.Password,
		append: func(t *testing.T, folder string, messages ...[]byte) {
			if !folders[folder] {
				m.Create(t, folder)
				folders[folder] = true
			}
			for _, msg := range messages {
				m.Append(t, folder, msg)
			}
		},
		count:  func(t *testing.T, folder string) int { return m.Count(t, folder) },
		unseen: func(t *testing.T, folder string) int { return m.Unseen(t, folder) },
	}
}

func popMailbox(p *fetchtest.POPServer) *mailbox {
	return &mailbox{
		port: p.Port, user: p.User, password: p.Password, pop: p,
		append: func(_ *testing.T, _ string, messages ...[]byte) { p.Append(messages...) },
		count:  func(*testing.T, string) int { return p.Count() },

		renumber: func(*testing.T, string) { p.Renumber() },
	}
}

func dovecot(d *fetchtest.Dovecot, port int) *mailbox {
	user := d.User()
	m := &mailbox{
		port: port, user: user, password: d.Password,
		append: func(t *testing.T, folder string, messages ...[]byte) { d.Append(t, user, folder, messages) },
		count:  func(t *testing.T, folder string) int { return d.Count(t, user, folder) },
	}
	if port == d.IMAP || port == d.IMAPS {
		m.renumber = func(t *testing.T, folder string) { d.Renumber(t, user, folder) }
		m.unseen = func(t *testing.T, folder string) (n int) {
			for _, flags := range d.Flags(t, user, folder) {
				if !slices.Contains(flags, `\Seen`) {
					n++
				}
			}
			return n
		}
	}
	return m
}
