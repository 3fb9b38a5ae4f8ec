package login

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"slices"
	"strings"
	"testing"

	"fetchd/fetch/sasl"
	"fetchd/fetch/wire"
	"fetchd/tlsverify/tlstest"
)

// spoken is a Protocol that gives its replies one after the other, and remembers what it was told to send.
type spoken struct {
	replies []Reply
	sent    []string
}

func (s *spoken) next(sent string) (Reply, error) {
	s.sent = append(s.sent, sent)
	if len(s.replies) == 0 {
		return Reply{Command: sent, Text: "no more"}, nil
	}
	r := s.replies[0]
	s.replies = s.replies[1:]
	r.Command = sent
	return r, nil
}

func (s *spoken) Greeting() (Reply, error)                { return s.next("greeting") }
func (s *spoken) StartTLS() (Reply, error)                { return s.next("STARTTLS") }
func (s *spoken) Capabilities() (Reply, error)            { return s.next("CAPABILITY") }
func (s *spoken) Login(c sasl.Credentials) (Reply, error) { return s.next("LOGIN " + c.Password) }
func (s *spoken) Auth(mechanism, initial string) (Reply, error) {
	return s.next("AUTH " + mechanism + " " + initial)
}
func (s *spoken) Respond(line, _ string) (Reply, error)     { return s.next(line) }
func (s *spoken) Digest(user, digest string) (Reply, error) { return s.next("APOP " + digest) }
func (s *spoken) LoggedIn() (Reply, error)                  { return s.next("NOOP") }

// finisher is spoken with something to ask at the end.
type finisher struct {
	spoken
	offer *Offer
}

func (f *finisher) Finish(o *Offer) error {
	f.offer = o
	return nil
}

// newAttempt is a login in clear text, as the user wants it.
func newAttempt(t *testing.T, p Protocol) *attempt {
	t.Helper()
	client, server := net.Pipe()
	t.Cleanup(func() { _, _ = client.Close(), server.Close() })
	o := Options{TLS: ClearText, Auth: "any", User: "ann", Password: password}
	return &attempt{conn: New(client, o), p: p, o: o, offer: &Offer{MaxInitial: 100}}
}

func password(context.Context) (string, error) { return "sesame", nil }

var cred = sasl.Credentials{User: "ann", Password: "sesame"}

// The last guard: whatever came before it, nothing leaves without TLS where TLS was wanted.
func TestNothingIsSentWithoutTLS(t *testing.T) {
	t.Parallel()
	for _, mode := range []Mode{StartTLS, Wrapped} {
		for _, m := range []sasl.Mechanism{
			sasl.NewPlain(cred), sasl.NewLogin(cred), sasl.NewCRAMMD5(cred), sasl.NewSCRAMSHA256(cred),
			sasl.NewXOAuth2(cred), sasl.ProtocolLogin{Credentials: cred},
			sasl.ProtocolLogin{Credentials: cred, Digest: true},
		} {
			p := &spoken{}
			a := newAttempt(t, p)
			a.o.TLS, a.greeting = mode, "<1.2@x>"
			err := a.try(&try{mechanism: m})
			if KindOf(err) != KindTLS || len(p.sent) > 0 {
				t.Errorf("%T: %v; sent %q", m, err, p.sent)
			}
		}
	}
}

