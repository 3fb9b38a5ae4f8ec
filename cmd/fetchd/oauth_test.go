package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"fetchd/cmd/fetchd/internal/account/oauth/oauthtest"
	"fetchd/fetch/fetchtest"
)

// oauthRig is a user with an rc file, a Dovecot that asks an OAuth server about tokens, and that server.
type oauthRig struct {
	*victim
	s *oauthtest.Server
	t *testing.T

	answers string // what the programs read
}

func newOAuthRig(t *testing.T, protocol string) *oauthRig {
	t.Helper()
	s := oauthtest.Start(t)
	r := newIssuerRig(t, protocol, s.URL, s.URL+"/introspect")
	r.s, s.User = s, r.user
	return r
}

// newIssuerRig is the user of an issuer, which Dovecot asks about tokens at the address of introspection.
func newIssuerRig(t *testing.T, protocol, issuer, introspection string) *oauthRig {
	t.Helper()
	at := t.TempDir()
	introspection = fmt.Sprintf("introspection_mode = post\nintrospection_url = %s\n"+
		"username_attribute = username\nactive_attribute = active\nactive_value = true\n", introspection)
	file := filepath.Join(at, "oauth2.conf")
	if err := os.WriteFile(file, []byte(introspection), 0o644); err != nil {
		t.Fatal(err)
	}
	d := fetchtest.StartDovecot(t, "auth_mechanisms = plain oauthbearer xoauth2",
		"passdb {", "driver = oauth2", "mechanisms = xoauth2 oauthbearer", "args = "+file, "}")

	r := &oauthRig{victim: newVictim(t, d, protocol, false), t: t}
	wrapped, _ := r.ports()
	text := fmt.Sprintf("set pidfile %q\npoll mail via localhost proto %s port %d user %q oauth %q "+
		"oauthclient %s oauthscope \"openid email profile offline_access\" keep %s %s\n",
		filepath.Join(r.dir, "pid"), protocol, wrapped, r.user, issuer, oauthtest.ClientID,
		r.wrapped(), r.destination())
	if err := os.WriteFile(filepath.Join(r.dir, "rc"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return r
}

// fetchd runs the program to its end, and returns its status and what it says. Each line is seen as it comes.
func (r *oauthRig) fetchd(seen func(line string), args ...string) (int, string) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), time.Minute) // a login waits for a person for longer
	defer cancel()
	cmd := exec.CommandContext(ctx, "fetchd", append(args, "-f", filepath.Join(r.dir, "rc"))...)
	cmd.Dir = r.dir
	cmd.Env = []string{"HOME=" + r.dir, "PATH=" + os.Getenv("PATH"), "TMPDIR=" + r.dir}
	cmd.Stdin = strings.NewReader(r.answers)
	out, err := cmd.StdoutPipe()
	if err != nil {
		r.t.Fatal(err)
	}
	cmd.Stderr = cmd.Stdout
	if err := cmd.Start(); err != nil {
		r.t.Fatal(err)
	}

	var said strings.Builder
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		said.WriteString(lines.Text() + "\n")
		if seen != nil {
			seen(lines.Text())
		}
	}
	err = cmd.Wait()
	var ended *exec.ExitError
	if err != nil && !errors.As(err, &ended) {
		r.t.Fatal(err)
	}
	isShown := strings.Contains(said.String(), "access-") || strings.Contains(said.String(), "refresh-")
	if args[0] != "token" && (isShown || tokenIn(said.String()) != "") {
		r.t.Errorf("%v shows a token:\n%s", args, said.String())
	}
	return cmd.ProcessState.ExitCode(), said.String()
}

// ages makes the access token so old, as if it were good for an hour.
func (r *oauthRig) ages(old time.Duration) {
	r.t.Helper()
	files, err := filepath.Glob(filepath.Join(r.dir, ".local/state/fetchd/oauth/*.json"))
	if err != nil || len(files) != 1 {
		r.t.Fatal(files, err)
	}
	text, err := os.ReadFile(files[0])
	if err != nil {
		r.t.Fatal(err)
	}
	var grant map[string]any
	if err := json.Unmarshal(text, &grant); err != nil {
		r.t.Fatal(err)
	}
	obtained := time.Now().Add(-old)
	grant["obtained"], grant["expiry"] = obtained, obtained.Add(time.Hour)
	if text, err = json.Marshal(grant); err != nil {
		r.t.Fatal(err)
	}
	if err := os.WriteFile(files[0], text, 0o600); err != nil {
		r.t.Fatal(err)
	}
}

// wants runs the program, which must end with a status and say some words.
func (r *oauthRig) wants(status int, words string, args ...string) string {
	r.t.Helper()
	got, said := r.fetchd(nil, args...)
	if got != status || !strings.Contains(said, words) {
		r.t.Errorf("%v: status %d, want %d and %q:\n%s", args, got, status, words, said)
	}
	return said
}

