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
		refused  bool
	}{
		{"", v12, 0, false},
		{"auto", v12, 0, false},
		{"AUTO", v12, 0, false},
		{"ssl23", v12, 0, false},
		{"tls", v12, 0, false},
		{"tls1+", v10, 0, false},
		{"TLS1+", v10, 0, false},
		{"tls1.1", v12, 0, false},
		{"tls1.1+", v11, 0, false},
		{"tls1.2", v12, v12, false},
		{"tls1.2+", v12, 0, false},
		{"TLS1.3", v13, v13, false},
		{"tls1.3+", v13, 0, false},
		{"tls1", v12, 0, true},
		{"ssl2", v12, 0, true},
		{"ssl3", v12, 0, true},
		{"SSL3+", v12, 0, true},
		{"tls1.4", v12, 0, true},
		{"none", v12, 0, true},
		{"\x00" + strings.Repeat("x", 1000), v12, 0, true},
	}

	for _, c := range cases {
		t.Run("word "+c.name[:min(len(c.name), 10)], func(t *testing.T) {
			t.Parallel()
			r, err := parseProto(c.name)
			if r.Min != c.min || r.Max != c.max || (err != nil) != c.refused {
				t.Errorf("got %v, %v", r, err)
			}
			if err != nil && (len(err.Error()) > 500 || strings.ContainsAny(err.Error(), "\x00\n")) {
				t.Errorf("message: %q", err)
			}
		})
	}
}
