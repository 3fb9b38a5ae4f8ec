package imap

import (
	"encoding/base64"
	"slices"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// mutf7 is the base64 of modified UTF-7 (RFC 3501 section 5.1.3): "," for "/", no padding.
var mutf7 = base64.NewEncoding("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,").
	WithPadding(base64.NoPadding).Strict()

// decodeUTF7 returns the UTF-8 form of a mailbox name, which an rc file may hold in modified UTF-7, the form
// on the wire. A name that is not valid modified UTF-7 stays as it is: "R&D" means R&D.
func decodeUTF7(name string) string {
	var out strings.Builder
	for s := name; s != ""; {
		i := strings.IndexByte(s, '&')
		if i < 0 {
			out.WriteString(s)
			break
		}
		out.WriteString(s[:i])
		code, rest, ok := strings.Cut(s[i+1:], "-")
		text, valid := decodeShift(code)
		if !ok || !valid {
			return name
		}
		out.WriteString(text)
		s = rest
	}

	// Both encodings in one name: it is UTF-8, and the "&" in it means itself.
	for i := range len(name) {
		if name[i] >= utf8.RuneSelf {
			return name
		}
	}

	return out.String()
}

// decodeShift decodes the text between & and -.
func decodeShift(code string) (string, bool) {
	if code == "" {
		return "&", true
	}

	b, err := mutf7.DecodeString(code)
	if err != nil || len(b)%2 != 0 {
		return "", false
	}

	units := make([]uint16, len(b)/2)
	for i := range units {
		units[i] = uint16(b[2*i])<<8 | uint16(b[2*i+1])
		if units[i] < 0x80 {
			// printable ASCII stands for itself, and control characters are no part of a name
			return "", false
		}
	}

	runes := utf16.Decode(units)
	return string(runes), slices.Equal(utf16.Encode(runes), units) // else half a surrogate pair
}
