package logintest

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"fetchd/fetch/login"
	"fetchd/fetch/wire"
	"fetchd/tlsverify"
	"fetchd/tlsverify/tlstest"
)

const (
	host    = "mail.example.org"
	user    = "ann"
	timeout = time.Minute
)

// certificates are what all tests of a suite share.
type certificates struct {
	caFile      string
	good, wrong *tls.Config
	pin         string
}

// rig is one login of a subject to a server.
type rig struct {
	*server
	login.Options
	*certificates
	t       *testing.T
	subject Subject

	secret string // must not be seen anywhere
	asked  bool   // for the password
	took   time.Duration
	log    bytes.Buffer

	mu    sync.Mutex // guards trace
	trace []string
}

// Run is the suite. Every test runs in a bubble of its own, so that time-outs take no time.
func Run(t *testing.T, s Subject) {
	t.Helper()
	ca := tlstest.NewCA(t)
	leaf := ca.Leaf(tlstest.Leaf{DNS: []string{host}})
	certs := &certificates{
		caFile: ca.File(t),
		good:   tlstest.ServerConfig(leaf),
		wrong:  tlstest.ServerConfig(ca.Leaf(tlstest.Leaf{DNS: []string{"other.example.org"}})),
		pin:    tlsverify.PinOf(leaf.Leaf).String(),
	}

	for _, group := range []struct {
		name  string
		tests map[string]func(*rig)
	}{
		{"logged in", loggedIn}, {"unproven", unproven}, {"refused", refused}, {"exchange", exchange},
		{"bounded", bounded}, {"turned away", away},
	} {
		for name, test := range group.tests {
			t.Run(group.name+"/"+name, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) { test(newRig(t, s, certs)) })
			})
		}
	}

	t.Run("bounded/silence at each answer", func(t *testing.T) { t.Parallel(); silent(t, s, certs) })
	t.Run("turned away/at each answer", func(t *testing.T) { t.Parallel(); closing(t, s, certs) })
	t.Run("unproven/resumed session", func(t *testing.T) { t.Parallel(); resumed(t, s, certs) })
	t.Run("logged in/no name of the protocol", func(t *testing.T) { t.Parallel(); nameless(t, s, certs) })
}

