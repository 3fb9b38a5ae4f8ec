package rcfile

import (
	"fmt"
	"log/slog"
)

// Secret is text that must not be printed: a password, a token, a pass phrase. Every format verb, slog and
// JSON show it as ***; only Reveal gives the text.
type Secret struct{ text string }

// NewSecret wraps text.
func NewSecret(text string) Secret { return Secret{text} }

// Reveal returns the text. Call it on the line that writes the secret to a verified peer, and keep no copy.
func (s Secret) Reveal() string { return s.text }

// IsZero tells whether there is no secret at all.
func (s Secret) IsZero() bool { return s.text == "" }

const redacted = "***"

// String implements fmt.Stringer.
func (s Secret) String() string { return redacted }

// GoString implements fmt.GoStringer.
func (s Secret) GoString() string { return redacted }

// Format implements fmt.Formatter, so that no verb reaches the text.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(redacted)) }

// LogValue implements slog.LogValuer.
func (s Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText implements encoding.TextMarshaler; JSON uses it.
func (s Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }
