package delivery

import (
	"errors"
	"fmt"
	"slices"

	"fetchd/fetch/login"
	"fetchd/fetch/login/imapline"
	"fetchd/tlsverify/hints"
)

// errNoFolder is in the error of a message whose folder is not there.
var errNoFolder = errors.New("the folder is not there")

// appendRefusal is a row of the table of what a server says to a message. Codes are those of RFC 9051 section
// 7.1, RFC 5530 and RFC 7889.
type appendRefusal struct {
	codes []string
	class Class
	err   error // what the code means; nil = nothing more
	hint  string
	// it is about the folder, and says nothing of others
	folder bool
}

// folderError is the error of a folder that takes no mail.
type folderError struct{ error }

func (e *folderError) Unwrap() error { return e.error }

// IsOfFolder tells whether err, of mail that d did not take, says nothing of mail from other folders, which
// goes to others at d too.
func IsOfFolder(d Deliverer, err error) bool {
	_, ok := errors.AsType[*folderError](err)
	return ok && KeepsFolders(d)
}

var lacksFolder = appendRefusal{codes: []string{"TRYCREATE", "NONEXISTENT"}, class: Unusable,
	err: errNoFolder, hint: "make it there, or write appendcreate", folder: true}

const hintNoRight = "the user of append may not write there: name another folder or user"

// appendRefusals is that table. Other refusals are those of one message, and may pass. So are CANNOT and
// SERVERBUG, which may be about all messages: one that the server fails at must not keep the others from it.
var appendRefusals = []appendRefusal{
	lacksFolder,
	{codes: []string{"OVERQUOTA"}, class: Unusable, err: errOverQuota,
		hint: "mail stays on its server until there is room again"},
	{codes: []string{"LIMIT"}, class: Unusable, hint: "mail stays on its server until there is room again"},
	{codes: []string{"UNAVAILABLE", "INUSE"}, class: Unusable, hint: hintKept},
	{codes: []string{"NOPERM", "READ-ONLY"}, class: Unusable, hint: hintNoRight, folder: true},
	{codes: []string{"CONTACTADMIN"}, class: Unusable, hint: hintNoRight},
	{codes: []string{"TOOBIG", "UNKNOWN-CTE", "BADCHARSET"}, class: Permanent,
		hint: "the server refuses this message; it stays on its own server"},
}

// judge gives messages, those of one command, the result that the server's answer means. Where it refuses
// several, none of them was taken (RFC 3502 section 6.3.11), and each is sent alone.
func (s *appendSession) judge(items []*appendItem, got imapline.Reply) error {
	several := len(items) > 1
	for _, it := range items {
		switch {
		case got.Word == "OK":
			it.state = appendDone
		case several:
			it.state, it.alone = appendWaiting, true
		case s.leaveKeywords(it, got):
			it.state = appendWaiting
		default:
			it.fail(s.refused("message", got))
			it.unexplained = got.Word == "NO" && got.Code == ""
			// For others there may be room, or they are below a limit for one message, as Dovecot's
			// quota_max_mail_size.
			if (LacksRoom(it.err) || got.Code == "LIMIT") && it.size > roomSmall {
				it.err = &Error{Class: Temporary, Err: it.err}
			}
			if errors.Is(it.err, errNoFolder) { // it was removed meanwhile
				s.folder.proven = false
			}
		}
	}

	switch {
	case len(items) == 0:
	case got.Word == "OK":
		s.d.o.Log.Debug("appended", "to", s.d.o.Name, "folder", items[0].folder, "count", len(items),
			"as", got.Args)
	case got.Word == "BAD": // it did not understand us: what follows may be taken for something else
		if several {
			s.d.noBatches.Store(true)
		}
		return s.conn.Break(s.no("message", got))
	}
	return nil
}

// refused is the error of an answer that says no; act is what it is to.
func (s *appendSession) refused(act string, got imapline.Reply) error {
	for _, row := range appendRefusals {
		// Not for BAD, which says that the command was wrong, whatever code comes with it.
		if got.Word == "NO" && slices.Contains(row.codes, got.Code) {
			return row.of(s.refusal(act, got))
		}
	}
	return appendRefusal{class: Temporary, hint: hintKept}.of(s.refusal(act, got))
}

// refusal is what the server says, without what it means.
func (s *appendSession) refusal(act string, got imapline.Reply) error {
	return fmt.Errorf("%s: %w", s.d, s.no(act, got))
}

// no is a refusal for which the connection is broken, see broken.
func (s *appendSession) no(act string, got imapline.Reply) error {
	return fmt.Errorf("%s for %s: refused with %s", act, s.folder.wire, s.words(got))
}

// of gives an error what the row says of it.
func (row appendRefusal) of(err error) error {
	if row.err != nil {
		err = fmt.Errorf("%w: %w", err, row.err)
	}
	if row.folder {
		err = &folderError{err}
	}
	return &login.Error{Kind: login.KindDelivery,
		Err: &Error{Class: row.class, Err: hints.Add(err, row.hint)}}
}

// words are a server's, with the code, which often says more than the text.
func (s *appendSession) words(got imapline.Reply) string {
	code := ""
	if got.Code != "" {
		code = "[" + s.conn.Clean(got.Code) + "] "
	}
	return got.Word + " " + code + s.conn.Quoted([]byte(got.Text))
}
