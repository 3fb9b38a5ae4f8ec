package status

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"fetchd/fetch/schedule"
	"fetchd/tlsverify"

	"golang.org/x/net/html"
)

// crowd is a report of 200 accounts, of which three are in trouble, and one has hostile words everywhere.
func crowd(at time.Time) Report {
	r := Report{PID: 4711, Started: at.Add(-31 * time.Hour), At: at}
	for i := range 197 {
		a := Account{
			Name: fmt.Sprintf("user%03d@mail.example.org", i), State: "ok", Success: at.Add(-time.Minute),
			Next: at.Add(4 * time.Minute), Messages: int64(i), Bytes: int64(30_000 * i),
			DayMessages: int64(i % 40), DayBytes: int64(i%40) * 40_000,
		}
		if i%5 == 0 {
			a.State, a.Next = "watching", time.Time{}
		}

		a.setSeen(tlsverify.NewSeen(chainOf("CN=mail.example.org", at.AddDate(0, 0, 61)), true), at)
		r.Accounts = append(r.Accounts, a)
	}

	password := Account{
		Name: "ann@imap.example.net", State: "login refused", Trouble: true, Success: at.Add(-26 * time.Hour),
		Next: at.Add(20 * time.Minute), Messages: 12, Bytes: 380_000, DayFailures: 31,
		Failure: &Failure{"auth", `server refused the login: NO [AUTHENTICATIONFAILED] "Invalid credentials"`,
			at.Add(-5 * time.Hour), at.Add(-10 * time.Minute), 31},
	}

	password.setSeen(tlsverify.NewSeen(chainOf("CN=imap.example.net", at.AddDate(0, 0, 9)), true), at)
	hours, passes := busy(at)
	password.Hours, password.Passes = hours, passes
	certificate := Account{
		Name: "bob@pop.example.com", State: "certificate refused",
		Trouble: true, Success: at.Add(-3 * time.Hour),
		Next: at.Add(time.Hour), DayFailures: 4,
		Failure: &Failure{"tls", "the certificate ended on " + at.AddDate(0, 0, -1).Format("2006-01-02"),
			at.Add(-2 * time.Hour), at.Add(-30 * time.Minute), 4},
	}

	certificate.setSeen(tlsverify.NewSeen(chainOf("CN=pop.example.com", at.AddDate(0, 0, -1)), false), at)
	r.Accounts = append(r.Accounts, password, certificate, hostile(at))
	r.sort()
	return r
}

// evil is what a server or a user could try to get into the page.
const evil = `"><script>alert(1)</script><img src=x onerror=alert(1)>'&amp;` + "\x1b\u202e\x00"

// hostile is an account with evil words wherever words are from elsewhere.
func hostile(at time.Time) Account {
	a := Account{
		Name: evil + "@h", Mailboxes: []string{evil}, State: "backing off", Trouble: true, SetAside: 130,
		Failure:     &Failure{"network", evil, at.Add(-time.Hour), at, 7},
		DayMessages: 7, DayBytes: 9000, DayFailures: 7,
		Waiting: []Waiting{{evil, evil, at}},
	}
	// The first one is of a file that somebody has damaged.
	a.Passes = []schedule.Pass{{},
		{At: at, Failure: &schedule.PassFailure{Kind: evil, Text: evil, Since: at, Count: 2}}}
	a.setSeen(tlsverify.NewSeen(chainOf(evil, at.AddDate(0, 0, 400)), true), at)
	return a
}

func chainOf(subject string, end time.Time) []tlsverify.SeenCertificate {
	digits := strings.TrimSuffix(strings.Repeat("AB:", 32), ":")
	return []tlsverify.SeenCertificate{
		{Subject: subject, Issuer: "CN=Example CA 2,O=Example", Fingerprint: "sha256:" + digits,
			NotAfter: end},
		{Subject: "CN=Example CA 2,O=Example", Issuer: "CN=Example Root", Fingerprint: "sha256:" + digits,
			NotAfter: end.AddDate(4, 0, 0)},
	}
}

