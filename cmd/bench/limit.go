package main

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
)

// reader is the limit that the programs are compared with: it logs in, asks for everything at once and writes
// what comes to one file, without delivery, record or safety.
type reader struct {
	proto    string
	ca       string
	password string
	fresh    int // how many messages are new; 0 = all
	config   *tls.Config
	to       target // instead of a file
	mu       sync.Mutex
	file     *os.File
}

// readAll runs the reader as a program of its own. Its arguments are the accounts, as host:port,user; it
// reads all of them at the same time.
func readAll(args []string) int {
	var r reader
	fs := flag.NewFlagSet("limit", flag.ExitOnError)
	fs.StringVar(&r.proto, "proto", imaps, "imaps or pop3s")
	fs.StringVar(&r.ca, "ca", "", "file with the trusted certificate")
	fs.StringVar(&r.password, "password", "", "of every account")
	fs.IntVar(&r.fresh, "fresh", 0, "how many of the messages are new, 0 for all")
	out := fs.String("out", "", "file to write to")
	r.to.define(fs)
	_ = fs.Parse(args)
	if err := r.run(*out, fs.Args()); err != nil {
		fmt.Fprintf(os.Stderr, "bench: limit: %v\n", err)
		return 1
	}
	return 0
}

func (r *reader) run(out string, accounts []string) (err error) {
	pem, err := os.ReadFile(r.ca)
	if err != nil {
		return err
	}

	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	r.config = &tls.Config{RootCAs: pool, ServerName: "localhost"}
	if r.to.kind != "" {
		return r.relay(accounts[0])
	}
	if r.file, err = os.Create(out); err != nil {
		return err
	}

	results := make(chan error, len(accounts))
	for _, a := range accounts {
		go func() { results <- r.account(a, len(accounts) > 1) }()
	}

	for range accounts {
		if e := <-results; err == nil {
			err = e
		}
	}

	if e := r.file.Close(); err == nil {
		err = e
	}

	return err
}

// account reads one account; with several at once each is written to the file as a whole.
func (r *reader) account(account string, several bool) error {
	out := bufio.NewWriterSize(r.file, 1<<20)
	var own bytes.Buffer
	if several {
		out = bufio.NewWriter(&own)
	}
	err := r.read(account, wholeFile{out})
	if ferr := out.Flush(); err == nil {
		err = ferr
	}

	r.mu.Lock()
	defer r.mu.Unlock()
	if _, werr := r.file.Write(own.Bytes()); err == nil {
		err = werr
	}

	return err
}

// taker takes what comes; end says that a message is whole.
type taker interface {
	io.Writer
	end() error
}

// wholeFile is a taker for which it makes no difference where a message ends.
type wholeFile struct{ io.Writer }

func (wholeFile) end() error { return nil }

// read has all messages of an account go to out.
func (r *reader) read(account string, out taker) error {
	addr, user, _ := strings.Cut(account, ",")
	conn, err := tls.Dial("tcp", addr, r.config)
	if err != nil {
		return err
	}
	defer conn.Close()

	in := bufio.NewReaderSize(conn, 256<<10)
	if r.proto == imaps {
		return r.imap(conn, in, out, user)
	}
	return r.pop3(conn, in, out, user)
}

func (r *reader) imap(conn net.Conn, in *bufio.Reader, out taker, user string) error {
	set := "1:*"
	begin := fmt.Sprintf("a LOGIN %s %s\r\na EXAMINE INBOX\r\n", user, r.password)
	if r.fresh > 0 {
		if _, err := io.WriteString(conn, begin+"s UID SEARCH UNSEEN\r\n"); err != nil {
			return err
		}
		begin = ""
		err := imapLines(in, wholeFile{io.Discard}, 's', func(line string) {
			if found, ok := strings.CutPrefix(line, "* SEARCH "); ok {
				set = strings.ReplaceAll(found, " ", ",")
			}
		})
		if err != nil {
			return err
		}
	}
	if _, err := fmt.Fprintf(conn, "%sf UID FETCH %s BODY.PEEK[]\r\n", begin, set); err != nil {
		return err
	}
	if err := imapLines(in, out, 'f', func(string) {}); err != nil {
		return err
	}

	_, err := io.WriteString(conn, "z LOGOUT\r\n")
	return err
}

// imapLines reads up to the answer to a command; literals go to out.
func imapLines(in *bufio.Reader, out taker, tag byte, heard func(string)) error {
	for {
		raw, err := in.ReadSlice('\n')
		if err != nil {
			return err
		}

		line := bytes.TrimRight(raw, "\r\n")
		switch {
		case len(line) > 0 && line[len(line)-1] == '}':
			n, err := strconv.ParseInt(string(line[bytes.LastIndexByte(line, '{')+1:len(line)-1]), 10, 64)
			if err != nil {
				return err
			}
			if _, err := io.CopyN(out, in, n); err != nil {
				return err
			}
			if err := out.end(); err != nil {
				return err
			}
		case len(line) == 0 || line[0] == '*' || line[0] == ')' || line[0] == ' ':
			heard(string(line))
		case !bytes.Contains(line, []byte(" OK")):
			return fmt.Errorf("%.200q", line)
		case line[0] == tag:
			return nil
		}
	}
}

func (r *reader) pop3(conn net.Conn, in *bufio.Reader, out taker, user string) error {
	list := "STAT"
	if r.fresh > 0 {
		list = "UIDL"
	}
	if _, err := fmt.Fprintf(conn, "USER %s\r\nPASS %s\r\n%s\r\n", user, r.password, list); err != nil {
		return err
	}

	var status string
	for range 4 { // greeting, USER, PASS, list
		var err error
		if status, err = popStatus(in); err != nil {
			return err
		}
	}

	first, last := 1, 0
	if r.fresh > 0 {
		if err := popText(in, func([]byte) { last++ }); err != nil {
			return err
		}
		first = last - r.fresh + 1
	} else if _, err := fmt.Sscanf(status, "+OK %d", &last); err != nil {
		return err
	}

	var ask bytes.Buffer
	for n := first; n <= last; n++ {
		fmt.Fprintf(&ask, "RETR %d\r\n", n)
	}

	sent := make(chan error, 1)
	go func() {
		_, err := conn.Write(ask.Bytes())
		sent <- err
	}()

	for range last - first + 1 {
		if _, err := popStatus(in); err != nil {
			return err
		}
		if err := popText(in, func(line []byte) { _, _ = out.Write(line) }); err != nil {
			return err
		}
		if err := out.end(); err != nil {
			return err
		}
	}

	if err := <-sent; err != nil {
		return err
	}

	_, err := io.WriteString(conn, "QUIT\r\n")
	return err
}

func popStatus(in *bufio.Reader) (string, error) {
	line, err := in.ReadString('\n')
	if err == nil && !strings.HasPrefix(line, "+OK") {
		err = fmt.Errorf("%.200q", line)
	}
	return line, err
}

// popText reads a text to its end; the lines are valid only within f.
func popText(in *bufio.Reader, f func([]byte)) error {
	for {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return err
		}
		if line[0] == '.' {
			if len(line) == 3 {
				return nil
			}
			line = line[1:]
		}
		f(line)
	}
}
