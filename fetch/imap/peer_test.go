package imap

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"fetchd/delivery"
	"fetchd/fetch"
	"fetchd/fetch/fetchtest"
	"fetchd/tlsverify"
	"fetchd/tlsverify/tlstest"
)

// taker is a Deliverer that keeps what it gets.
type taker struct {
	mu  sync.Mutex
	got []string
}

func (k *taker) String() string { return "taker" }

func (k *taker) Deliver(_ context.Context, m *delivery.Message) error {
	text, err := io.ReadAll(m.Body.Open())
	if err != nil {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.got = append(k.got, m.UID+"="+string(text))
	return nil
}

func (k *taker) take() string {
	k.mu.Lock()
	defer k.mu.Unlock()
	got := k.got
	k.got = nil
	return strings.Join(got, " ")
}

// rig is an account whose connections go to scripted peers.
type rig struct {
	*fetch.Account
	t      testing.TB
	taker  *taker
	quirks Quirks
	mu     sync.Mutex
	trace  []string
}

// newRig returns an account in clear text that deletes what it delivered. With a CA it wants STARTTLS.
func newRig(t testing.TB, ca *tlstest.CA) *rig {
	t.Helper()
	j := fetchtest.OpenJournal(t)
	r := &rig{t: t, taker: &taker{}}
	r.Account = &fetch.Account{
		Name: "ann@mail.example.org", Poll: "mail.example.org",
		Key: "mail.example.org||ann", Journal: j, Log: slog.New(slog.DiscardHandler),
		Server: fetch.Server{
			Protocol: fetch.IMAP,
			Host:     "mail.example.org",
			TLS:      fetch.ClearText,
			Timeout:  time.Minute,
		},
		Credentials: fetch.Credentials{
			User:     "ann",
			Password: func(context.Context) (string, error) { return "sesame", nil },
		},
		Disposal: fetch.Disposal{MarkSeen: true},
		Delivery: fetch.Delivery{Recipients: []string{"ann"}, Deliverer: r.taker},
	}

	r.Trace = func(line string) {
		r.mu.Lock()
		r.trace = append(r.trace, line)
		r.mu.Unlock()
	}
	if ca != nil {
		policy, err := tlsverify.New(tlsverify.Options{Host: "mail.example.org", CAFile: ca.File(t)})
		if err != nil {
			t.Fatal(err)
		}
		r.Policy, r.TLS = policy, fetch.StartTLS
	}
	return r
}

// play makes the next connection one to a peer with this dialogue.
func (r *rig) play(dialogue string, config *tls.Config) *fetchtest.Peer {
	r.t.Helper()
	p := fetchtest.NewPeer(r.t, dialogue, config)
	r.Connect = func(ctx context.Context, a *fetch.Account) (fetch.Session, error) {
		r.Connect = func(context.Context, *fetch.Account) (fetch.Session, error) {
			return nil, errors.New("a second connection")
		}
		return r.quirks.begin(ctx, a, p.Pipe())
	}
	return p
}

// run plays a dialogue to its end with one retrieval and returns what was delivered as "uid=text uid=text".
func (r *rig) run(dialogue string) (string, fetch.Result, error) {
	r.t.Helper()
	p := r.play(dialogue, nil)
	res, err := fetch.Retrieve(r.t.Context(), r.Account)
	if perr := p.Done(); perr != nil {
		r.t.Errorf("dialogue %v", perr)
	}
	fetchtest.CheckNextStep(r.t, err)
	return r.taker.take(), res, err
}

// secretless fails the test where the account's password, bare or in base64, is to be seen.
func (r *rig) secretless(where string) {
	r.t.Helper()
	password, err := r.Password(r.t.Context())
	if err != nil {
		r.t.Fatal(err)
	}
	encode := base64.RawStdEncoding.EncodeToString
	for _, secret := range []string{
		password, encode([]byte(password)), encode([]byte("\x00" + r.User + "\x00" + password)),
	} {
		if strings.Contains(where, secret) {
			r.t.Errorf("the password (%q) is in %.300q", secret, where)
		}
	}
}

func (r *rig) traced() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Join(r.trace, "\n")
}

// selected is the beginning of a session on a mailbox with UIDs below next: greeting, SELECT, the answer to
// the search, which names all that is there.
func selected(caps string, next int, found string) string {
	uids := strings.Fields(found)
	slices.Sort(uids)
	return fmt.Sprintf(`
S: * PREAUTH [CAPABILITY IMAP4rev1 %s] hello
C: ~^T1 (SELECT|EXAMINE) INBOX$
C: ~^T2 UID SEARCH
S: * %d EXISTS
S: * OK [UIDVALIDITY 1] ok
S: * OK [UIDNEXT %d] ok
S: T1 OK [READ-WRITE] done
S: * SEARCH %s
S: T2 OK done
`, caps, len(slices.Compact(uids)), next, found)
}
