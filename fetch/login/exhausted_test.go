package login

import (
	"errors"
	"strings"
	"testing"
)

// Behind the login the table's rows for refused logins mean nothing, but for what concerns all that is asked
// for.
func TestRefusalsBehindTheLogin(t *testing.T) {
	t.Parallel()

	for _, tt := range []struct {
		code, text string
		kind       Kind
		hinted     bool
		exhausted  bool
	}{
		{"", "no such message", KindServer, false, false},
		{"AUTH", "not yours", KindServer, false, false},
		{"PRIVACYREQUIRED", "", KindServer, false, false},
		{"", "IMAP is disabled", KindServer, false, false},
		{"IN-USE", "", KindBusy, true, false},
		{"SYS/TEMP", "message store", KindServer, true, false},
		{"OVERQUOTA", "", KindServer, true, true},
		{"", "Account exceeded command or bandwidth limits", KindServer, true, true},
		{"WEBALERT", "", KindAuth, true, true},
		{"", "User is authenticated but not connected.", KindAuth, true, true}, // Exchange, to SELECT
	} {
		r := Reply{Code: tt.code, Text: tt.text}
		err := r.Explain(errors.New("said"), KindServer)
		if KindOf(err) != tt.kind || strings.Contains(err.Error(), "hint") != tt.hinted ||
			r.Exhausted() != tt.exhausted {
			t.Errorf("[%s] %s: %v of kind %s, exhausted %v",
				tt.code, tt.text, err, KindOf(err), r.Exhausted())
		}
	}
}