func TestMayFollow(t *testing.T) {
	t.Parallel()
	hidden, clear := sasl.NewCRAMMD5(cred), sasl.NewPlain(cred)
	plus := boundTwice(t)
	spelled, err := sasl.Choose("scram-sha-256", []string{"SCRAM-SHA-256"},
		sasl.Credentials{User: "ann", Password: "m\u00b3"}, true)
	if err != nil {
		t.Fatal(err)
	}

	tests := []struct {
		name             string
		last             try
		next             sasl.Mechanism
		unproven, proven bool // nobody vouches for the server, or somebody does
	}{
		{"password refused", try{mechanism: clear, gaveAway: true, refused: true}, clear, false, false},
		{"password refused, then a proof",
			try{mechanism: clear, gaveAway: true, refused: true}, hidden, false, false},
		{"gave up after the password", try{mechanism: clear, gaveAway: true}, clear, false, false},
		{"refused before the password", try{mechanism: clear, refused: true}, clear, true, true},
		{"gave up before the password", try{mechanism: clear}, clear, true, true},
		{"proof refused", try{mechanism: hidden, refused: true}, clear, false, true},
		{"proof refused, then another", try{mechanism: hidden, refused: true}, hidden, true, false},
		{"proof refused with a code",
			try{mechanism: hidden, refused: true, judged: true}, clear, false, false},
		{"proof refused with a code, then another",
			try{mechanism: hidden, refused: true, judged: true}, hidden, false, false},
		{"proof given up", try{mechanism: hidden}, clear, false, true},
		{"proof given up, then another", try{mechanism: hidden}, hidden, true, true},
		{"bound proof refused, bound otherwise", try{mechanism: plus[0], refused: true}, plus[1], true, true},
		{"bound proof refused with a code", try{mechanism: plus[0], refused: true, judged: true}, plus[1],
			false, false},
		{"bound proof refused, then the password", try{mechanism: plus[1], refused: true}, clear, false,
			true},
		{"proof refused with a code, spelled otherwise",
			try{mechanism: spelled[0], refused: true, judged: true}, spelled[1], true, true},
		{"both spellings refused with a code", try{mechanism: spelled[1], refused: true, judged: true}, clear,
			false, false},
		{"both spellings refused", try{mechanism: spelled[1], refused: true}, clear, false, true},
	}

	for _, tt := range tests {
		if got := mayFollow(tt.next, &tt.last, false); got != tt.unproven {
			t.Errorf("%s: %v where nobody vouches for the server", tt.name, got)
		}
		if got := mayFollow(tt.next, &tt.last, true); got != tt.proven {
			t.Errorf("%s: %v where the server is proven", tt.name, got)
		}
	}
}

// boundState is the state of a TLS connection.
func boundState(t *testing.T) *tls.ConnectionState {
	t.Helper()
	client, server := tlstest.BufferedPipe()
	t.Cleanup(func() { _, _ = client.Close(), server.Close() })
	leaf := tlstest.NewCA(t).Leaf(tlstest.Leaf{DNS: []string{"mail.example.org"}})
	go func() { _ = tls.Server(server, tlstest.ServerConfig(leaf)).Handshake() }()
	conn := tls.Client(client, &tls.Config{InsecureSkipVerify: true})
	if err := conn.Handshake(); err != nil {
		t.Fatal(err)
	}
	state := conn.ConnectionState()
	return &state
}

// boundTwice is SCRAM-SHA-256-PLUS in both ways that a connection has.
func boundTwice(t *testing.T) []sasl.Mechanism {
	t.Helper()
	bound := cred
	bound.TLS = boundState(t)
	ms, err := sasl.Choose("scram-sha-256-plus", []string{"SCRAM-SHA-256-PLUS"}, bound, true)
	if err != nil || len(ms) != 2 {
		t.Fatalf("%v, %v", ms, err)
	}
	return ms
}

// endless answers every challenge.
type endless struct{ sasl.Mechanism }

func (endless) Start() (string, []byte, error) { return "ENDLESS", nil, nil }
func (endless) Next([]byte) ([]byte, error)    { return []byte("x"), nil }
func (endless) ClearText() bool                { return false }

func TestChallengesAreBounded(t *testing.T) {
	t.Parallel()
	p := &spoken{replies: slices.Repeat([]Reply{{Status: Challenge}}, maxChallenges+1)}
	err := newAttempt(t, p).try(&try{mechanism: endless{}})
	if KindOf(err) != KindAuth || !strings.Contains(err.Error(), "more than 8 challenges") {
		t.Errorf("%v", err)
	}
	if len(p.sent) != maxChallenges+2 || p.sent[len(p.sent)-1] != "*" {
		t.Errorf("sent %q", p.sent)
	}
}

