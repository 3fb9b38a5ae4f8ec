package delivery

import (
	"bytes"
	"context"
	"io"
	"os"
)

// input returns a file with all that the agent is to read, positioned at its start. The caller closes it.
func (a *MDA) input(ctx context.Context, m *Message) (*os.File, error) {
	f, err := a.inputFile(m.Body)
	if err != nil {
		return nil, err
	}

	err = writeInput(ctx, f, m)
	if err == nil {
		_, err = f.Seek(0, io.SeekStart)
	}

	if err == nil && a.cred != nil { // so that the agent can open /dev/stdin
		err = f.Chown(int(a.cred.Uid), int(a.cred.Gid))
	}
	if err != nil {
		_ = f.Close()
		return nil, err
	}

	return f, nil
}

// inputFile returns an empty file without a name; it is in memory if the body is.
func (a *MDA) inputFile(body *Spool) (*os.File, error) {
	if _, inMemory := body.Bytes(); inMemory {
		if f, err := memoryFile(); err == nil {
			return f, nil
		}
	}
	return unlinkedFile(body.dir)
}

// writeInput writes Return-Path, trace, and the message without its own Return-Path.
func writeInput(ctx context.Context, f *os.File, m *Message) error {
	header, rest := m.header()
	start, end := fieldSpan(header, "Return-Path")
	// RFC 5321, 4.4: the delivering agent writes one Return-Path on top, and takes out any other.
	head := append(returnPath(m.EnvelopeSender()), m.Trace...)
	head = append(append(head, header[:start]...), header[end:]...)

	if body, inMemory := m.Body.Bytes(); inMemory {
		_, err := f.Write(append(head, body[rest:]...))
		return err
	}

	if _, err := f.Write(head); err != nil {
		return err
	}

	file, _ := m.Body.File()
	return copyFile(ctx, int(f.Fd()), file, rest, m.Body.Size()-rest)
}

// returnPath is the line that names the envelope sender (RFC 5321, 4.4).
func returnPath(sender string) []byte {
	line := []byte("Return-Path: <")
	for _, c := range []byte(sender) {
		if c < ' ' || c == 0x7f || c == '<' || c == '>' {
			c = '_'
		}
		line = append(line, c)
	}
	return append(line, ">\n"...)
}

// mdaOutput is how much of an agent's output is kept for its error.
const mdaOutput = 4 << 10

// outputHead keeps the first bytes written to it and swallows the rest.
type outputHead struct{ head []byte }

func (o *outputHead) Write(p []byte) (int, error) {
	o.head = append(o.head, p[:min(len(p), mdaOutput-len(o.head))]...)
	return len(p), nil
}

// excerpt returns the part of an agent's output that an error quotes.
func excerpt(output []byte) []byte {
	output = bytes.TrimSpace(output)
	return output[:min(len(output), quoteLimit)]
}

// quoteLimit is how much foreign text an error quotes.
const quoteLimit = 200
