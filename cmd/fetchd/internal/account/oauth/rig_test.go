package oauth

import (
	"context"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"fetchd/cmd/fetchd/internal/account/oauth/oauthtest"
	"fetchd/fetch"
)

// rig is a keeper, and a client of a server, with a clock.
type rig struct {
	*Keeper
	Client
	s *oauthtest.Server
	t *testing.T

	mu  sync.Mutex // guards now
	now time.Time
}

func newRig(t *testing.T) *rig {
	t.Helper()
	r := &rig{s: oauthtest.Start(t), t: t, now: time.Now()}
	r.Keeper = &Keeper{Dir: filepath.Join(t.TempDir(), "oauth"), Now: r.clock}
	r.Client = Client{
		Account: "ann@mail", User: "ann", Provider: r.s.URL, ID: oauthtest.ClientID, Flow: FlowBrowser,
		Scopes: []string{"mail", "offline_access"},
	}
	return r
}

func (r *rig) clock() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.now
}

func (r *rig) pass(d time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.now = r.now.Add(d)
}

// consents lets the person consent in a browser.
func (r *rig) consents() {
	r.t.Helper()
	err := r.Browser(r.t.Context(), r.Client, 0, func(address string, _ int) { go browse(r.t, address) })
	if err != nil {
		r.t.Fatal(err)
	}
}

// browse is a browser.
func browse(t *testing.T, address string) {
	resp, err := http.Get(address)
	if err != nil {
		t.Error(err)
		return
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Errorf("the browser got %s", resp.Status)
	}
}

// token wants a token that the mail server accepts.
func (r *rig) token() string {
	r.t.Helper()
	token, err := r.Token(r.t.Context(), r.Client)
	if err != nil || !r.s.Good(token) {
		r.t.Fatalf("%q, %v", token, err)
	}
	return token
}

// fails wants an error of a kind, with a text, after so many more requests.
func (r *rig) fails(kind fetch.Kind, text string, requests int) {
	r.t.Helper()
	before := len(r.s.Requests())
	_, err := r.Token(r.t.Context(), r.Client)
	if err == nil || fetch.KindOf(err) != kind || !strings.Contains(err.Error(), text) {
		r.t.Errorf("%v, of kind %s; want %s of kind %s", err, fetch.KindOf(err), text, kind)
	}
	if got := len(r.s.Requests()) - before; got != requests {
		r.t.Errorf("%d requests, want %d", got, requests)
	}
	if err != nil && (strings.Contains(err.Error(), "refresh-") || strings.Contains(err.Error(), "access-")) {
		r.t.Errorf("a token is in %v", err)
	}
}

func (r *rig) mustRead() *grant {
	r.t.Helper()
	g, err := r.read(r.Client)
	if err != nil {
		r.t.Fatal(err)
	}
	return g
}

func secretOf(text string) func(context.Context) (string, error) {
	return func(context.Context) (string, error) { return text, nil }
}
