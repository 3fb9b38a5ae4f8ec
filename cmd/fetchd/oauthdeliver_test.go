package main

import (
	"encoding/base64"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"fetchd/delivery/deliverytest"
)

// deliversBy replaces the rig's destination; the helper prints a token of the account's grant.
func (r *oauthRig) deliversBy(server, user string) {
	r.t.Helper()
	rc := filepath.Join(r.dir, "rc")
	text, err := os.ReadFile(rc)
	if err != nil {
		r.t.Fatal(err)
	}
	changed := strings.Replace(string(text), " user ", " "+server+" user ", 1)
	changed = strings.Replace(changed, r.destination(), user, 1)
	if err := os.WriteFile(rc, []byte(changed), 0o600); err != nil {
		r.t.Fatal(err)
	}
}

// helper is the command that a destination asks for a token.
func (r *oauthRig) helper() string {
	return fmt.Sprintf("fetchd token %s@mail -f %s", r.user, filepath.Join(r.dir, "rc"))
}

// encoded is what may be base64.
var encoded = regexp.MustCompile(`[A-Za-z0-9+/]{16,}=*`)

// tokenIn is the token in what a client says by OAUTHBEARER or XOAUTH2, "" if there is none.
func tokenIn(said string) string {
	for _, word := range encoded.FindAllString(said, -1) {
		text, err := base64.StdEncoding.DecodeString(word)
		if _, token, ok := strings.Cut(string(text), "auth=Bearer "); ok && err == nil {
			token, _, _ = strings.Cut(token, "\x01")
			return token
		}
	}
	return ""
}

// A mail server and an IMAP server that mail is delivered to take tokens of the account's grant, one for each
// connection, also when the one before has expired.
func TestOAuthDestinations(t *testing.T) {
	t.Parallel()
	t.Run("append", func(t *testing.T) {
		t.Parallel()
		r := newOAuthRig(t, "imap")
		r.deliversBy("", fmt.Sprintf("append \"imaps://%s@localhost:%d/Old\" appendcreate "+
			"appendsslcertfile %q appendauth oauthbearer appendpasswordeval %q",
			r.user, r.d.IMAPS, r.d.CAFile, r.helper()))
		r.logsIn("--device")
		for n := 1; n <= 3; n++ {
			r.add(t, 1)
			r.wants(0, "", "-k", "-v", "-v") // whose trace shows no token
			if there := r.d.Count(t, r.user, "Old"); there != n {
				t.Errorf("%d messages are there, want %d", there, n)
			}
			r.ages(time.Hour)
		}
	})
	for _, mechanism := range []string{"oauthbearer", "xoauth2"} {
		t.Run("smtp, "+mechanism, func(t *testing.T) {
			t.Parallel()
			r := newOAuthRig(t, "imap")
			sink := &deliverytest.Sink{Offer: []string{"AUTH PLAIN OAUTHBEARER XOAUTH2"}}
			sink.Answer = func(to string) string {
				if initial, ok := strings.CutPrefix(to, "AUTH "+strings.ToUpper(mechanism)+" "); ok &&
					r.s.Good(tokenIn(initial)) {
					return "235 2.7.0 welcome"
				}
				if strings.HasPrefix(to, "AUTH ") {
					return "535 5.7.8 no"
				}
				return ""
			}
			port := sink.Listen(t, "127.0.0.1:0").(*net.TCPAddr).Port
			r.deliversBy(fmt.Sprintf("esmtpname %q esmtpauth %s esmtppasswordeval %q", r.user, mechanism,
				r.helper()), fmt.Sprintf("is ann smtphost localhost/%d", port))
			r.logsIn("--device")
			for n := 1; n <= 3; n++ {
				r.add(t, 1)
				r.wants(0, "", "-k", "-v", "-v") // whose trace shows no token
				if there := len(sink.Got()); there != n {
					t.Errorf("%d messages are there, want %d", there, n)
				}
				r.ages(time.Hour)
			}

			r.s.Fail(503, "server_error")
			r.add(t, 1)
			r.wants(2, "server_error", "-k") // the account's own login says so first
		})
	}
}
