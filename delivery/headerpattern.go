package delivery

import (
	"bytes"
	"io"
	"mime"
	"regexp"

	"golang.org/x/net/html/charset"
)

// HeaderPattern is what a field of some name may look like.
type HeaderPattern struct {
	Field   string // its name, in any case
	Pattern *regexp.Regexp
}

// Matches tells whether the header has a field of that name whose value matches: without its folds, and with
// encoded words decoded (RFC 2047). A word that can't be decoded stays as it is.
func (p HeaderPattern) Matches(header []byte) bool {
	for name, value := range fields(header) {
		if isOneOf(name, p.Field) && p.Pattern.MatchString(decodeField(value)) {
			return true
		}
	}
	return false
}

// decodeField is the text of a field.
func decodeField(value []byte) string {
	// A fold is a line end before a blank, which stays (RFC 5322 section 2.2.3).
	text := bytes.ReplaceAll(bytes.ReplaceAll(value, []byte("\r\n"), nil), []byte("\n"), nil)
	text = bytes.TrimSpace(text)

	decoder := mime.WordDecoder{CharsetReader: func(label string, r io.Reader) (io.Reader, error) {
		return charset.NewReaderLabel(label, r)
	}}
	if decoded, err := decoder.DecodeHeader(string(text)); err == nil {
		return decoded
	}
	return string(text)
}
