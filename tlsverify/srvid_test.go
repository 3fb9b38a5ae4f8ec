package tlsverify

import (
	"bytes"
	"strings"
	"testing"
)

func TestSRVNames(t *testing.T) {
	t.Parallel()
	good := srvSAN(t, []string{"_imaps.example.net"})
	cases := []struct {
		name string
		der  []byte
		want string
		bad  bool
	}{
		{"one", good, "_imaps.example.net", false},
		{"two", srvSAN(t, []string{"_imaps.example.net", "_pop3s.example.net"}),
			"_imaps.example.net _pop3s.example.net", false},
		{"good beside malformed", srvSAN(t, []string{"_imaps.example.net", "_*.example.net"}),
			"_imaps.example.net", true},
		{"empty list", []byte{0x30, 0}, "", false},
		{"a DNS name only", []byte{0x30, 3, 0x82, 1, 'a'}, "", false},
		{"nothing", nil, "", true},
		{"cut short", good[:len(good)-1], "", true},
		{"bytes after the list", append(bytes.Clone(good), 0), "", true},
		{"UTF-8 string instead of IA5", bytes.Replace(good, []byte{0x16, 18}, []byte{0x0c, 18}, 1), "", true},
		{"another otherName", []byte{0x30, 11, 0xa0, 9, 6, 3, 0x2a, 3, 4, 0xa0, 2, 5, 0}, "", false},
		{"otherName without a type", []byte{0x30, 2, 0xa0, 0}, "", true},
		{"name too long", srvSAN(t, []string{"_imaps." + strings.Repeat("a.", 160) + "net"}), "", true},
		{"high bytes", srvSAN(t, []string{"_imaps.b\xfccher.example"}), "", true},
	}

	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			names, err := parseSRVNames(c.der)
			if got := joinNames(names); got != c.want || (err != nil) != c.bad {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
}

func joinNames(names []srvName) string {
	var s []string
	for _, n := range names {
		s = append(s, n.String())
	}
	return strings.Join(s, " ")
}

func FuzzSRVNames(f *testing.F) {
	f.Add(srvSAN(f, []string{"_imaps.example.net"}))
	f.Add(srvSAN(f, []string{"_imaps.example.net", "_*.x", ""}))
	f.Add([]byte{0x30, 0x80, 0xa0, 0})
	f.Fuzz(func(t *testing.T, der []byte) {
		names, _ := parseSRVNames(der)
		if len(names) > maxSANNames {
			t.Fatalf("%d names", len(names))
		}
		for _, n := range names {
			again, ok := parseSRVName(n.String())
			if !ok || again != n {
				t.Fatalf("%q does not parse to itself", n)
			}
			if strings.ContainsAny(n.String(), "*\x00 ") {
				t.Fatalf("stray character in %q", n)
			}
		}
	})
}