// A long initial response, or one that the server does not take with the command, answers the first
// challenge, whatever that says.
func TestInitialResponse(t *testing.T) {
	t.Parallel()
	const initial = "AGFubgBzZXNhbWU="
	for _, tt := range []struct {
		most int
		want []string
	}{
		{100, []string{"AUTH PLAIN " + initial}},
		{len(initial), []string{"AUTH PLAIN " + initial}},
		{len(initial) - 1, []string{"AUTH PLAIN ", initial}},
		{0, []string{"AUTH PLAIN ", initial}},
	} {
		p := &spoken{replies: []Reply{{Status: Challenge, Text: "go ahead!"}, {Status: OK}}}
		if len(tt.want) == 1 {
			p.replies = p.replies[1:]
		}
		a := newAttempt(t, p)
		a.offer.MaxInitial = tt.most
		if err := a.try(&try{mechanism: sasl.NewPlain(cred)}); err != nil || !slices.Equal(p.sent, tt.want) {
			t.Errorf("at most %d: %v; sent %q", tt.most, err, p.sent)
		}
	}
}

// What the server offered before the login counts no more: who needs it asks again.
func TestOfferAfterLogin(t *testing.T) {
	t.Parallel()
	before, after := &Offer{MaxInitial: 100, Mechanisms: []string{"PLAIN"}}, &Offer{Words: []string{"NEW"}}
	for _, told := range []bool{true, false} {
		p := &finisher{}
		p.replies = []Reply{{Status: OK, Offer: before}, {Status: OK}, {Status: OK, Offer: after}}
		if told {
			p.replies = []Reply{{Status: OK, Offer: before}, {Status: OK, Offer: after}}
		}
		a := newAttempt(t, p)
		offer, err := Run(t.Context(), a.conn, p, a.o)
		if err != nil || offer != after || p.offer != after {
			t.Errorf("told %v: %v, %v, %v", told, offer, p.offer, err)
		}
	}
}

// A server that ends the connection is out of order, at whatever step.
func TestServerEnds(t *testing.T) {
	t.Parallel()
	offer := &Offer{MaxInitial: 100, Mechanisms: []string{"PLAIN"}}
	steps := []Reply{{Status: OK}, {Status: OK, Offer: offer}, {Status: OK}}
	for n := range steps {
		p := &spoken{
			replies: append(slices.Clone(steps[:n]), Reply{Status: Ended, Word: "BYE", Text: "restart"}),
		}
		a := newAttempt(t, p)
		_, err := Run(t.Context(), a.conn, p, a.o)
		if KindOf(err) != KindServer ||
			!strings.Contains(err.Error(), `BYE "restart"`) || a.conn.Err() == nil {
			t.Errorf("step %d: %s: %v", n, KindOf(err), err)
		}
		if errors.Is(err, ErrNoVerdict) != (n == 2) {
			t.Errorf("step %d: over the login: %v", n, err)
		}
	}
}

// One that ends it over a password gets no other try.
func TestServerEndsOverThePassword(t *testing.T) {
	t.Parallel()
	offer := &Offer{Mechanisms: []string{"PLAIN", "LOGIN"}}
	p := &spoken{replies: []Reply{
		{Status: OK, Offer: offer},
		{Status: Ended, Text: "make an app password"},
		{Status: OK},
	}}
	a := newAttempt(t, p)
	_, err := Run(t.Context(), a.conn, p, a.o)
	if KindOf(err) != KindAuth || !slices.Equal(p.sent, []string{"greeting", "AUTH PLAIN "}) {
		t.Errorf("%s: %v; sent %q", KindOf(err), err, p.sent)
	}
}

