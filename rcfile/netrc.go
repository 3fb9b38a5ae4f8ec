package rcfile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"syscall"
)

// Netrc holds the passwords of a .netrc file.
type Netrc struct {
	machines []machine
	refused  *Error // why its passwords are not used; nil = they are
}

type machine struct {
	host, login string
	password    Secret
}

// Lookup returns the password for a login on the first of the hosts that has one: ask for the poll's name and
// then its via name. Hosts match without case, logins exactly.
func (n *Netrc) Lookup(login string, hosts ...string) (Secret, bool) {
	if n == nil || n.refused != nil {
		return Secret{}, false
	}
	return n.lookup(login, hosts)
}

// Refusal is why the file's password for a login on one of the hosts is not used; nil if the file is safe or
// has none.
func (n *Netrc) Refusal(login string, hosts ...string) error {
	if n == nil || n.refused == nil {
		return nil
	}
	if _, ok := n.lookup(login, hosts); !ok {
		return nil
	}
	return n.refused
}

func (n *Netrc) lookup(login string, hosts []string) (Secret, bool) {
	for _, host := range hosts {
		for _, m := range n.machines {
			if host != "" && strings.EqualFold(m.host, host) && m.login == login && !m.password.IsZero() {
				return m.password, true
			}
		}
	}
	return Secret{}, false
}

// LoadNetrc reads the .netrc file at path. The passwords of a file that others could read or write are not
// used: a warning says so, and so does Refusal. A missing file is no error and gives an empty Netrc.
func LoadNetrc(path string) (*Netrc, []*Error, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return &Netrc{}, nil, nil
	}
	if err != nil {
		return nil, nil, fmt.Errorf("open .netrc: %w", err)
	}
	defer func() { _ = f.Close() }()

	info, err := f.Stat()
	if err != nil {
		return nil, nil, fmt.Errorf("check the permissions of %s: %w", path, err)
	}
	if !info.Mode().IsRegular() {
		return &Netrc{}, []*Error{{Pos: Pos{File: path}, Msg: "not a regular file",
			Next: "it is not read"}}, nil
	}

	text, err := readAll(io.Reader(f), path)
	if err != nil {
		return nil, nil, err
	}

	// First what it holds: a file without passwords may be read by anybody.
	n, warnings, err := parseNetrc(path, text)
	if err != nil {
		return nil, nil, err
	}
	if refused := netrcRefusal(f, info.Mode()); refused != nil && n.secret() {
		n.refused = refused
		return n, []*Error{refused}, nil
	}
	return n, warnings, nil
}

// netrcRefusal is why passwords in the open file must not be used; nil if nobody else could have read or
// written them.
func netrcRefusal(f *os.File, mode fs.FileMode) *Error {
	at := Pos{File: f.Name()}
	if unsafe, ok := errors.AsType[*PermissionError](checkWriters(f)); ok {
		return &Error{Pos: at, Msg: "its passwords are not used: " + unsafe.Path + ": " + unsafe.Msg,
			Next: unsafe.Next}
	}
	if mode.Perm()&0o077 != 0 {
		msg := fmt.Sprintf("others may use it (%04o), so its passwords are not used", mode.Perm())
		return &Error{Pos: at, Msg: msg, Next: "run: chmod 600 " + f.Name()}
	}
	return nil
}

func (n *Netrc) secret() bool {
	for _, m := range n.machines {
		if !m.password.IsZero() {
			return true
		}
	}
	return false
}

// parseNetrc reads machine, login, password and account; "default" is read over, because a password must not
// go to a server that nobody named, and so are macdef bodies. As for fetchmail, a mistake is only a warning:
// the file belongs to other programs too.
func parseNetrc(name string, text []byte) (*Netrc, []*Error, error) {
	if i := strings.IndexByte(string(text), 0); i >= 0 {
		return nil, nil, &Error{Pos: placeOf(name, text, i), Msg: "the file holds a NUL byte",
			Next: "save it as plain text"}
	}
	r := &netrcReader{lexer: lexer{reporter: &reporter{}, file: name,
		text: strings.TrimPrefix(string(text), "\ufeff"), line: 1}}
	for r.entry() {
	}
	return &Netrc{machines: r.machines}, r.errs, nil
}

// netrcReader goes through the words of a .netrc file.
type netrcReader struct {
	lexer
	machines []machine
	skipping bool // in a default entry
	private  bool // the last value was a password
}

// entry reads one keyword with its value, and tells whether there may be more.
func (r *netrcReader) entry() bool {
	w, ok := r.word()
	if !ok {
		return false
	}

	switch w.text {
	case "default":
		r.skipping = true
	case "macdef":
		r.macro()
	case "machine", "login", "user", "password", "passwd", "account":
		value, ok := r.word()
		if !ok {
			r.errf(w.pos, "write the value behind it", "%q without a value", w.text)
			return false
		}
		r.store(w, value.text)
		r.private = strings.HasPrefix(w.text, "passw")
		return true
	default:
		// It may be the rest of a password, so it must not be shown.
		if r.private {
			r.err(w.pos, "unknown word after a password", "a password with a blank needs quotes")
			break
		}
		// Every word here may be a password.
		r.err(w.pos, "unknown word "+concealed,
			"expected machine, login, password, account, default or macdef")
	}

	return true
}

func (r *netrcReader) store(key word, value string) {
	if key.text == "machine" {
		r.skipping = false
		r.machines = append(r.machines, machine{host: value})
		return
	}
	if r.skipping {
		return
	}
	if len(r.machines) == 0 {
		r.errf(key.pos, "write machine NAME first", "%q before the first machine", key.text)
		return
	}
	// It would end a command of the protocol, and what stands behind it would be another one.
	if strings.ContainsAny(value, "\r\n") {
		r.errf(key.pos, "remove it", "the value of %q holds a line end", key.text)
		return
	}

	switch m := &r.machines[len(r.machines)-1]; key.text {
	case "login", "user":
		m.login = value
	case "password", "passwd":
		m.password = NewSecret(value)
	}
}

// macro passes a macro's name and body, which ends at an empty line.
func (r *netrcReader) macro() {
	for first := true; r.at < len(r.text); first = false {
		n := lineLength(r.text[r.at:])
		line := strings.TrimRight(r.text[r.at:r.at+n], "\r")
		r.at += n
		if r.at < len(r.text) {
			r.newline(r.at)
			r.at++
		}
		if !first && line == "" {
			return
		}
	}
}

// word returns the next word: up to a blank that is not between quote marks of either kind. As for fetchmail
// there are no escapes.
func (r *netrcReader) word() (word, bool) {
	for r.at < len(r.text) {
		switch c := r.text[r.at]; {
		case c == '\n':
			r.newline(r.at)
			r.at++
		case c == ' ' || c == '\t' || c == '\r':
			r.at++
		case c == '#':
			r.at += lineLength(r.text[r.at:])
		default:
			return r.bareOrQuoted(), true
		}
	}
	return word{}, false
}

func (r *netrcReader) bareOrQuoted() word {
	w, mark := word{pos: r.pos(r.at)}, byte(0)
	var b strings.Builder
	for ; r.at < len(r.text); r.at++ {
		c := r.text[r.at]
		if c == '\n' || mark == 0 && strings.IndexByte(blanks, c) >= 0 {
			break
		}
		switch {
		case mark == 0 && (c == '"' || c == '\''):
			mark = c
		case c == mark:
			mark = 0
		default:
			b.WriteByte(c)
		}
	}

	if mark != 0 {
		r.err(w.pos, "quoted text has no end", "add "+string(mark))
	}

	w.text = b.String()
	return w
}
