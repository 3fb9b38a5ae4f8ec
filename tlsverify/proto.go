package tlsverify

import (
	"crypto/tls"
	"strings"

	"fetchd/tlsverify/hints"
	"fetchd/tlsverify/internal/show"
)

// ProtoRange is the TLS versions that are spoken; Max 0 means the newest known.
type ProtoRange struct{ Min, Max uint16 }

// String gives "TLS 1.2 or newer" or "TLS 1.3 only".
func (r ProtoRange) String() string {
	switch r.Max {
	case 0:
		return tls.VersionName(r.Min) + " or newer"
	case r.Min:
		return tls.VersionName(r.Min) + " only"
	}
	return tls.VersionName(r.Min) + " to " + tls.VersionName(r.Max)
}

// Has tells whether a version is in the range.
func (r ProtoRange) Has(v uint16) bool { return v >= r.Min && (r.Max == 0 || v <= r.Max) }

// protoRanges is the table of sslproto words; a word that is not here is refused.
var protoRanges = [...]struct {
	word string
	r    ProtoRange
}{
	{"", ProtoRange{Min: tls.VersionTLS12}},
	{"auto", ProtoRange{Min: tls.VersionTLS12}},
	{"ssl23", ProtoRange{Min: tls.VersionTLS12}},
	{"tls", ProtoRange{Min: tls.VersionTLS12}},
	{"tls1+", ProtoRange{Min: tls.VersionTLS10}},
	{"tls1.1", ProtoRange{Min: tls.VersionTLS12}}, // nothing but TLS 1.1 is never meant
	{"tls1.1+", ProtoRange{Min: tls.VersionTLS11}},
	{"tls1.2", ProtoRange{Min: tls.VersionTLS12, Max: tls.VersionTLS12}},
	{"tls1.2+", ProtoRange{Min: tls.VersionTLS12}},
	{"tls1.3", ProtoRange{Min: tls.VersionTLS13, Max: tls.VersionTLS13}},
	{"tls1.3+", ProtoRange{Min: tls.VersionTLS13}},
}

// parseProto reads an sslproto word, in any case. "" is the default; what the explicit empty word means
// (never TLS) is the caller's business. The range is usable even on error. What to warn of is said where the
// words are read.
func parseProto(word string) (ProtoRange, error) {
	safe := ProtoRange{Min: tls.VersionTLS12}
	w := strings.ToLower(strings.TrimSpace(word))
	for _, e := range protoRanges {
		if e.word == w {
			return e.r, nil
		}
	}

	switch w {
	case "tls1":
		return safe, hints.Errorf("drop sslproto, or write tls1+ if the server really has nothing better",
			"sslproto %q would allow nothing but TLS 1.0, which is broken", word)
	case "ssl2", "ssl3", "ssl3+":
		return safe, hints.Errorf("drop sslproto, the default is TLS 1.2 or newer",
			"sslproto %q is broken and gone", word)
	}

	return safe, hints.Errorf("use auto, tls1.2, tls1.2+, tls1.3 or tls1.3+",
		"sslproto %s is not known", show.Quote(word))
}
