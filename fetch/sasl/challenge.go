package sasl

import (
	"encoding/base64"
	"fmt"
)

// MaxChallenge is how many octets of base64 a challenge may have: RFC 4954 section 4 names 12,288 as what every
// mechanism in use fits into.
const MaxChallenge = 12288

// DecodeChallenge decodes the base64 text that followed "+ " on the wire; without text the challenge is empty. It
// refuses what isn't base64 or is longer than MaxChallenge; the exchange must then be cancelled.
func DecodeChallenge(text []byte) ([]byte, error) {
	if len(text) > MaxChallenge {
		return nil, fmt.Errorf("the server's challenge of %d octets is longer than %d", len(text), MaxChallenge)
	}
	out := make([]byte, base64.StdEncoding.DecodedLen(len(text)))
	n, err := base64.StdEncoding.Strict().Decode(out, text)
	if err != nil {
		return nil, fmt.Errorf("the server's challenge %s is not base64", quote(text))
	}
	return out[:n], nil
}

// EncodeResponse encodes a response for a line of its own.
func EncodeResponse(response []byte) string { return base64.StdEncoding.EncodeToString(response) }

// EncodeInitial encodes an initial response for the line of the command, where an empty one is "=" (RFC 4959 section
// 3, RFC 5034 section 4).
func EncodeInitial(response []byte) string {
	if len(response) == 0 {
		return "="
	}
	return EncodeResponse(response)
}
