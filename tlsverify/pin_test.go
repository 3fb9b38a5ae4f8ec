package tlsverify

import (
	"crypto/x509"
	"strings"
	"testing"
)

func TestParseFingerprint(t *testing.T) {
	t.Parallel()
	hexOf := func(n int) string { return strings.Repeat("aB", n) }
	colonOf := func(n int) string { return strings.TrimSuffix(strings.Repeat("Ab:", n), ":") }
	cases := []struct{ name, text, want string }{
		{"MD5 as fetchmail", colonOf(16), "MD5"},
		{"MD5 without colons", hexOf(16), "MD5"},
		{"SHA-1", colonOf(20), "SHA-1"},
		{"SHA-256", colonOf(32), "SHA-256"},
		{"SHA-256 without colons", hexOf(32), "SHA-256"},
		{"prefix", "sha256:" + colonOf(32), "SHA-256"},
		{"prefix in upper case", "SHA256:" + hexOf(32), "SHA-256"},
		{"prefix with a hyphen", "SHA-1:" + hexOf(20), "SHA-1"},
		{"prefix md5", "md5:" + colonOf(16), "MD5"},
		{"as openssl prints it", "sha256 Fingerprint=" + colonOf(32), "SHA-256"},
		{"blanks around", "  " + colonOf(16) + " ", "MD5"},
		{"prefix and length differ", "sha256:" + colonOf(16), ""},
		{"unknown prefix", "sha512:" + hexOf(64), ""},
		{"unknown length", hexOf(17), ""},
		{"odd number of digits", hexOf(16)[1:], ""},
		{"not hexadecimal", strings.Repeat("zz", 16), ""},
		{"some colons missing", "ab:abab" + strings.Repeat(":ab", 13), ""},
		{"colon at the end", colonOf(16) + ":", ""},
		{"colons in odd places", "a:b" + strings.Repeat("ab:", 14) + "ab", ""},
		{"blanks between", strings.ReplaceAll(colonOf(16), ":", " "), ""},
		{"empty", "", ""},
		{"prefix only", "sha256:", ""},
		{"endless", strings.Repeat("ab", 1<<16), ""},
	}

	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f, err := ParseFingerprint(c.text)
			if f.Algorithm != c.want || (err == nil) != (c.want != "") {
				t.Fatalf("got %q, %v", f.Algorithm, err)
			}
			if err != nil && len(err.Error()) > 500 {
				t.Errorf("message of %d bytes", len(err.Error()))
			}
			if again, err := ParseFingerprint(f.String()); c.want != "" && (err != nil || again != f) {
				t.Errorf("%s does not parse to itself: %v", f, err)
			}
		})
	}
}

func TestParsePin(t *testing.T) {
	t.Parallel()
	good := PinOf(&x509.Certificate{RawSubjectPublicKeyInfo: []byte("key")}).String()
	cases := []struct {
		name, text string
		ok         bool
	}{
		{"good", good, true},
		{"blanks around", " " + good + "\t", true},
		{"no prefix", strings.TrimPrefix(good, pinPrefix), false},
		{"one slash", strings.Replace(good, "//", "/", 1), false},
		{"upper case prefix", strings.Replace(good, "sha256", "SHA256", 1), false},
		{"sha1", strings.Replace(good, "sha256", "sha1", 1), false},
		{"two", good + ";" + good, false},
		{"no padding", strings.TrimSuffix(good, "="), false},
		{"line break", good[:20] + "\n" + good[21:], false},
		{"URL alphabet", pinPrefix + strings.Repeat("-", 43) + "=", false},
		{"stray bits at the end", pinPrefix + strings.Repeat("A", 42) + "B=", false},
		{"fingerprint", strings.Repeat("ab", 32), false},
		{"empty", "", false},
		{"endless", pinPrefix + strings.Repeat("A", 1<<16), false},
	}

	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p, err := ParsePin(c.text)
			if (err == nil) != c.ok || c.ok && p.String() != good {
				t.Errorf("got %s, %v", p, err)
			}
		})
	}
}

func FuzzPin(f *testing.F) {
	f.Add(pinPrefix + strings.Repeat("A", 43) + "=")
	f.Add("sha256:" + strings.Repeat("ab:", 31) + "ab")
	f.Add(strings.Repeat("AB", 16))
	f.Fuzz(func(t *testing.T, text string) {
		if p, err := ParsePin(text); err == nil && p.String() != strings.TrimSpace(text) {
			t.Fatalf("pin %q parsed as %s", text, p)
		}
		fp, err := ParseFingerprint(text)
		if err != nil {
			return
		}
		if again, err := ParseFingerprint(fp.String()); err != nil || again != fp {
			t.Fatalf("%q: %s does not parse to itself: %v", text, fp, err)
		}
	})
}
