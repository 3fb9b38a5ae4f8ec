package delivery

import (
	"bufio"
	"bytes"
	"errors"
	"io"
)

// unendedBatch is what batched SMTP ends in, behind the last dot that ends a message: where it begins, and
// whether it is no more than whole commands.
func unendedBatch(from io.Reader) (begun int64, commands bool, err error) {
	r := bufio.NewReaderSize(from, smtpChunk)
	at, inMessage, lineBegins := int64(0), false, true
	commands = true

	for {
		// A line longer than the buffer comes in pieces, of which only the first can be a command or the dot.
		line, err := r.ReadSlice('\n')
		long := errors.Is(err, bufio.ErrBufferFull) // what follows is the same line
		if err != nil && !long && err != io.EOF {
			return 0, false, err
		}
		at += int64(len(line))

		whole := lineBegins && err == nil
		text := bytes.TrimRight(line, "\r\n")
		switch {
		case inMessage && whole && string(text) == ".":
			begun, inMessage, commands = at, false, true
		case inMessage, len(line) == 0:
		case whole && bytes.EqualFold(text, []byte("DATA")):
			inMessage, commands = true, false
		default:
			commands = commands && whole && isSMTPCommand(text)
		}
		lineBegins = !long

		if err == io.EOF {
			return begun, commands, nil
		}
	}
}
