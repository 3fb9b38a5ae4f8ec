package imapline

import (
	"encoding/base64"
	"encoding/binary"
	"slices"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// mutf7 is the base64 of modified UTF-7 (RFC 3501 section 5.1.3): "," for "/", no padding.
var mutf7 = base64.NewEncoding("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,").
	WithPadding(base64.NoPadding).Strict()

// DecodeName returns the UTF-8 form of a mailbox name, which an rc file may hold in modified UTF-7, the form
// on the wire. A name that is not valid modified UTF-7 stays as it is: "R&D" means R&D.
func DecodeName(name string) string {
	var out strings.Builder
	for s := name; s != ""; {
		i := strings.IndexByte(s, '&')
		if i < 0 {
			out.WriteString(s)
			break
		}
		out.WriteString(s[:i])
		code, rest, ok := strings.Cut(s[i+1:], "-")
		text, valid := DecodeShift(code)
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

// DecodeShift decodes the text between & and -.
func DecodeShift(code string) (string, bool) {
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

// EncodeName returns name, in UTF-8, in modified UTF-7.
func EncodeName(name string) string {
	var out strings.Builder
	for s := name; s != ""; {
		n := strings.IndexFunc(s, isShifted)
		if n < 0 {
			n = len(s)
		}
		out.WriteString(strings.ReplaceAll(s[:n], "&", "&-"))
		s = s[n:]

		n = strings.IndexFunc(s, func(r rune) bool { return !isShifted(r) })
		if n < 0 {
			n = len(s)
		}
		if n > 0 {
			out.WriteString("&" + encodeShift(s[:n]) + "-")
		}
		s = s[n:]
	}

	return out.String()
}

// isShifted tells whether a character does not stand for itself.
func isShifted(r rune) bool { return r < ' ' || r > '~' }

func encodeShift(text string) string {
	var b []byte
	for _, unit := range utf16.Encode([]rune(text)) {
		b = binary.BigEndian.AppendUint16(b, unit)
	}
	return mutf7.EncodeToString(b)
}
