package fetch_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"fetchd/delivery"
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
	return []property{
		{"all ways", s.everyWay(), checkRoundTrip},
		{"many", s.each(variant{mode: fetch.Wrapped}), checkMany},
		{"large", slices.Concat(s.each(variant{mode: fetch.Wrapped}), s.each(variant{mode: fetch.StartTLS, keep: true, mda: true})), checkLarge},
		{"limit", s.each(variant{mode: fetch.Wrapped}), checkLimit},
		{"fetchlimit", slices.Concat(s.each(variant{mode: fetch.Wrapped}), s.each(variant{mode: fetch.Wrapped, keep: true})), checkFetchLimit},
		{"fetchall", s.each(variant{mode: fetch.Wrapped, keep: true, mda: true}), checkFetchAll},
		{"exclude", s.each(variant{mode: fetch.Wrapped, keep: true}), checkExclude},
		{"keepdays", s.each(variant{mode: fetch.Wrapped, keep: true}), checkKeepDays},
		{"flush", s.each(variant{mode: fetch.Wrapped, keep: true}), checkFlush},
		{"folders", s.only(fetch.IMAP, variant{mode: fetch.Wrapped}), checkFolders},
		{"renumbered", s.named("Dovecot IMAP", variant{mode: fetch.Wrapped, keep: true}), checkRenumbered},
		{"journal lost", s.each(variant{mode: fetch.Wrapped, keep: true}), checkJournalLost},
		{"renumbered and kept", slices.Concat(
			s.named("Dovecot IMAP", variant{mode: fetch.Wrapped, keep: true, mda: true}),
			s.named("our POP3", variant{mode: fetch.Wrapped, keep: true, mda: true}),
		), checkRenumberedKept},
		{"renumbered under a pending deletion", s.named("Dovecot IMAP", variant{mode: fetch.Wrapped}), checkRenumberedPending},
		{"cut in a body", slices.Concat(s.each(variant{mode: fetch.Wrapped}), s.each(variant{mode: fetch.ClearText, keep: true, mda: true})), checkCut},
		{"cut after a delivery", slices.Concat(s.each(variant{mode: fetch.Wrapped}), s.each(variant{mode: fetch.StartTLS, mda: true})), checkCutAfterDelivery},
		{"refused by the agent", s.each(variant{mode: fetch.Wrapped}), checkRefused},
		{"wrong password", slices.Concat(s.each(variant{mode: fetch.Wrapped}), s.each(variant{mode: fetch.StartTLS})), checkWrongPassword},
		{"wrong certificate", slices.Concat(s.each(variant{mode: fetch.Wrapped}), s.each(variant{mode: fetch.StartTLS})), checkWrongCertificate},
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
	return strings.Join([]string{v.server.name, map[fetch.TLSMode]string{fetch.StartTLS: "STARTTLS", fetch.Wrapped: "wrapped", fetch.ClearText: "clear"}[v.mode],
		word(v.keep, "keep", "delete"), word(v.mda, "MDA", "Maildir")}, ", ")
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
		{"memory IMAP", fetch.IMAP, imap.Connect, policy, func(t *testing.T, mode fetch.TLSMode) *mailbox { return memoryIMAP(t, config, mode) }},
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

// rig is a mailbox with an account for it and a destination.
type rig struct {
	settle func() // waits for the server; nil = there is nothing to wait for
	variant
	*mailbox
	a    *fetch.Account
	mail [][]byte // see suite
	dir  string   // of the delivered messages

	mu    sync.Mutex
	trace []string
}

func (s *suite) rig(t *testing.T, v variant) *rig {
	t.Helper()
	r := newRig(t, v, v.server.open(t, v.mode))
	r.mail = s.mail
	return r
}

func newRig(t *testing.T, v variant, m *mailbox) *rig {
	t.Helper()
	r := &rig{variant: v, mailbox: m}
	r.a = &fetch.Account{
		Name: m.user + "@localhost", Poll: "localhost", Key: "localhost||0|" + m.user, Journal: fetchtest.OpenJournal(t), Log: slog.New(slog.DiscardHandler), Trace: r.hear,
		Server: fetch.Server{
			Protocol: v.server.protocol,
			Connect:  v.server.connect,
			Host:     "127.0.0.1",
			Port:     m.port,
			TLS:      v.mode,
			Policy:   v.server.policy,
			Timeout:  20 * time.Second,
		},
		Credentials: fetch.Credentials{
			Auth:     "any",
			User:     m.user,
			Password: func(context.Context) (string, error) { return m.password, nil },
		},
		Disposal: fetch.Disposal{Keep: v.keep, MarkSeen: true},
		Delivery: fetch.Delivery{Recipients: []string{"ann"}, SpoolDir: t.TempDir(), Hostname: "here.example.org"},
	}
	r.deliverTo(t)
	return r
}

// deliverTo makes the destination.
func (r *rig) deliverTo(t *testing.T) {
	t.Helper()
	dir := t.TempDir()
	if !r.mda {
		r.dir = filepath.Join(dir, "Maildir", "new")
		r.a.Deliverer = delivery.NewMaildir(delivery.MaildirOptions{Dir: filepath.Join(dir, "Maildir")})
		return
	}
	r.dir = dir
	agent, err := delivery.NewMDA(delivery.MDAOptions{Command: fmt.Sprintf(`cat >"$(mktemp "%s/XXXXXXXXXXXX")"`, dir)})
	if err != nil {
		t.Fatal(err)
	}
	r.a.Deliverer = agent
}

func (r *rig) hear(line string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.trace = append(r.trace, line)
}

// heard is what the protocol trace holds.
func (r *rig) heard() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Join(r.trace, "\n")
}

