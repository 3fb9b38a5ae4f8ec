package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"fetchd/fetch"
	"fetchd/rcfile"
)

// Bounds of what a password source may do.
const (
	maxPassword  = 64 << 10 // OAuth tokens reach some kilobytes
	evalTimeout  = 30 * time.Second
	maxEvalError = 200
)

// lookup is where one account's password may come from.
type lookup struct {
	account string // "ann@mail.example.org"
	poll    string
	host    string
	login   string
	user    *rcfile.User
	needed  bool // false where the login needs none
}

func (w *wiring) lookup(poll *rcfile.Poll, u *rcfile.User) lookup {
	auth := poll.Auth.Value
	return lookup{
		account: w.name(poll, u), poll: poll.Name, host: host(poll), login: w.login(u), user: u,
		needed: auth != "external" && auth != "implicit",
	}
}

// secrets finds passwords. What can be read only once, or was typed in, is kept in early.
type secrets struct {
	env   func(string) string
	netrc string                                // its path
	early map[string]string                     // by account, or by earlyKey
	ask   func(question string) (string, error) // for the pass phrase of a key while the account is made; nil = nobody
	warn  func(account, text string)

	hidden *concealed // learns each password that is found
}

// password returns the function that an account asks for its password.
func (s *secrets) password(l lookup) func(context.Context) (string, error) {
	return func(ctx context.Context) (string, error) {
		text, found, err := s.find(ctx, l)
		if err == nil && !found && l.needed {
			err = noPassword(l)
		}
		if err != nil {
			return "", fetch.Fail(fetch.KindAuth, err)
		}
		s.hidden.add(l.account, l.login, text)
		return text, nil
	}
}

func noPassword(l lookup) error {
	return fmt.Errorf("can't find a password for %s; write one into the rc file, or see \"passwords\" in fetchd(1)", l.account)
}

// missing is the error of an account that needs a password and has no source of one.
func (s *secrets) missing(l lookup) error {
	if _, ok := s.early[l.account]; ok || !l.needed {
		return nil
	}
	if found, err := s.stored(l); found || err != nil { // the latter is reported by who reads it
		return nil
	}
	return fetch.Fail(fetch.KindAuth, noPassword(l))
}

// find looks at the sources in turn: the rc file, systemd's credentials, ~/.netrc.
func (s *secrets) find(ctx context.Context, l lookup) (text string, found bool, err error) {
	if text, ok := s.early[l.account]; ok {
		return text, true, nil
	}
	u := l.user
	switch {
	case u.Password.Set:
		return u.Password.Value.Reveal(), true, nil
	case u.PasswordEval.Set:
		text, err = evalPassword(ctx, u.PasswordEval.Value)
		return text, true, err
	case u.PasswordFile.Set:
		text, err = s.passwordFile(l.account, u.PasswordFile.Value)
		return text, true, err
	case u.PasswordFD.Set:
		return "", true, fmt.Errorf("passwordfd %d gave no password at the start", u.PasswordFD.Value)
	}
	if text, found, err = s.credential(l, ""); found || err != nil {
		return text, found, err
	}
	return s.fromNetrc(l)
}

// credential looks in systemd's $CREDENTIALS_DIRECTORY for fetchd.USER@HOST, fetchd.USER@POLL or the poll's name,
// with suffix behind it.
func (s *secrets) credential(l lookup, suffix string) (string, bool, error) {
	dir := s.env("CREDENTIALS_DIRECTORY")
	if dir == "" {
		return "", false, nil
	}
	for _, name := range []string{"fetchd." + l.login + "@" + l.host, "fetchd." + l.account, l.poll} {
		if strings.ContainsAny(name, "/\x00") {
			continue
		}
		text, err := firstLine(filepath.Join(dir, name+suffix))
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		return text, true, err
	}
	return "", false, nil
}

func (s *secrets) passwordFile(account, path string) (string, error) {
	if info, err := os.Stat(path); err == nil && info.Mode().Perm()&0o077 != 0 {
		s.warn(account, fmt.Sprintf("passwordfile %s can be read by others (%04o); run: chmod 600 %s", path, info.Mode().Perm(), path))
	}
	text, err := firstLine(path)
	if err != nil {
		return "", fmt.Errorf("passwordfile: %w", err)
	}
	return text, nil
}

func firstLine(path string) (string, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return "", err
	}
	defer f.Close()
	return readPassword(f)
}

// readPassword reads the first line of r without its line end.
func readPassword(r io.Reader) (string, error) {
	line, err := bufio.NewReaderSize(io.LimitReader(r, maxPassword+1), 512).ReadBytes('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("read the password: %w", err)
	}
	if len(line) > maxPassword {
		return "", fmt.Errorf("the password is longer than %d bytes", maxPassword)
	}
	text := strings.TrimRight(string(line), "\r\n")
	if text == "" {
		return "", errors.New("the first line, which is to be the password, is empty")
	}
	return text, nil
}

// evalPassword runs command in a shell and returns the first line of its output.
func evalPassword(ctx context.Context, command string) (string, error) {
	out, problems := &bounded{limit: maxPassword + 1}, &bounded{limit: maxEvalError}
	if err := runShell(ctx, command, evalTimeout, out, problems); err != nil {
		return "", fmt.Errorf("passwordeval: %w: %q", err, problems.buf.String())
	}
	text, err := readPassword(&out.buf)
	if err != nil {
		return "", fmt.Errorf("passwordeval: %w", err)
	}
	return text, nil
}
