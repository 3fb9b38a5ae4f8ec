package sasl

import (
	"testing"

	"github.com/xdg-go/scram"
)

func TestSCRAMInBothSpellings(t *testing.T) {
	t.Parallel()
	offered := []string{"SCRAM-SHA-256", "PLAIN"}
	for _, tt := range []struct{ name, password, prepared string }{
		{"superscript", "x\u00b3", "x3"},
		{"micro sign", "\u00b5m", "\u03bcm"},
		{"accent of its own", "cafe\u0301", "caf\u00e9"},
		{"soft hyphen", "I\u00adX", "IX"},
		{"no-break space", "a\u00a0b", "a b"},
	} {
		for stored, want := range map[string][2]bool{tt.prepared: {true, false}, tt.password: {false, true}} {
			ms, err := Choose("any", offered, Credentials{User: "ann", Password: tt.password}, true)
			if err != nil || len(ms) != 4 || !IsRespelled(ms[1], ms[0]) || IsRespelled(ms[0], ms[1]) ||
				IsRebound(ms[1], ms[0]) {
				t.Fatalf("%s: %v, %v", tt.name, ms, err)
			}

			for i, m := range ms[:2] {
				_, err := converse(m, storing(t, scram.SHA256, stored).NewConversation())
				if (err == nil) != want[i] {
					t.Errorf("%s: a server that stores %q, spelling %d: %v", tt.name, stored, i+1, err)
				}
			}
		}
	}

	for _, plain := range []string{"s3cret", "caf\u00e9",
		"\u043f\u0430\u0440\u043e\u043b\u044c", "\U0001F600"} {
		ms, err := Choose("scram-sha-256", offered, Credentials{User: "ann", Password: plain}, true)
		if err != nil || len(ms) != 1 {
			t.Errorf("%q is tried %d times: %v", plain, len(ms), err)
		}
	}
}