// Only one msg-id in the greeting is a timestamp for APOP.
func TestTimestamp(t *testing.T) {
	t.Parallel()
	for greeting, want := range map[string]string{
		"ready <1.2@a>": "<1.2@a>", "<1.2@a> or <1.2@b>": "", "<1.2@a> <": "", "> <1.2@a>": "", "": "",
		"<12>": "", "<1\x802@a>": "", "<1.2@a": "", "<1.2@a b>": "",
	} {
		if got := stampIn(greeting); got != want {
			t.Errorf("%q: %q, want %q", greeting, got, want)
		}
	}
}

func TestTooLateIsATimeout(t *testing.T) {
	t.Parallel()
	ctx, cancel := limit(t.Context(), 1)
	defer cancel()
	<-ctx.Done()
	if err := context.Cause(ctx); !wire.IsTimeout(err) {
		t.Errorf("%v", err)
	}
}

// A refused secret is asked for once more, and tried if it is another one: a token may have been revoked
// before its time.
func TestRefusedSecretIsRenewed(t *testing.T) {
	t.Parallel()
	refused := Reply{Status: Refused, Code: "AUTHENTICATIONFAILED"}
	for _, tt := range []struct {
		name, renewed string
		err           error
		replies       []Reply
		want          []string // of what is sent
		kind          Kind     // of the error; KindUnknown = none
	}{
		{"another", "street", nil, []Reply{refused, {Status: OK}}, []string{"LOGIN sesame", "LOGIN street"},
			KindUnknown},
		{"the same", "sesame", nil, []Reply{refused}, []string{"LOGIN sesame"}, KindAuth},
		{"another, refused too", "street", nil, []Reply{refused, refused},
			[]string{"LOGIN sesame", "LOGIN street"}, KindAuth},
		{"none at the moment", "", &Error{KindNetwork, errors.New("down")}, []Reply{refused},
			[]string{"LOGIN sesame"}, KindNetwork},
		{"refused for another reason", "street", nil, []Reply{{Status: Refused, Code: "UNAVAILABLE"}},
			[]string{"LOGIN sesame"}, KindServer},
		{"accepted", "street", nil, []Reply{{Status: OK}}, []string{"LOGIN sesame"}, KindUnknown},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := &spoken{replies: tt.replies}
			a := newAttempt(t, p)
			a.o.Renew = func(_ context.Context, refused string) (string, error) {
				if refused != "sesame" {
					t.Errorf("%q was refused", refused)
				}
				return tt.renewed, tt.err
			}
			err := a.logIn(t.Context())
			if errors.Is(err, ErrRefused) != (tt.kind == KindAuth) {
				t.Errorf("%v is marked as refused: %v", err, errors.Is(err, ErrRefused))
			}
			if (err == nil) != (tt.kind == KindUnknown) || KindOf(err) != tt.kind ||
				!slices.Equal(p.sent, tt.want) {
				t.Errorf("%v; sent %q", err, p.sent)
			}
		})
	}
}

// Only what a server may lock an account for is marked as refused.
func TestWhatIsMarkedAsRefused(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, auth string
		reply      Reply
		want       bool
	}{
		{"password", "plain", Reply{Status: Refused}, true},
		{"proof", "cram-md5", Reply{Status: Refused}, true},
		{"token", "xoauth2", Reply{Status: Refused}, false},
		{"passing trouble", "plain", Reply{Status: Refused, Code: "UNAVAILABLE"}, false},
		{"not offered", "scram-sha-1", Reply{}, false},
	} {
		p := &spoken{replies: []Reply{tt.reply}}
		a := newAttempt(t, p)
		a.o.Auth = tt.auth
		a.offer.Mechanisms = []string{"PLAIN", "CRAM-MD5", "XOAUTH2"}
		if err := a.logIn(t.Context()); err == nil || errors.Is(err, ErrRefused) != tt.want {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}
