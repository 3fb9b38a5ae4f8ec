package deliverytest

import (
	"bytes"
	"fmt"
	"strings"
)

// Batch is a message of batched SMTP.
type Batch struct {
	Commands []string
	Text     []byte // with single dots
}

// ReadBSMTP returns the messages of batched SMTP. It is strict: each has HELO, MAIL, RCPT and DATA, all lines
// end in CRLF, and the last one is a dot.
func ReadBSMTP(data []byte) ([]Batch, error) {
	var all []Batch
	for len(data) > 0 {
		var b Batch
		for len(b.Commands) == 0 || b.Commands[len(b.Commands)-1] != "DATA" {
			line, rest, ok := bytes.Cut(data, []byte("\r\n"))
			if !ok || bytes.ContainsAny(line, "\r\n") {
				return all, fmt.Errorf("batch %d: command %.100q", len(all)+1, line)
			}
			b.Commands, data = append(b.Commands, string(line)), rest
		}
		if n := len(b.Commands); n < 4 || !strings.HasPrefix(b.Commands[0], "HELO ") ||
			!strings.HasPrefix(b.Commands[1], "MAIL FROM:<") ||
			!strings.HasPrefix(b.Commands[n-2], "RCPT TO:<") {
			return all, fmt.Errorf("batch %d: %q", len(all)+1, b.Commands)
		}

		text, rest, ok := bytes.Cut(append([]byte("\r\n"), data...), []byte("\r\n.\r\n"))
		if !ok {
			return all, fmt.Errorf("batch %d does not end", len(all)+1)
		}
		if lf, cr, both := bytes.Count(text, []byte("\n")), bytes.Count(text, []byte("\r")),
			bytes.Count(text, []byte("\r\n")); lf != both || cr != both {
			return all, fmt.Errorf("batch %d: a line end is not CRLF", len(all)+1)
		}

		text = append(text, "\r\n"...)
		b.Text = bytes.ReplaceAll(text, []byte("\r\n."), []byte("\r\n"))[2:]
		all, data = append(all, b), rest
	}
	return all, nil
}
