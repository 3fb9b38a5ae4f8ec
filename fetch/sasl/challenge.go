package sasl

import (
	"encoding/base64"
	"fmt"
)

// maxChallenge is how many octets of base64 a challenge may have: RFC 4954 section 4 says that 12,288 is
// enough for every mechanism in use.
const maxChallenge = 12288

// DecodeChallenge decodes the base64 text that followed "+ " on the wire; without text the challenge is
// empty. It refuses text that isn't base64 or is longer than maxChallenge; the exchange must be cancelled
// then.
func DecodeChallenge(text []byte) ([]byte, error) {
	if len(text) > maxChallenge {
		return nil, fmt.Errorf("the server's challenge of %d octets is longer than %d",
			len(text), maxChallenge)
	}

	out := make([]byte, base64.StdEncoding.DecodedLen(len(text)))
	// Strict: two texts must not stand for one challenge.
	n, err := base64.StdEncoding.Strict().Decode(out, text)
	if err != nil {
		return nil, fmt.Errorf("the server's challenge %s is not base64", quote(text))
	}
	return out[:n], nil
}

// EncodeResponse encodes a response for a line of its own.
func EncodeResponse(response []byte) string { return base64.StdEncoding.EncodeToString(response) }

// EncodeInitial encodes an initial response for the line of the command, where an empty one is "=" (RFC
// 4959 section 3, RFC 5034 section 4).
func EncodeInitial(response []byte) string {
	if len(response) == 0 {
		return "="
	}
	return EncodeResponse(response)
}