// busy is a day with mail in the morning and trouble from then on.
func busy(at time.Time) (hours []schedule.Hour, passes []schedule.Pass) {
	for i := range 24 {
		h := schedule.Hour{Start: at.Truncate(time.Hour).Add(time.Duration(i-23) * time.Hour)}
		if i < 19 {
			h.Messages = int64((i*7 + 3) % 11)
			h.Bytes = h.Messages * 31_000
			passes = append(passes, schedule.Pass{
				At: h.Start.Add(7 * time.Minute), Delivered: int(h.Messages) + 1,
				Bytes: h.Bytes + 900, Deleted: i % 3,
			})
		} else {
			h.Failures = int64(i - 16)
		}
		hours = append(hours, h)
	}
	return hours, append(passes, schedule.Pass{At: at.Add(-10 * time.Minute), Failure: &schedule.PassFailure{
		Kind: "auth", Text: `server refused the login: NO [AUTHENTICATIONFAILED] "Invalid credentials"`,
		Since: at.Add(-5 * time.Hour), Count: 31,
	}})
}

// pageOf serves the page of a report.
func pageOf(t *testing.T, r Report) http.Handler {
	t.Helper()
	return handler(Source{
		Report: func(whole func(string) bool) Report {
			// As the daemon does, and not the same one: each who asks may change it.
			own := r
			own.Accounts = append([]Account(nil), r.Accounts...)
			own.Shorten(whole)
			return own
		},
		Stalled: func() string { return "" },
		Hours: func() []schedule.Hour {
			hours, _ := busy(r.At)
			return hours
		},
	}, true)
}

// ask asks as a browser on this machine does.
func ask(h http.Handler, method, target string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	r := httptest.NewRequest(method, target, nil)
	r.Host = "127.0.0.1:9250"
	h.ServeHTTP(w, r)
	return w
}

func TestPage(t *testing.T) {
	t.Parallel()
	h := pageOf(t, crowd(later))
	for _, tt := range []struct {
		path       string
		code       int
		has, lacks string
	}{
		{"/", 200, "3 of 200 accounts in trouble", ""},
		{"/", 200, "Since 08:00, 31 times: server refused the login", ""},
		{"/", 200, "user196@mail.example.org", ""},
		{"/?q=ANN", 200, "ann@imap.example.net", "user196"},
		{"/?q=invalid+credentials", 200, "ann@imap.example.net", "bob@"},
		{"/?q=nobody", 200, "No account is like that.", "<table>"},
		{"/?q=%22%3E%3Cb%3E", 200, "&#34;&gt;&lt;b&gt;", `"><b>`},
		{"/?state=watching", 200, "user005@", "user001@"},
		{"/?state=trouble", 200, "bob@", "user000@"},
		{"/?state=trouble&q=tls", 200, "No account is like that.", "bob@"},
		{"/account?name=ann%40imap.example.net", 200, "31 times auth: server refused the login", "bob@"},
		{"/account?name=ann%40imap.example.net", 200, "AB:AB:", ""},
		{"/account?name=bob%40pop.example.com", 200, "Certificates of the server, which was refused", ""},
		{"/account?name=" + url.QueryEscape(evil+"@h"), 200, "130 messages set aside", "bob@"},
		{"/account?name=ann", 404, "no such account", ""},
		{"/account", 404, "no such account", ""},
		{"/page", 404, "not found", ""},
	} {
		w := ask(h, "GET", tt.path)
		body := w.Body.String()
		if w.Code != tt.code || !strings.Contains(body, tt.has) || tt.lacks != "" &&
			strings.Contains(body, tt.lacks) {
			t.Errorf("%s: %d, without %q or with %q", tt.path, w.Code, tt.has, tt.lacks)
		}
		// None of what the hostile account says is markup, or can't be seen.
		for _, bad := range []string{"<img", "alert(1)</script", "\x1b", "\u202e", "\x00",
			"</span>&amp;amp;x"} {
			if strings.Contains(body, bad) {
				t.Errorf("%s: %q", tt.path, bad)
			}
		}
	}
	trouble := strings.Index(ask(h, "GET", "/").Body.String(), "ann@imap")
	if well := strings.Index(ask(h, "GET", "/").Body.String(), "user000"); trouble > well {
		t.Error("trouble does not come first")
	}
}