// logsIn runs "fetchd login" with a person who does what it says.
func (r *oauthRig) logsIn(way string) {
	r.t.Helper()
	status, said := r.fetchd(func(line string) {
		switch {
		case strings.Contains(line, "type in"):
			r.s.Consent()
		case strings.HasPrefix(line, r.s.URL+"/authorize"):
			go r.browse(line)
		}
	}, "login", way, "mail")
	if status != 0 || !strings.Contains(said, "works: ok, access token until") {
		r.t.Errorf("login %s: status %d:\n%s", way, status, said)
	}
}

func (r *oauthRig) browse(address string) {
	req, err := http.NewRequestWithContext(context.WithoutCancel(r.t.Context()), http.MethodGet, address, nil)
	if err == nil {
		var resp *http.Response
		if resp, err = http.DefaultClient.Do(req); err == nil {
			err = resp.Body.Close()
		}
	}
	if err != nil {
		r.t.Error(err)
	}
}

// From nothing to mail, and then unattended through all that happens to a grant, with a real mail server that
// asks the OAuth server about each token.
func TestOAuth(t *testing.T) {
	t.Parallel()
	for protocol, way := range map[string]string{"imap": "--device", "pop3": "--browser"} {
		t.Run(protocol, func(t *testing.T) {
			t.Parallel()
			r := newOAuthRig(t, protocol)
			account := r.user + "@mail"
			if said := r.wants(3, "run: fetchd login "+account, "-k", "-v"); strings.Contains(said, "CAPA") {
				t.Errorf("it connects without a grant:\n%s", said)
			}
			r.wants(1, "needs login", "status")
			r.wants(1, account+" needs login |", "status", "--check")
			r.wants(3, "nobody logged in", "login", "--list")
			r.wants(3, "nobody has logged in yet", "check-config")

			r.logsIn(way)
			r.add(t, 2)
			r.wants(0, "", "-k")
			for range 3 { // each refresh token is good once
				r.ages(time.Hour)
				r.add(t, 1)
				r.wants(0, "", "-k")
			}
			if n := len(r.delivered(t)); n != 5 {
				t.Errorf("%d messages were delivered", n)
			}
			r.wants(1, "AUTH", "-k", "-v", "-v") // whose trace shows no token
			r.wants(0, r.user+"@mail\tok", "login", "--list")
			r.wants(0, "by OAuth from "+r.s.URL+": ok", "-V")
			r.wants(0, "ok ", "check-config")

			r.ages(time.Hour)
			r.s.Fail(503, "server_error")
			r.wants(2, "server_error", "-k")
			r.wants(75, "server_error", "token", account)
			r.s.Fail(401, "invalid_client")
			r.wants(5, "check oauthclient and oauthsecret", "-k")
			r.wants(1, "client wrong", "status")
			r.wants(0, "client wrong since", "-V")
			r.s.Answer(nil)
			if token := strings.TrimSpace(r.wants(0, "", "token", account)); !r.s.Good(token) {
				t.Errorf("token %q", token)
			}

			r.s.Revoke(false) // the token at hand, which the mail server refuses
			r.wants(3, "fetchd login "+account+" gets another grant", "-k")
			r.ages(10 * time.Minute)
			r.wants(1, "", "-k") // one that is a while old is replaced in the same pass
			r.ages(time.Hour)
			r.s.Revoke(true)
			r.wants(3, "invalid_grant", "-k")
			asked := len(r.s.Requests())
			r.wants(3, "run: fetchd login "+account, "-k")
			if n := len(r.s.Requests()); n != asked {
				t.Error("a dead grant was asked for again")
			}
			r.wants(3, "needs login since", "login", "--list")
			r.wants(1, "needs login", "status")
			r.wants(0, "needs login since", "-V")

			r.logsIn(way)
			r.wants(0, "revoked", "logout", account)
			r.wants(3, "nobody logged in", "login", "--list")
		})
	}
}

// A daemon that waits for a login retrieves once there is one, and goes on by itself.
func TestOAuthDaemon(t *testing.T) {
	t.Parallel()
	r := newOAuthRig(t, "imap")
	r.add(t, 1)
	text, err := os.ReadFile(filepath.Join(r.dir, "rc"))
	if err != nil {
		t.Fatal(err)
	}
	d := newDaemon(t, string(text))
	r.dir = d.dir // the daemon's user logs in
	d.start()
	d.says("run: fetchd login " + r.user + "@mail")

	r.logsIn("--device")
	d.signal(unix.SIGUSR1)
	d.says("1 message for")

	r.ages(time.Hour)
	r.s.Revoke(true)
	d.signal(unix.SIGUSR1)
	d.says("invalid_grant")
	asked := len(r.s.Requests())
	d.signal(unix.SIGUSR1) // the user wants it tried
	if !within(waitFileTimeout, func() bool { return len(r.s.Requests()) > asked }) {
		t.Error("SIGUSR1 does not try a dead grant again")
	}
}
