package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// describes makes the server describe itself: it wants OAuth.
func (r *oauthRig) describes() {
	r.t.Helper()
	text := fmt.Sprintf(`<clientConfig><emailProvider id="localhost">
<incomingServer type="imap"><hostname>localhost</hostname>
<port>%d</port><socketType>SSL</socketType><username>%s</username>
<authentication>OAuth2</authentication></incomingServer>
</emailProvider></clientConfig>`, r.d.IMAPS, r.user)
	site := filepath.Join(r.dir, "sites", "mail")
	err := os.MkdirAll(site, 0o700)
	if err == nil {
		err = os.WriteFile(filepath.Join(site, "config-v1.1.xml"), []byte(text), 0o600)
	}
	if err == nil {
		err = os.Remove(filepath.Join(r.dir, "rc"))
	}
	if err != nil {
		r.t.Fatal(err)
	}
}

// sets runs "fetchd setup" with answers, and with a person who types in the code.
func (r *oauthRig) sets(status int, answers ...string) string {
	r.t.Helper()
	r.answers = strings.Join(answers, "\n") + "\n"
	got, said := r.fetchd(func(line string) {
		if strings.Contains(line, "type in") {
			r.s.Consent()
		}
	}, "setup", "--sslcertfile", r.d.CAFile, "--pidfile", filepath.Join(r.dir, "pid"), "ann@localhost")
	if got != status {
		r.t.Errorf("status %d, want %d:\n%s", got, status, said)
	}
	return said
}

// From an address to mail where only OAuth lets in: the entry, the consent and the first retrieval.
func TestSetupByOAuth(t *testing.T) {
	t.Parallel()
	r := newOAuthRig(t, "imap")
	r.s.Secret = true
	r.describes()
	r.add(t, 2)
	rc, maildir := filepath.Join(r.dir, "rc"), filepath.Join(r.dir, "Maildir")

	const secret = "client-secret-of-the-test"
	said := r.sets(5, "y", r.user, "nonsense", "mail", secret, maildir, "y")
	if !strings.Contains(said, "oauth must be google, microsoft or the address of an issuer") {
		t.Errorf("a bad issuer: %s", said)
	}

	said = r.sets(0, "y", r.user, r.s.URL, "mail", secret, maildir, "y", "y", "y")
	for _, want := range []string{
		"localhost lets nobody in with a password: it wants OAuth.", fmt.Sprintf("oauth %q", r.s.URL),
		`oauthclient "mail"`, `oauthsecret "***"`, "type in", "works: ok, access token until",
		"2 messages for " + r.user, "It works.",
	} {
		if !strings.Contains(said, want) {
			t.Errorf("no %q in\n%s", want, said)
		}
	}
	info, err := os.Stat(rc)
	if err != nil || info.Mode() != 0o600 || strings.Contains(said, secret) || len(r.delivered(t)) != 2 {
		t.Errorf("%v, %v, %d messages:\n%s", info, err, len(r.delivered(t)), said)
	}

	if err := os.Remove(rc); err != nil {
		t.Fatal(err)
	}
	said = r.sets(0, "y", r.user, r.s.URL, "mail", secret, maildir, "y", "n")
	want := "Next: fetchd login " + r.user + "@localhost, and then fetchd\n"
	if !strings.Contains(said, want) {
		t.Errorf("no %q in\n%s", want, said)
	}
}
