package status

import (
	"crypto/sha256"
	_ "embed" // the page's style and script
	"encoding/base64"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
)

// What the page looks like, and how it renews itself.
var (
	//go:embed page.css
	pageStyle string
	//go:embed page.js
	pageScript string
)

// rowsMost is how many accounts the page lists: it stays small enough for a browser to renew it all the time.
const rowsMost = 500

// page is the status page, for people. It is made by the server, so that it works without its script.
type page struct {
	source Source
	policy string // the Content-Security-Policy

	making sync.Mutex // one page at a time: whoever asks for many must not use up the memory
}

func newPage(source Source) *page { return &page{source: source, policy: contentPolicy()} }

// contentPolicy lets the browser take from the page its own style and its own script, which may ask this
// server alone: what a mail server says could not be run even if it were not escaped.
func contentPolicy() string {
	return strings.Join([]string{
		"default-src 'none'", "style-src " + hashOf(pageStyle), "script-src " + hashOf(pageScript),
		"img-src data:", "connect-src 'self'", "form-action 'self'", "base-uri 'none'",
		"frame-ancestors 'none'",
	}, "; ")
}

// hashOf is the source expression for an element with that content.
func hashOf(content string) string {
	sum := sha256.Sum256([]byte(content))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

// overview is the page with all accounts.
func (p *page) overview(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	p.answer(w, func() (view, bool) {
		report := p.source.Report(nil)
		return report.overview(query.Get("q"), query.Get("state"), p.source.Hours()), true
	})
}

// account is the page with one account.
func (p *page) account(w http.ResponseWriter, r *http.Request) {
	name := r.URL.Query().Get("name")
	p.answer(w, func() (view, bool) {
		isMeant := func(account string) bool { return account == name }
		report := p.source.Report(isMeant)
		report.Accounts = slices.DeleteFunc(report.Accounts, func(a Account) bool { return !isMeant(a.Name) })
		return report.accountView(), len(report.Accounts) > 0
	})
}

// answer sends the page that shows what look finds.
func (p *page) answer(w http.ResponseWriter, look func() (v view, found bool)) {
	text, found := p.make(look)
	if !found {
		http.Error(w, "no such account", http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", p.policy)
	_, _ = io.WriteString(w, text) // an error is of the connection, and there is nobody to tell
}

func (p *page) make(look func() (view, bool)) (text string, found bool) {
	p.making.Lock()
	defer p.making.Unlock()

	v, found := look()
	if !found {
		return "", false
	}
	return v.draw(), true
}
