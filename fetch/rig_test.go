package fetch_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"fetchd/delivery"
	"fetchd/fetch"
	"fetchd/fetch/fetchtest"
)

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
		Name: m.user + "@localhost", Poll: "localhost", Key: "localhost||0|" + m.user,
		Journal: fetchtest.OpenJournal(t), Log: slog.New(slog.DiscardHandler), Trace: r.hear,
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
		Delivery: fetch.Delivery{
			Recipients: []string{"ann"}, SpoolDir: t.TempDir(), Hostname: "here.example.org",
		},
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
	agent, err := delivery.NewMDA(delivery.MDAOptions{
		Command: fmt.Sprintf(`cat >"$(mktemp "%s/XXXXXXXXXXXX")"`, dir),
	})
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
	fetchtest.CheckNextStep(t, err)
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
			t.Fatalf("message %d of %d bytes, want %d; from byte %d on %.80q, want %.80q",
				i, len(got[i]), len(want[i]), at, got[i][at:], want[i][at:])
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
		head := fmt.Appendf(nil, "Return-Path: <bob@example.net>\r\n"+
			"From: bob@example.net\r\nSubject: message %d\r\n\r\n", i)
		out[i] = append(bytes.Repeat(
			[]byte("0123456789 the quick brown fox jumps over the lazy dog\r\n"), size/56), '\r', '\n')
		out[i] = append(head, out[i]...)
	}
	return out
}
