package fetch_test

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"fetchd/delivery"
	"fetchd/fetch"
	"fetchd/tlsverify"
	"fetchd/tlsverify/tlstest"
)

// hooked delivers one by one, with a hook before and after the n-th delivery, from 1.
type hooked struct {
	delivery.Deliverer
	before func(n int) error
	after  func(n int)
	n      atomic.Int64
}

func (h *hooked) Deliver(ctx context.Context, m *delivery.Message) error {
	n := int(h.n.Add(1))
	if h.before != nil {
		if err := h.before(n); err != nil {
			return err
		}
	}
	err := h.Deliverer.Deliver(ctx, m)
	if h.after != nil {
		h.after(n)
	}
	return err
}

// checkCut: wherever the connection breaks, nothing partial is delivered, and the next retrieval brings
// exactly the rest. Behind the proxy each round is a retrieval that is cut and one that is not.
func checkCut(t *testing.T, r *rig) {
	proxy := r.proxied(t)
	var all [][]byte
	for i, at := range []int64{6_000, 10_007, 19_999, 30_001, 41_013} {
		messages := small(40, 1200)
		for k := range messages {
			// In the header: a server that uses a UID again would have the same message as before.
			messages[k] = bytes.Replace(messages[k], []byte("Subject:"),
				fmt.Appendf(nil, "Subject: round %d,", i), 1)
		}
		all = append(all, messages...)
		r.append(t, "INBOX", messages...)
		proxy.Cut(at)
		res, _ := r.fails(t, fetch.KindNetwork)
		r.onlyOf(t, all)
		proxy.Cut(-1)
		r.retrieve(t, 40-res.Delivered)
		r.wants(t, all)
		r.holds(t, "INBOX", r.left(len(all)))
	}
}

// onlyOf checks that everything that arrived is one of messages, in full, and nothing twice.
func (r *rig) onlyOf(t *testing.T, messages [][]byte) {
	t.Helper()
	whole := map[string]bool{}
	for _, m := range messages {
		whole[canon(m)] = true
	}
	for _, got := range r.delivered(t) {
		if !whole[got] {
			t.Fatalf("delivered in part, or twice: %d bytes, %.100q … %.100q",
				len(got), got, got[max(0, len(got)-100):])
		}
		delete(whole, got)
	}
	r.noRemains(t)
}

// checkCutAfterDelivery: what was delivered before the server could be told is not delivered again, but still
// deleted.
func checkCutAfterDelivery(t *testing.T, r *rig) {
	messages := small(12, 20_000)
	r.append(t, "INBOX", messages...)
	res := r.loseAfter(t, 5)
	if res.Delivered < 5 || res.Deleted != 0 {
		t.Fatalf("%+v", res)
	}
	r.holds(t, "INBOX", 12)
	r.retrieve(t, len(messages)-res.Delivered)
	r.wants(t, messages)
	r.holds(t, "INBOX", 0)
}

// loseAfter makes a retrieval whose connection goes dead when the n-th message is delivered, one at a time,
// and leads the account past the proxy again.
func (r *rig) loseAfter(t *testing.T, n int) fetch.Result {
	t.Helper()
	port, whole, timeout := r.a.Port, r.a.Deliverer, r.a.Timeout
	proxy := r.proxied(t)
	r.a.Deliverer = &hooked{Deliverer: whole, after: func(i int) {
		if i == n {
			proxy.Hang(true)
		}
	}}
	r.a.Timeout = time.Second
	res, _ := r.fails(t, fetch.KindNetwork)
	r.a.Port, r.a.Deliverer, r.a.Timeout = port, whole, timeout
	return res
}

// checkWrongPassword: it is the login that failed; nothing prints the password.
func checkWrongPassword(t *testing.T, r *rig) {
	r.append(t, "INBOX", small(1, 100)...)
	r.a.Password = func(context.Context) (string, error) { return "hunter2", nil }
	_, err := r.fails(t, fetch.KindAuth)
	for _, text := range []string{err.Error(), r.heard()} {
		if strings.Contains(text, "hunter2") || strings.Contains(text, "aHVudGVyMg") {
			t.Errorf("the password is in %.300q", text)
		}
	}
	r.holds(t, "INBOX", 1)
}

// checkWrongCertificate: a server that can't prove who it is gets no credentials: the password isn't even
// asked for, and nothing of a login is said.
func checkWrongCertificate(t *testing.T, r *rig) {
	r.append(t, "INBOX", small(1, 100)...)
	other := tlstest.NewCA(t)
	pin, err := tlsverify.ParsePin("sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")
	if err != nil {
		t.Fatal(err)
	}
	asked := false
	r.a.Password = func(context.Context) (string, error) {
		asked = true
		return r.password, nil
	}
	for name, options := range map[string]tlsverify.Options{
		"unknown authority": {Host: "localhost", CAFile: other.File(t)},
		"another name":      {Host: "mail.example.org", NoCheck: false, CAFile: other.File(t)},
		"wrong pin":         {Host: "localhost", NoCheck: true, Pins: []tlsverify.Pin{pin}},
	} {
		if r.a.Policy, err = tlsverify.New(options); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		_, err := r.fails(t, fetch.KindTLS)
		if err.Error() == "" {
			t.Errorf("%s: no word", name)
		}
	}
	r.a.Policy = nil
	r.fails(t, fetch.KindTLS)
	if asked {
		t.Error("the password was asked for")
	}
	for _, word := range []string{"USER", "PASS", "AUTH", "LOGIN", "APOP"} {
		for line := range strings.Lines(r.heard()) {
			if _, said, ok := strings.Cut(line, "> "); ok && strings.Contains(strings.ToUpper(said), word) {
				t.Errorf("the client says %q", line)
			}
		}
	}
	r.holds(t, "INBOX", 1)
}

// checkLocked: a maildrop that another session has is busy, and nothing else.
func checkLocked(t *testing.T, r *rig) {
	r.append(t, "INBOX", small(2, 100)...)
	other := newRig(t, r.variant, r.mailbox)
	session, err := other.a.Connect(t.Context(), other.a)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.fails(t, fetch.KindBusy); !strings.Contains(err.Error(), "IN-USE") {
		t.Errorf("error %v", err)
	}
	if err := session.Close(); err != nil {
		t.Fatal(err)
	}
	r.retrieve(t, 2)
	r.holds(t, "INBOX", 0)
}
