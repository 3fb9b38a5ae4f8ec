package rcfile

import (
	"slices"
	"strings"
	"testing"
)

func TestSay(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, keyword, text string
		want                func(*Said) bool
		warning             string
		err                 string
	}{
		{"text", "mda", "a, b", func(s *Said) bool {
			return s.User.MDA.Value == "a, b" && s.User.MDA.Pos.File == "--x"
		}, "", ""},
		{"file at home", "sslcertfile", "~/ca.pem", func(s *Said) bool {
			return strings.HasSuffix(s.User.SSLCertFile.Value, "/ca.pem") &&
				s.User.SSLCertFile.Value[0] == '/'
		}, "", ""},
		{"word in any case", "protocol", "Imap",
			func(s *Said) bool { return s.Poll.Protocol.Value == "imap" }, "", ""},
		{"list", "folder", "a, b,,c", func(s *Said) bool {
			return slices.Equal(s.User.Folders, []string{"old", "a", "b", "c"})
		}, "", ""},
		{"codes", "antispam", "571,550", func(s *Said) bool {
			return slices.Equal(s.User.AntiSpam, []int{571, 550})
		}, "", ""},
		{"duration", "daemon", "5m", func(s *Said) bool { return s.Globals.Daemon.Value == 300 }, "", ""},
		{"warned word", "sslproto", "tls1.1",
			func(s *Said) bool { return s.User.SSLProto.Set }, "--x: sslproto", ""},
		{"warned keyword", "principal", "p",
			func(s *Said) bool { return s.Poll.Principal.Set }, "--x: there is no Kerberos", ""},
		{"unknown word", "protocol", "foo", nil, "", `unknown protocol "foo"; hint: one of auto, imap`},
		{"refused word", "protocol", "etrn", nil, "", "not supported"},
		{"no number", "limit", "x", nil, "", `"x"`},
		{"line end", "user", "a\r\nDELE 1", nil, "", "line end"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := &Said{User: User{Folders: []string{"old"}}}
			warnings, err := s.Set(tt.keyword, "--x", tt.text)
			if (err != nil) != (tt.err != "") || err != nil && !strings.Contains(err.Error(), tt.err) {
				t.Fatalf("error %v, want %q", err, tt.err)
			}
			if err == nil && !tt.want(s) {
				t.Errorf("%+v", s)
			}

			got := strings.Join(warnings, "\n")
			if (got != "") != (tt.warning != "") || !strings.HasPrefix(got, tt.warning) {
				t.Errorf("warnings %q, want %q", got, tt.warning)
			}
		})
	}
}

func TestSayFlag(t *testing.T) {
	t.Parallel()
	var s Said
	if warnings := s.SetFlag("keep", "--nokeep", false); len(warnings) > 0 || !s.User.Keep.Set ||
		s.User.Keep.Value {
		t.Errorf("%+v, %q", s.User.Keep, warnings)
	}
	if warnings := s.SetFlag("flush", "--flush", true); len(warnings) != 1 ||
		!strings.HasPrefix(warnings[0], "--flush: it deletes") {
		t.Errorf("%q", warnings)
	}
}

func TestOverrideGlobals(t *testing.T) {
	t.Parallel()
	c := mustParse(t, "rc", "set daemon 5 set syslog poll x")
	c.Override(&Said{Globals: Globals{Daemon: Some(7)}})
	if c.Globals.Daemon.Value != 7 || !c.Globals.Syslog.Value {
		t.Errorf("%+v", c.Globals)
	}
}