// newRig is a login by PLAIN over STARTTLS to an honest server.
func newRig(t *testing.T, s Subject, certs *certificates) *rig {
	t.Helper()
	r := &rig{t: t, subject: s, certificates: certs}
	r.server = &server{dialect: s.Dialect, cert: certs.good, offered: []string{"PLAIN"}}
	r.Options = login.Options{
		Service: s.Service, Account: "ann@mail", Host: host, Auth: "any", User: user, Timeout: timeout,
		Policy: policy(t, tlsverify.Options{CAFile: certs.caFile}),
	}

	r.Log = slog.New(slog.NewTextHandler(&r.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	r.password("sesame-street")
	r.Trace = func(line string) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.trace = append(r.trace, line)
	}

	return r
}

// password makes text the account's password.
func (r *rig) password(text string) {
	r.secret = text
	r.Password = func(context.Context) (string, error) {
		r.asked = true
		return text, nil
	}
}

func policy(t *testing.T, o tlsverify.Options) *tlsverify.Policy {
	t.Helper()
	o.Host = host
	p, err := tlsverify.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// run logs in and checks what holds for every login: no error or trace shows a secret, and none is sent in
// clear text unless the user wants that.
func (r *rig) run() error {
	r.t.Helper()
	client, end := tlstest.BufferedPipe()
	var wg sync.WaitGroup
	wg.Go(func() { r.serve(end) })

	start := time.Now()
	conn := login.New(client, r.Options)
	_, err := login.Run(r.t.Context(), conn, r.subject.New(conn), r.Options)
	r.took = time.Since(start)
	if err != nil && conn.Err() == nil {
		r.t.Error("the connection is not closed after an error")
	}

	_ = conn.Close()
	wg.Wait()

	shown := strings.Join(r.trace, "\n")
	if err != nil {
		shown += "\n" + err.Error()
	}

	r.secretless("trace, log and error", shown+r.log.String())
	if r.TLS != login.ClearText {
		r.secretless("clear text", strings.Join(r.clear, "\n"))
	}

	return err
}

func (r *rig) secretless(what, text string) {
	r.t.Helper()
	forms := []string{r.secret}
	plain, own, token := "\x00"+user+"\x00"+r.secret, r.secret, "user="+user // PLAIN, LOGIN, XOAUTH2
	for _, form := range []string{plain, own, token} {
		forms = append(forms, base64.StdEncoding.EncodeToString([]byte(form)))
	}
	for _, form := range forms {
		if strings.Contains(text, strings.TrimRight(form, "=")) {
			r.t.Errorf("the password is in %s: %.500q", what, text)
		}
	}
}

// fails wants an error of this kind that contains want.
func (r *rig) fails(kind login.Kind, want string) error {
	r.t.Helper()
	err := r.run()
	if err == nil || login.KindOf(err) != kind || !strings.Contains(err.Error(), want) {
		r.t.Errorf("%s error: %v; want a %s error: %s", login.KindOf(err), err, kind, want)
	}
	return err
}

// keeps is fails, and nothing of a login was sent and the password was not asked for.
func (r *rig) keeps(kind login.Kind, want string) error {
	r.t.Helper()
	err := r.fails(kind, want)
	if r.asked || len(r.tries) > 0 {
		r.t.Errorf("asked for the password: %v; tried %q", r.asked, r.tries)
	}
	return err
}

// succeeds wants a login after these tries.
func (r *rig) succeeds(tries ...string) {
	r.t.Helper()
	if err := r.run(); err != nil {
		r.t.Error(err)
	}
	r.wants(tries...)
	r.logs(login.EventConnected, true)
	r.logs(login.EventTLS, r.TLS != login.ClearText)
}

func (r *rig) logs(event string, want bool) {
	r.t.Helper()
	log := strings.ReplaceAll(r.log.String(), `"`, "")
	if got := strings.Contains(log, " msg="+event+" "); got != want {
		r.t.Errorf("%q is logged: %v", event, got)
	}
}

func (r *rig) wants(tries ...string) {
	r.t.Helper()
	if !slices.Equal(r.tries, tries) {
		r.t.Errorf("tried %q, want %q", r.tries, tries)
	}
}

// silent is a server that falls silent at its n-th answer, for every n.
func silent(t *testing.T, s Subject, certs *certificates) {
	done := false
	for n := 1; !done && n < 20; n++ {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, s, certs)
			r.offered, r.lines = []string{"LOGIN"}, n
			err := r.run()
			if done = err == nil; done && n < 6 {
				t.Errorf("logged in after %d answers", n-1)
			}
			late := login.KindOf(err) == login.KindNetwork && wire.IsTimeout(err) && r.took == timeout
			if err != nil && !late {
				t.Errorf("silent at answer %d: %s error after %s: %v", n, login.KindOf(err), r.took, err)
			}
		})
	}

	if !done {
		t.Error("no login in 20 answers")
	}
}

// resumed is a server that is refused because of what it showed at an earlier handshake. Another handshake
// may succeed at once.
func resumed(t *testing.T, s Subject, certs *certificates) {
	synctest.Test(t, func(t *testing.T) {
		o := tlsverify.Options{CAFile: certs.caFile, SessionCache: tls.NewLRUClientSessionCache(1)}
		r := newRig(t, s, certs)
		r.Policy = policy(t, o)
		r.succeeds("PLAIN")

		o.Pins = []tlsverify.Pin{{}}
		r = newRig(t, s, certs)
		r.Policy = policy(t, o)
		if err := r.fails(login.KindTLS, ""); !errors.Is(err, login.ErrSimpler) {
			t.Errorf("resumed: %v", err)
		}

		r = newRig(t, s, certs)
		r.Policy = policy(t, o)
		if err := r.fails(login.KindTLS, ""); errors.Is(err, login.ErrSimpler) {
			t.Errorf("not resumed, and is to be tried again: %v", err)
		}
	})
}

// nameless is a server whose TLS turns away whoever names a protocol that it does not know. It is told no
// name from then on, and another session succeeds at once.
func nameless(t *testing.T, s Subject, certs *certificates) {
	web := certs.good.Clone()
	web.NextProtos = []string{"h2"}
	p := policy(t, tlsverify.Options{CAFile: certs.caFile, ALPN: []string{"imap"}})
	meet := func(test func(r *rig)) {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, s, certs)
			r.cert, r.Policy = web, p
			test(r)
		})
	}

	meet(func(r *rig) {
		if err := r.fails(login.KindTLS, "no application protocol"); !errors.Is(err, login.ErrSimpler) {
			t.Errorf("named: %v", err)
		}
	})
	meet(func(r *rig) { r.succeeds("PLAIN") })
}

var errHelper = errors.New("the helper says no")
