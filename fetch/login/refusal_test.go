package login

import (
	"errors"
	"strings"
	"testing"
)

// What servers say when they refuse a login, and what it means.
func TestRefusals(t *testing.T) {
	t.Parallel()
	tests := []struct {
		code, text string
		row        string // "" = none fits
		kind       Kind
	}{
		// Wrong, or nobody knows.
		{"AUTHENTICATIONFAILED", "Invalid credentials (Failure)", "wrong", KindAuth},
		{"AUTHENTICATIONFAILED", "too many failures, try again later", "wrong", KindAuth},
		{"AUTH", "Temporary authentication failure", "wrong", KindAuth},
		{"AUTHORIZATIONFAILED", "", "wrong", KindAuth},
		{"", "LOGIN failed.", "", KindAuth},
		{"", "Logon failure: unknown user name or bad password.", "", KindAuth},
		{"", "account is locked", "", KindAuth},
		{"", "login blocked", "", KindAuth},
		{"ALERT", "something new", "", KindAuth},

		// The user has to do something at the provider.
		{"WEBALERT", "Web login required. (Failure)", "web login", KindAuth},
		{"ALERT", "Please log in via your web browser: http://support.google.com/x (Failure)",
			"web login", KindAuth},
		{"AUTH", "Web login required: https://support.google.com/mail/answer/78754", "web login", KindAuth},
		{"ALERT", "Application-specific password required: https://x (Failure)", "app password", KindAuth},
		{"AUTHENTICATIONFAILED", "NEOBHODIM parol prilozheniya / Application password is REQUIRED",
			"app password", KindAuth},
		{"", "Login fail. Please using authorized code: authorization code needed", "app password", KindAuth},
		{"ALERT", "Your account is not enabled for IMAP use. Please visit your settings",
			"switched off", KindAuth},
		{"SYS/PERM", "Your account is not enabled for POP access.", "switched off", KindAuth},
		{"ALERT", "You are yet to enable IMAP for your account", "switched off", KindAuth},
		{"ALERT", "Please enable IMAP access in your account settings first.", "switched off", KindAuth},
		{"", "Request is throttled. Suggested Backoff Time: 299961 milliseconds", "quota", KindServer},
		{"AUTHENTICATIONFAILED", "LOGIN invalid credentials or IMAP is disabled", "switched off", KindAuth},
		{"AUTH", "login failure or POP3 disabled, try later.", "switched off", KindAuth},
		{"", "User is authenticated but not connected.", "not connected", KindAuth},
		{"", "Authentication unsuccessful, basic authentication is disabled.", "no passwords", KindAuth},
		{"", `LogonDenied-BasicAuthBlocked-UserAgent`, "no passwords", KindAuth},
		{"", "please login via web", "web login", KindAuth},
		{"", "Captcha required, visit https://x", "web login", KindAuth},
		{"", "IMAP service is not enabled for this account", "switched off", KindAuth},
		{"", "IMAP is turned off for this mailbox", "switched off", KindAuth},
		{"", "IMAP access is not available in the free plan", "switched off", KindAuth},
		{"", "AUTHENTICATE failed: modern authentication required", "no passwords", KindAuth},
		{"EXPIRED", "That password isn't any more", "expired", KindAuth},
		{"", "Your password has expired", "expired", KindAuth},
		{"PRIVACYREQUIRED", "no", "privacy", KindTLS},
		{"CONTACTADMIN", "Account disabled", "operator", KindServer},
		{"SYS/PERM", "no such store", "operator", KindServer},

		// It passes.
		{"ALERT", "Too many simultaneous connections. (Failure)", "crowded", KindServer},
		{"", "Maximum number of connections from user+IP exceeded (mail_max_userip_connections=10)",
			"crowded", KindServer},
		{"LIMIT", "Maximum number of connections exceeded", "crowded", KindServer},
		{"INUSE", "other session", "in use", KindBusy},
		{"IN-USE", "", "in use", KindBusy},
		{"LOGIN-DELAY", "minimum time between mail checks violation", "in use", KindBusy},
		{"", "maildrop already locked", "in use", KindBusy},
		{"", "Unable to lock maildrop", "in use", KindBusy},
		{"UNAVAILABLE", "LDAP is down", "later", KindServer},
		{"SYS/TEMP", "Temporary system problem", "later", KindServer},
		{"OVERQUOTA", "Account exceeded command or bandwidth limits.", "quota", KindServer},
		{"", "Server Unavailable. 15", "later", KindServer},
		{"", "Temporary authentication failure", "later", KindServer},
		{"", "Exceeded the login limit for a 15 minute period. Reduce the frequency of requests",
			"quota", KindServer},
		{"", "System Error (Failure)", "later", KindServer},
		{"", "LOGIN Rate limit hit.", "quota", KindServer},
		{"", "You have exceeded the maximum number of login attempts.", "quota", KindServer},
		{"", "login too frequently", "quota", KindServer},
		{"", "Login rate exceeded", "quota", KindServer},
		{"", "Unable to log on, please retry after 15 minutes", "later", KindServer},
		{"", "The system is undergoing maintenance", "later", KindServer},
		{"", "LOGIN Server error - Please try again later", "later", KindServer},
	}
	for _, tt := range tests {
		row := Reply{Code: tt.code, Text: tt.text}.row(KindAuth)
		if row.name != tt.row || row.kind != tt.kind {
			t.Errorf("[%s] %s: %q of kind %s, want %q of kind %s",
				tt.code, tt.text, row.name, row.kind, tt.row, tt.kind)
		}
	}
}

// Every row is reached, and none but that of the wrong password leaves the user without a hint.
func TestRefusalsHaveHints(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, row := range refusals {
		if seen[row.name] || row.name == "" || row.kind == KindUnknown ||
			(row.hint == "") != (row.name == "wrong") {
			t.Errorf("row %q", row.name)
		}
		seen[row.name] = true
		for _, code := range row.codes {
			if got := (Reply{Code: code}).row(KindAuth).name; got != row.name {
				t.Errorf("[%s] is for %q, and %q comes first", code, row.name, got)
			}
		}
	}
}

func TestReplyText(t *testing.T) {
	t.Parallel()
	a := newAttempt(t, &spoken{})
	for _, tt := range []struct {
		reply Reply
		want  string
	}{
		{Reply{Command: "PASS", Word: "-ERR", Text: "no"}, `PASS: the server answers -ERR "no"`},
		{Reply{Command: "LOGIN", Word: "NO", Code: "WEBALERT", Detail: "https://x", Text: "log in"},
			`LOGIN: the server answers NO [WEBALERT https://x] "log in"`},
		{Reply{Command: "LOGIN", Word: "NO", Code: "\x1b[2J", Text: "\x1b"},
			`LOGIN: the server answers NO [\x1b[2J] "\x1b"`},
	} {
		if got := a.describeReply(tt.reply); got != tt.want {
			t.Errorf("%s, want %s", got, tt.want)
		}
	}
	if got := a.describeReply(Reply{Code: strings.Repeat("x", 5000),
		Text: strings.Repeat("y", 5000)}); len(got) > 500 {
		t.Errorf("%d bytes", len(got))
	}
}

func TestCrowdedIsTold(t *testing.T) {
	t.Parallel()
	err := newAttempt(t, &spoken{}).refusal(Reply{Text: "Too many connections"}, KindServer)
	if !errors.Is(err, ErrCrowded) || KindOf(err) != KindServer {
		t.Errorf("%v", err)
	}
}
