package tlsverify

import (
	"crypto/tls"
	"strings"
	"testing"
)

func TestParseProto(t *testing.T) {
	t.Parallel()
	const v10, v11, v12, v13 = tls.VersionTLS10, tls.VersionTLS11, tls.VersionTLS12, tls.VersionTLS13
	cases := []struct {
		name     string
		min, max uint16
		warned   bool
		refused  bool
	}{
		{"", v12, 0, false, false},
		{"auto", v12, 0, false, false},
		{"AUTO", v12, 0, false, false},
		{"ssl23", v12, 0, false, false},
		{"tls", v12, 0, false, false},
		{"tls1+", v10, 0, true, false},
		{"TLS1+", v10, 0, true, false},
		{"tls1.1", v12, 0, true, false},
		{"tls1.1+", v11, 0, true, false},
		{"tls1.2", v12, v12, false, false},
		{"tls1.2+", v12, 0, false, false},
		{"TLS1.3", v13, v13, false, false},
		{"tls1.3+", v13, 0, false, false},
		{"tls1", v12, 0, false, true},
		{"ssl2", v12, 0, false, true},
		{"ssl3", v12, 0, false, true},
		{"SSL3+", v12, 0, false, true},
		{"tls1.4", v12, 0, false, true},
		{"none", v12, 0, false, true},
		{"\x00" + strings.Repeat("x", 1000), v12, 0, false, true},
	}

	for _, c := range cases {
		t.Run("word "+c.name[:min(len(c.name), 10)], func(t *testing.T) {
			t.Parallel()
			r, warning, err := ParseProto(c.name)
			if r.Min != c.min || r.Max != c.max || (warning != "") != c.warned || (err != nil) != c.refused {
				t.Errorf("got %v, %q, %v", r, warning, err)
			}
			if err != nil && (len(err.Error()) > 500 || strings.ContainsAny(err.Error(), "\x00\n")) {
				t.Errorf("message: %q", err)
			}
		})
	}
}