// TestPageIsGuarded: who may read it, and what a browser may do with it.
func TestPageIsGuarded(t *testing.T) {
	t.Parallel()
	h := pageOf(t, crowd(later))
	w := ask(h, "GET", "/")
	for name, want := range map[string]string{
		"Content-Type": "text/html; charset=utf-8", "X-Content-Type-Options": "nosniff",
		"Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Frame-Options": "DENY",
		"Cross-Origin-Resource-Policy": "same-origin",
	} {
		if got := w.Header().Get(name); got != want {
			t.Errorf("%s: %q", name, got)
		}
	}

	policy := w.Header().Get("Content-Security-Policy")
	if !strings.HasPrefix(policy, "default-src 'none'; ") || strings.Contains(policy, "unsafe") {
		t.Errorf("policy %q", policy)
	}

	body := w.Body.String()
	for _, element := range []string{"style", "script"} {
		_, content, _ := strings.Cut(body, "<"+element+">")
		content, _, _ = strings.Cut(content, "</"+element+">")
		isNamed := strings.Contains(policy, element+"-src "+hashOf(content))
		if strings.Count(body, "<"+element) != 1 || !isNamed {
			t.Errorf("%s is not the one that the policy names", element)
		}
	}

	for method, want := range map[string]int{"HEAD": 200, "POST": 405, "PUT": 405, "DELETE": 405,
		"OPTIONS": 405} {
		if w := ask(h, method, "/"); w.Code != want {
			t.Errorf("%s: %d, want %d", method, w.Code, want)
		}
	}

	r := httptest.NewRequest("GET", "/", nil)
	r.Host = "evil.example"
	other := httptest.NewRecorder()
	h.ServeHTTP(other, r)
	if other.Code != http.StatusMisdirectedRequest || strings.Contains(other.Body.String(), "ann@") {
		t.Errorf("by another name: %d", other.Code)
	}
}

// TestPageHasOnlyItsOwnMarkup: as a browser reads it, also where words from elsewhere are hostile.
func TestPageHasOnlyItsOwnMarkup(t *testing.T) {
	t.Parallel()
	h := pageOf(t, crowd(later))
	for _, path := range []string{"/", "/?q=" + url.QueryEscape(evil), "/account?name=" +
		url.QueryEscape(evil+"@h")} {
		root, err := html.Parse(ask(h, "GET", path).Body)
		if err != nil {
			t.Fatal(err)
		}
		scripts := 0
		for n := range root.Descendants() {
			if n.Type != html.ElementNode {
				continue
			}
			if n.Data == "script" {
				scripts++
			}
			if n.Data == "img" || n.Data == "b" || n.Data == "iframe" {
				t.Errorf("%s: <%s>", path, n.Data)
			}
			for _, a := range n.Attr {
				isLink := a.Key == "href" || a.Key == "src" || a.Key == "action"
				if strings.HasPrefix(a.Key, "on") || a.Key == "style" || isLink && a.Val[0] != '/' &&
					!strings.HasPrefix(a.Val, "data:image/svg+xml,") {
					t.Errorf("%s: <%s %s=%q>", path, n.Data, a.Key, a.Val)
				}
			}
		}
		if scripts != 1 {
			t.Errorf("%s: %d scripts", path, scripts)
		}
	}
}

// TestNextPollInWords: nobody waits for a retrieval that will not be.
func TestNextPollInWords(t *testing.T) {
	t.Parallel()
	r := Report{PID: 1, At: later}
	for state, want := range map[string]string{
		"watching": "when the server tells of mail", Disabled: "none", "ok": "one runs",
	} {
		if got := r.nextPoll(&Account{State: state}); got != want {
			t.Errorf("%s: %q, want %q", state, got, want)
		}
	}
	if got := r.nextPoll(&Account{State: "ok", Next: later}); got != "13:00" {
		t.Errorf("a time: %q", got)
	}
}

// TestNoPage: metrics alone show no page.
func TestNoPage(t *testing.T) {
	t.Parallel()
	h := handler(Source{Report: func(func(string) bool) Report { return crowd(later) }}, true)
	for _, path := range []string{"/", "/account?name=ann%40imap.example.net"} {
		if w := ask(h, "GET", path); w.Code != 404 {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
}

// TestPageOfMany: a page lists so many accounts and counts the others, in trouble first, and is quick.
func TestPageOfMany(t *testing.T) {
	t.Parallel()
	r := Report{At: later}
	for i := range 10_000 {
		r.Accounts = append(r.Accounts,
			Account{Name: fmt.Sprintf("u%05d@h", i), State: "ok", Trouble: i == 9_999})
	}
	body := ask(pageOf(t, r), "GET", "/").Body.String()
	if n := strings.Count(body, "class='state"); n != rowsMost {
		t.Errorf("%d rows", n)
	}
	if !strings.Contains(body, "u09999@h") || !strings.Contains(body, "And 9500 more") || len(body) > 1<<20 {
		t.Errorf("%d bytes", len(body))
	}
}
