package main

import (
	"bufio"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"
)

// TestOAuthIssuer is TestOAuth's story with an issuer of other people's making, which rotates strictly: by
// device and by browser, over expiry and revocation.
func TestOAuthIssuer(t *testing.T) {
	t.Parallel()
	if os.Getenv("ISSUER") == "" {
		t.Skip("no ISSUER: make ci has one")
	}
	for protocol, way := range map[string]string{"imap": "--device", "pop3": "--browser"} {
		t.Run(protocol, func(t *testing.T) {
			t.Parallel()
			issuer := startIssuer(t, "user1") // the first user of a Dovecot
			r := newIssuerRig(t, protocol, issuer, strings.Replace(issuer, "//", "//api:secret@",
				1)+"oauth/introspect")
			r.consentsAt(issuer, way)
			r.add(t, 1)
			for range 3 {
				r.wants(0, "", "-k")
				r.add(t, 1)
				r.ages(time.Hour)
			}
			if token := r.wants(0, "", "token", "mail"); len(strings.Fields(token)) != 1 {
				t.Errorf("token %q", token)
			}
			r.wants(0, "removed", "logout", "mail")
			r.wants(3, "nobody logged in", "login", "--list")
		})
	}
}

// startIssuer runs the issuer's program until the test ends, and returns its address.
func startIssuer(t *testing.T, user string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Getenv("ISSUER"), user)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = in.Close(), cmd.Wait() })
	address, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(address)
}

var typeIn = regexp.MustCompile(`type in (\S+)`)

// consentsAt runs "fetchd login" with a person who uses the issuer's pages.
func (r *oauthRig) consentsAt(issuer, way string) {
	r.t.Helper()
	status, said := r.fetchd(func(line string) {
		if m := typeIn.FindStringSubmatch(line); m != nil {
			go r.visit(issuer, "", issuer+"device/login", url.Values{"user_code": {m[1]}},
				issuer+"device/confirm?action=allowed")
		}
		if strings.HasPrefix(line, issuer+"auth?") {
			go r.visit(issuer, line, issuer+"login/username", url.Values{}, "")
		}
	}, "login", way, "mail")
	if status != 0 || !strings.Contains(said, "works: ok, access token until") {
		r.t.Errorf("login %s: status %d:\n%s", way, status, said)
	}
}

// visit is a browser: it opens a page, which may say what the login is called, fills in the form, and opens
// the page behind that.
func (r *oauthRig) visit(issuer, page, form string, values url.Values, last string) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		r.t.Error(err)
		return
	}
	browser := &http.Client{Jar: jar}
	if page != "" {
		resp, err := browser.Get(page)
		if err != nil {
			r.t.Error(err)
			return
		}
		_ = resp.Body.Close()
		values.Set("id", resp.Request.URL.Query().Get("authRequestID"))
	}

	values.Set("username", r.user)
	values.Set("password", "verysecure")
	resp, err := browser.PostForm(form, values)
	if err == nil && last != "" {
		_ = resp.Body.Close()
		resp, err = browser.Get(last)
	}
	if err != nil {
		r.t.Error(err)
		return
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		r.t.Errorf("the last page of %s: %s", issuer, resp.Status)
	}
}
