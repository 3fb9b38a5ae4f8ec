package deliverytest

import (
	"bytes"
	"fmt"
	"strings"
	"time"

	"fetchd/delivery"
)

// ReadMbox returns the messages of an mbox, without their quotes. It is strict: each begins with "From ", a
// sender and a date, each ends in LF and an empty line, and nothing else is there.
func ReadMbox(data []byte) ([][]byte, error) {
	var all [][]byte
	for len(data) > 0 {
		line, rest, ok := bytes.Cut(data, []byte("\n"))
		if err := checkFromLine(string(line)); err != nil || !ok {
			return all, fmt.Errorf("message %d: %q: %w", len(all)+1, line, err)
		}

		end := bytes.Index(rest, []byte("\nFrom "))
		switch {
		case bytes.HasPrefix(rest, []byte("\nFrom ")): // an empty message
			end = 0
		case end < 0:
			end = len(rest) - 1
		}
		if end < 0 || rest[end] != '\n' || end > 0 && rest[end-1] != '\n' {
			return all, fmt.Errorf("message %d ends without an empty line: %.100q", len(all)+1,
				rest[max(0, end-50):])
		}

		all = append(all, unquote(rest[:end]))
		data = rest[end+1:]
	}
	return all, nil
}

func checkFromLine(line string) error {
	words := strings.SplitN(line, " ", 3)
	if len(words) != 3 || words[0] != "From" || words[1] == "" {
		return fmt.Errorf("no From line")
	}
	_, err := time.Parse(time.ANSIC, words[2])
	return err
}

// unquote takes one ">" from each line like ">>From ".
func unquote(text []byte) []byte {
	lines := bytes.SplitAfter(text, []byte("\n"))
	for i, line := range lines {
		if bytes.HasPrefix(line, []byte(">")) && bytes.HasPrefix(bytes.TrimLeft(line, ">"), []byte("From ")) {
			lines[i] = line[1:]
		}
	}
	return bytes.Join(lines, nil)
}

// InMbox is what m with that body must be like in an mbox: line ends are LF, and the last line has one.
func InMbox(m *delivery.Message, body []byte) []byte {
	text := bytes.ReplaceAll(append(bytes.Clone(m.Trace), body...), []byte("\r\n"), []byte("\n"))
	if n := len(text); n > 0 && text[n-1] != '\n' {
		text = append(text, '\n')
	}
	return text
}