// retrieve makes one retrieval, which must succeed and deliver n messages.
func (r *rig) retrieve(t *testing.T, n int) fetch.Result {
	t.Helper()
	res, err := r.pass(t)
	if err != nil {
		t.Fatalf("Retrieve: %v", err)
	}
	if res.Delivered != n {
		t.Fatalf("%d delivered, want %d: %+v", res.Delivered, n, res)
	}
	return res
}

// pass makes one retrieval, and waits until the server has done with it too.
func (r *rig) pass(t *testing.T) (fetch.Result, error) {
	t.Helper()
	res, err := fetch.Retrieve(t.Context(), r.a)
	if r.settle != nil {
		r.settle()
	}
	return res, err
}

// fails makes one retrieval, which must fail in this way.
func (r *rig) fails(t *testing.T, kind fetch.Kind) (fetch.Result, error) {
	t.Helper()
	res, err := r.pass(t)
	if fetch.KindOf(err) != kind || err == nil {
		t.Fatalf("Retrieve: %v, of kind %d; want kind %d", err, fetch.KindOf(err), kind)
	}
	return res, err
}

// proxied leads the account through a proxy.
func (r *rig) proxied(t *testing.T) *fetchtest.Proxy {
	t.Helper()
	p := fetchtest.Delay(t, net.JoinHostPort("127.0.0.1", strconv.Itoa(r.port)), 0)
	r.a.Port = p.Port
	return p
}

// delivered gives what arrived, in canonical form and without the Return-Path, sorted.
func (r *rig) delivered(t *testing.T) []string {
	t.Helper()
	entries, err := os.ReadDir(r.dir)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	var out []string
	for _, e := range entries {
		text, err := os.ReadFile(filepath.Join(r.dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if r.added != nil {
			text = r.added.ReplaceAll(text, nil)
		}
		out = append(out, canon(text))
	}
	slices.Sort(out)
	return out
}

func canon(message []byte) string {
	text := fetchtest.Canon(message)
	if bytes.HasPrefix(text, []byte("Return-Path:")) {
		_, text, _ = bytes.Cut(text, []byte("\n"))
	}
	return string(text)
}

// wants compares what arrived with messages: all of them, each once, byte for byte.
func (r *rig) wants(t *testing.T, messages [][]byte) {
	t.Helper()
	want := make([]string, len(messages))
	for i, m := range messages {
		want[i] = canon(m)
	}
	slices.Sort(want)
	got := r.delivered(t)
	if len(got) != len(want) {
		t.Fatalf("%d messages arrived, want %d", len(got), len(want))
	}
	for i := range got {
		if got[i] != want[i] {
			at := 0
			for at < len(got[i]) && at < len(want[i]) && got[i][at] == want[i][at] {
				at++
			}
			t.Fatalf("message %d of %d bytes, want %d; from byte %d on %.80q, want %.80q", i, len(got[i]), len(want[i]), at, got[i][at:], want[i][at:])
		}
	}
	r.noRemains(t)
}

// noRemains checks that a Maildir holds no half-written file.
func (r *rig) noRemains(t *testing.T) {
	t.Helper()
	if r.mda {
		return
	}
	left, err := os.ReadDir(filepath.Join(filepath.Dir(r.dir), "tmp"))
	if err == nil && len(left) > 0 {
		t.Errorf("%d files are left in tmp", len(left))
	}
}

// holds checks how many messages the server has.
func (r *rig) holds(t *testing.T, folder string, n int) {
	t.Helper()
	if got := r.count(t, folder); got != n {
		t.Errorf("the server has %d messages in %s, want %d", got, folder, n)
	}
}

// left is what the server has of n retrieved messages.
func (r *rig) left(n int) int {
	if r.keep {
		return n
	}
	return 0
}

// small gives n messages of about size bytes that differ.
func small(n, size int) [][]byte {
	out := make([][]byte, n)
	for i := range out {
		head := fmt.Appendf(nil, "Return-Path: <bob@example.net>\r\nFrom: bob@example.net\r\nSubject: message %d\r\n\r\n", i)
		out[i] = append(bytes.Repeat([]byte("0123456789 the quick brown fox jumps over the lazy dog\r\n"), size/56), '\r', '\n')
		out[i] = append(head, out[i]...)
	}
	return out
}
