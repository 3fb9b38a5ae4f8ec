package account

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"

	"fetchd/fetch/login"
	"fetchd/fetch/login/imapline"
	"fetchd/fetch/wire"
	"fetchd/rcfile"
	"fetchd/tlsverify/hints"
)

// appendTarget is an IMAP folder as the rc file names it.
type appendTarget struct {
	text string // as the file has it
	tls  login.Mode
	user string
	host string
	port int // 0 = that of the scheme

	parts []string // of the folder's name in UTF-8, between which the source's folder stands; nil = INBOX
}

// sourceFolder is what stands for the folder that a message comes from. It is no escape: "fo" is not
// hexadecimal.
const sourceFolder = "%folder"

// appendForm is a hint.
const appendForm = `write append "imaps://user@host/folder"`

// parseAppend reads imaps://USER@HOST[:PORT][/FOLDER], imap:// for STARTTLS, and what else the entry says of
// the channel. The error is an *rcfile.Error.
func parseAppend(u *rcfile.User) (*appendTarget, error) {
	t := &appendTarget{text: u.Append.Value}
	err := t.parse(u.AppendProto.Set && u.AppendProto.Value == "")
	if err == nil {
		return t, nil
	}

	problem, hint := hints.Split(err)
	return nil, &rcfile.Error{Pos: u.Append.Pos, Msg: "append: " + problem, Next: hint}
}

func (t *appendTarget) parse(clear bool) error {
	scheme, rest, ok := strings.Cut(t.text, "://")
	switch {
	case ok && strings.EqualFold(scheme, "imaps"):
		t.tls = login.Wrapped
	case ok && strings.EqualFold(scheme, "imap"):
		t.tls = login.StartTLS
	default:
		return hints.Errorf(appendForm, "%.200q is no address of an IMAP folder", t.text)
	}

	authority, path, _ := strings.Cut(rest, "/")
	at := strings.LastIndexByte(authority, '@')
	if at < 1 {
		return hints.Errorf(appendForm, "no user is named before the host")
	}
	if err := t.parseServer(authority[at+1:]); err != nil {
		return err
	}
	if err := t.parseUser(authority[:at]); err != nil {
		return err
	}
	if err := t.parseFolder(path); err != nil {
		return err
	}

	switch {
	case !clear:
	case t.tls == login.Wrapped:
		return hints.Errorf("write imap://", "imaps:// and appendsslproto '' contradict each other")
	case !wire.IsLoopback(t.host):
		return hints.Errorf("remove appendsslproto ''",
			"password and mail go in clear text only to this machine")
	default:
		t.tls = login.ClearText
	}
	return nil
}

// parseUser reads what stands before the "@". A password has no place there: the address is shown.
func (t *appendTarget) parseUser(text string) error {
	if strings.Contains(text, ":") {
		return hints.Errorf("write appendpassword beside it, or %3A for a colon in the user's name",
			"there is a password in the address")
	}
	user, err := unescape(text)
	t.user = user
	return err
}

func (t *appendTarget) parseServer(text string) error {
	host, port, _ := strings.Cut(text, ":")
	if strings.HasPrefix(text, "[") {
		var after string
		host, after, _ = strings.Cut(text[1:], "]")
		port = strings.TrimPrefix(after, ":")
	}

	if t.host = host; host == "" {
		return hints.Errorf(appendForm, "no host is named")
	}
	if port == "" {
		return nil
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 {
		return hints.Errorf(appendForm, "%.100q is no port", port)
	}
	t.port = int(n)
	return nil
}

func (t *appendTarget) parseFolder(path string) error {
	if path == "" {
		return nil
	}
	for _, part := range strings.Split(path, sourceFolder) {
		text, err := unescape(part)
		if err != nil {
			return err
		}
		t.parts = append(t.parts, imapline.DecodeName(text))
	}
	return nil
}

// unescape decodes %XX.
func unescape(text string) (string, error) {
	plain, err := url.PathUnescape(text)
	switch {
	case err != nil:
		return "", hints.Errorf("write %25 for a percent sign", "%.200q: %w", text, errors.Unwrap(err))
	case !utf8.ValidString(plain) ||
		strings.ContainsFunc(plain, func(r rune) bool { return r < ' ' || r == 0x7f }):
		return "", fmt.Errorf("%.200q is not UTF-8, or has a control character in it", text)
	}
	return plain, nil
}

// folder is the name, in UTF-8, of the folder for mail of the source's folder.
func (t *appendTarget) folder(source string) string {
	if t.parts == nil {
		return "INBOX"
	}
	// Each part by itself: the user may write one in UTF-8 and have another from a server in UTF-7.
	return strings.Join(t.parts, imapline.DecodeName(source))
}

// String names the folder for the log.
func (t *appendTarget) String() string { return fmt.Sprintf("append %.250q", t.text) }
