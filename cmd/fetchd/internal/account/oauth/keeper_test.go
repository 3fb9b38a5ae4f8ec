package oauth

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"fetchd/fetch"
)

func TestTokenLastsAndIsRefreshed(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.consents()
	first := r.token()
	r.pass(54 * time.Minute)
	if r.token() != first || len(r.s.Requests()) != 1 {
		t.Errorf("%d requests", len(r.s.Requests()))
	}

	for range 5 { // each refresh token is good once
		r.pass(56 * time.Minute)
		next := r.token()
		if next == first {
			t.Error("not refreshed ahead of its end")
		}
		first = next
	}
	if n := len(r.s.Requests()); n != 6 {
		t.Errorf("%d requests", n)
	}
}

// A short life is refreshed after four fifths of it.
func TestShortLife(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.s.Life = 100
	r.consents()
	first := r.token()
	r.pass(79 * time.Second)
	if r.token() != first {
		t.Error("refreshed too early")
	}
	r.pass(2 * time.Second)
	if r.token() == first {
		t.Error("not refreshed")
	}
}

// A mail server's refusal leads to another token, but not at each pass.
func TestRenew(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.consents()
	first := r.token()
	if got, err := r.Renew(t.Context(), r.Client, first); got != first || err != nil {
		t.Errorf("too soon: %q, %v", got, err)
	}

	r.s.Revoke(false)
	r.pass(10 * time.Minute)
	next, err := r.Renew(t.Context(), r.Client, first)
	if err != nil || next == first || !r.s.Good(next) {
		t.Errorf("%q, %v", next, err)
	}
	// Another login was refused with the first one, and there is a newer one already.
	if got, err := r.Renew(t.Context(), r.Client, first); got != next || err != nil {
		t.Errorf("%q, %v", got, err)
	}

	r.pass(10 * time.Minute)
	r.s.Fail(500, "server_error")
	if got, err := r.Renew(t.Context(), r.Client, next); fetch.KindOf(err) != fetch.KindNetwork {
		t.Errorf("%q, %v", got, err)
	}
}

// Many logins at once, as of as many accounts or processes: one request, and nobody gets an old token.
func TestOneFlight(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.consents()
	r.pass(2 * time.Hour)
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			another := &Keeper{Dir: r.Dir, Now: r.clock} // as a process has
			token, err := another.Token(t.Context(), r.Client)
			if err != nil || !r.s.Good(token) {
				t.Errorf("%q, %v", token, err)
			}
		})
	}
	wg.Wait()
	if n := len(r.s.Requests()); n != 2 { // that of the login, and one
		t.Errorf("%d requests", n)
	}
}

// A login that is given up does not give up the request: its answer is the grant from then on.
func TestCancelledLoginKeepsTheGrant(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.consents()
	r.pass(2 * time.Hour)
	ctx, cancel := context.WithCancel(t.Context())
	r.s.Answer(func(w http.ResponseWriter, req *http.Request) {
		cancel()
		r.s.Token(w, req)
	})
	token, err := r.Token(ctx, r.Client)
	if err != nil || !r.s.Good(token) {
		t.Errorf("%q, %v", token, err)
	}
	r.pass(2 * time.Hour)
	r.s.Answer(nil)
	r.token()
}

// Plain HTTP is for this machine alone.
func TestAddresses(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]bool{
		"https://issuer.example.org": true, "http://127.0.0.1:80": true, "http://localhost/x": true,
		"http://issuer.example.org": false, "issuer.example.org": false, "https://": false,
		"https://ann:x@issuer.example.org": false, "ftp://127.0.0.1": false, "https://a/#b": false,
	} {
		if err := CheckURL(address); err == nil != want {
			t.Errorf("%s: %v", address, err)
		}
	}
	_, err := Client{}.newHTTPClient().Get("http://192.0.2.1/")
	if err == nil || !strings.Contains(err.Error(), "without TLS") {
		t.Errorf("%v", err)
	}
	p := provider{Token: "http://127.0.0.1/token"}
	if err := p.checkEndpoints("https://issuer.example.org"); err == nil {
		t.Error("an issuer with TLS may name an endpoint without")
	}
}

// A daemon that waits for a login tries again when there is one, and not because tokens come and go.
func TestStamp(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	if r.Stamp(r.Client) != "" {
		t.Error("a stamp of no grant")
	}
	r.consents()
	first := r.Stamp(r.Client)
	r.pass(2 * time.Hour)
	r.s.Fail(400, "invalid_grant")
	r.fails(fetch.KindGrant, "invalid_grant", 1)
	r.s.Answer(nil)
	r.pass(time.Second)
	r.Retry()
	r.token()
	if r.Stamp(r.Client) != first {
		t.Error("it changes with the tokens")
	}
	r.consents()
	if r.Stamp(r.Client) == first {
		t.Error("it does not change with a login")
	}
}
