package rcfile

import "testing"

// An IPv6 address that names a host needs no quotes, though a colon is a blank.
func TestAddressWithoutQuotes(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, text, poll, via, smtp string }{
		{"socket", "poll h user a smtphost [::1]/2525 keep", "h", "", "[::1]/2525"},
		{"without brackets", "poll h user a smtphost ::1/2525, x", "h", "", "::1/2525"},
		{"second", "poll h user a smtphost x [2001:db8::25]/25; keep", "h", "", "x"},
		{"name", "poll [2001:db8::1] proto imap", "[2001:db8::1]", "", ""},
		{"name without brackets", "poll ::1", "::1", "", ""},
		{"via", "poll h via fe80::1%eth0 port 143", "h", "fe80::1%eth0", ""},
		{"quoted", `poll h via "::1" port 143`, "h", "::1", ""},
		{"no address", "poll: h: via: x: user a smtphost: y: keep", "h", "x", "y"},
		{"several colons", "poll h:: via ::x user a smtphost ::y", "h", "x", "y"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := mustParse(t, "x", tt.text).Polls[0]
			smtp := ""
			if hosts := p.Users[0].SMTPHosts; len(hosts) > 0 {
				smtp = hosts[0]
			}

			if p.Name != tt.poll || p.Via.Value != tt.via || smtp != tt.smtp {
				t.Errorf("%q via %q, smtphost %q", p.Name, p.Via.Value, smtp)
			}
		})
	}
}

func TestAddressHasItsPlace(t *testing.T) {
	t.Parallel()
	p := mustParse(t, "x", "poll h via ::1 user a smtphost y [2001:db8::25]/25 keep").Polls[0]
	if u := p.Users[0]; p.Via.Pos.Col != 12 || len(u.SMTPHosts) != 2 || !u.Keep.Value ||
		u.SMTPHosts[1] != "[2001:db8::25]/25" {
		t.Errorf("%+v, %q", p.Via, u.SMTPHosts)
	}
}
