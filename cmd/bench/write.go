package main

import (
	"bufio"
	"bytes"
	"flag"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// target is where the raw writer puts messages: it pipelines, or writes and syncs in batches, and does
// nothing else.
type target struct{ kind, address, user string }

func (t *target) define(fs *flag.FlagSet) {
	fs.StringVar(&t.kind, "kind", "", "kind of the place that messages go to")
	fs.StringVar(&t.address, "to", "", "its address")
	fs.StringVar(&t.user, "user", "", "address of the recipient")
}

// writeCommand writes what is there already: no message is retrieved.
func writeCommand(j *job) (command, error) {
	path := filepath.Join(j.state, "messages")
	argv := append([]string{j.self, "write"}, j.place.arguments()...)
	return command{append(argv, path), []output{j.place.out}},
		os.WriteFile(path, bytes.Join(j.messages, nil), 0o644)
}

// writeAll runs the writer as a program of its own. Its argument is a file with all messages.
func writeAll(args []string) int {
	var t target
	fs := flag.NewFlagSet("write", flag.ExitOnError)
	t.define(fs)
	_ = fs.Parse(args)

	text, err := os.ReadFile(fs.Arg(0))
	if err == nil {
		var all [][]byte
		for len(text) > 0 {
			end := bytes.Index(text, []byte("\r\n"+lastLine)) + 2
			end += bytes.IndexByte(text[end:], '\n') + 1
			all, text = append(all, text[:end]), text[end:]
		}
		messages := make(chan []byte, len(all))
		for _, m := range all {
			messages <- m
		}
		close(messages)
		err = t.write(messages)
	}

	if err != nil {
		fmt.Fprintf(os.Stderr, "bench: write: %v\n", err)
		return 1
	}
	return 0
}

func (t *target) write(messages <-chan []byte) error {
	if t.kind == toMbox {
		return t.writeMbox(messages)
	}
	return t.writeMail(messages)
}

// writeMail speaks SMTP or LMTP. Behind each message it has begun the next one, also where there is none.
func (t *target) writeMail(messages <-chan []byte) error {
	network, hello := "tcp", "EHLO localhost\r\n"
	if strings.HasPrefix(t.address, "/") {
		network = "unix"
	}
	if t.kind != toSMTP {
		hello = "LHLO localhost\r\n"
	}
	conn, err := net.Dial(network, t.address)
	if err != nil {
		return err
	}
	defer conn.Close()

	in := bufio.NewReader(conn)
	begin := "MAIL FROM:<sender@example.net>\r\nRCPT TO:<" + t.user + ">\r\nDATA\r\n"
	answers := []string{"220", "250"}
	if _, err := conn.Write([]byte(hello + begin)); err != nil {
		return err
	}

	var out []byte
	for m := range messages {
		if err := heard(in, append(answers, "250", "250", "354")); err != nil {
			return err
		}
		answers = []string{"250"}
		out = append(out[:0], bytes.ReplaceAll(m, []byte("\n."), []byte("\n.."))...)
		out = append(append(out, ".\r\n"...), begin...)
		if _, err := conn.Write(out); err != nil {
			return err
		}
	}

	return heard(in, answers)
}

// heard reads answers of these codes.
func heard(in *bufio.Reader, codes []string) error {
	for _, code := range codes {
		for more := true; more; {
			line, err := in.ReadSlice('\n')
			if err != nil {
				return err
			}
			if !bytes.HasPrefix(line, []byte(code)) {
				return fmt.Errorf("%.200q", line)
			}
			more = line[len(code)] == '-'
		}
	}
	return nil
}

// mboxBatch is how many messages of an mbox are synced together.
const mboxBatch = 256

func (t *target) writeMbox(messages <-chan []byte) error {
	file, err := os.OpenFile(t.address, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer file.Close()

	var batch bytes.Buffer
	n := 0
	flush := func() error {
		if _, err := file.Write(batch.Bytes()); err != nil {
			return err
		}
		batch.Reset()
		return file.Sync()
	}
	from := []byte("From sender@example.net " + time.Now().UTC().Format(time.ANSIC) + "\n")
	for m := range messages {
		m = bytes.ReplaceAll(m, []byte("\r\n"), []byte("\n"))
		m = bytes.ReplaceAll(m, []byte("\nFrom "), []byte("\n>From "))
		m = bytes.ReplaceAll(m, []byte("\n>From there"), []byte("\n>>From there")) // the only other one
		batch.Write(from)
		batch.Write(m)
		batch.WriteByte('\n')
		if n++; n%mboxBatch == 0 {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	return flush()
}

// relay is the reader with the raw writer behind it: what is asked of every program, and no more.
func (r *reader) relay(account string) error {
	messages := make(chan []byte, mboxBatch)
	written := make(chan error, 1)
	go func() {
		err := r.to.write(messages)
		for range messages { // the reader must not wait for a writer that has ended
		}
		written <- err
	}()

	err := r.read(account, &relayed{to: messages})
	close(messages)
	if werr := <-written; err == nil {
		err = werr
	}
	return err
}

// relayed is a taker that hands on whole messages.
type relayed struct {
	bytes.Buffer
	to chan<- []byte
}

func (t *relayed) end() error {
	t.to <- bytes.Clone(t.Bytes())
	t.Reset()
	return nil
}
