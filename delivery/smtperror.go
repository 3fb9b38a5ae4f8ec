package delivery

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"fetchd/fetch/login"
	"fetchd/tlsverify/hints"
)

// SMTPError is the refusal of a message, or of one of its recipients, by an SMTP or LMTP server.
type SMTPError struct {
	Server string // as the log names it
	Act    string // what it refused
	Code   int
	Text   string // its words, quoted
	Spam   bool   // the code is one of antispam
	hint   string
}

func (e *SMTPError) Error() string {
	as := ""
	if e.Spam {
		as = "as spam "
	}
	return hints.Text(fmt.Sprintf("%s: %s: refused %swith %d %s", e.Server, quotedAct(e.Act), as, e.Code,
		e.Text), e.hint)
}

// Hint is the next step.
func (e *SMTPError) Hint() string { return e.hint }

// isOfFullSystem tells whether the server has no room for the message (RFC 3463 section 3.4). It may be too
// large for what is left.
func (e *SMTPError) isOfFullSystem() bool { return e.Code == 452 && strings.Contains(e.Text, "4.3.1") }

// isOfTooMany tells whether a recipient behind an accepted one was refused with what means that there are
// too many: 452, which was 552 (RFC 5321 section 4.5.3.1.10). In a transaction of its own it means something
// else.
func isOfTooMany(err error) bool {
	e, ok := errors.AsType[*SMTPError](err)
	return ok && !e.Spam && (e.Code == 452 || e.Code == 552)
}

// quotedAct quotes a command in which something may come from elsewhere.
func quotedAct(act string) string {
	if strings.Contains(act, " ") {
		return fmt.Sprintf("%.300q", act)
	}
	return act
}

// codeAuthRequired is the answer of a server that wants AUTH or STARTTLS first (RFC 4954 section 6, RFC 3207
// section 4).
const codeAuthRequired = 530

// isOfLogin tells whether the server wants a login before it takes a message of that sender.
func isOfLogin(err error) bool {
	e, ok := errors.AsType[*SMTPError](err)
	return ok && ClassOf(err) == Unusable && !strings.HasPrefix(e.Act, "MAIL FROM:<>")
}

// refused is the error of an answer that says no.
func (s *smtpSession) refused(act string, r smtpReply) error {
	e := &SMTPError{Server: s.server.String(), Act: act, Code: r.code, Text: s.conn.Quoted([]byte(r.text()))}
	class := Temporary
	switch {
	// The user's own word before the general meaning of the code.
	case slices.Contains(s.d.o.AntiSpam, r.code):
		e.Spam, class = true, Permanent
		e.hint = "the message stays on the server; antispam says that this is spam"
	case r.code == codeAuthRequired:
		// It would refuse all other messages too, unless the recipient or the text is the reason.
		if strings.HasPrefix(act, "MAIL ") {
			class = Unusable
		}
		e.hint = "name a user by esmtpname and esmtppassword, or a server that takes mail without a login"
	case r.code/100 == 4:
		e.hint = hintKept
	default:
		class = Permanent
		e.hint = "the server refuses this message or recipient: mend what it names, or delete the message," +
			" which stays where it came from"
	}

	return &Error{Class: class, Err: e}
}

// broken is the error of a connection that is of no more use.
func (s *smtpSession) broken(act string, err error) error {
	if hints.Of(err) != "" {
		return &Error{Class: Temporary, Err: fmt.Errorf("%s: %s: %w", s.server.String(), quotedAct(act), err)}
	}
	return &Error{Class: Temporary, Err: hints.Errorf(hintKept, "%s: %s: %w", s.server.String(),
		quotedAct(act), err)}
}

// UnreachableError says why none of the servers that mail goes to could be had.
type UnreachableError struct {
	Errs []error // of each that was tried; at least one
}

func (e *UnreachableError) Error() string {
	problems := make([]string, len(e.Errs))
	for i, err := range e.Errs {
		problems[i], _ = hints.Split(err)
	}
	return hints.Text(strings.Join(problems, "; "), e.Hint())
}

// Hint is the next step.
func (e *UnreachableError) Hint() string { return hints.Of(e.Errs[len(e.Errs)-1]) }

// Unwrap returns Errs.
func (e *UnreachableError) Unwrap() []error { return e.Errs }

// passableLogin tells whether another server of the list may be tried after this one: not after a refused
// password, which may lock the account, and not where a setting is wrong.
func passableLogin(err error) bool {
	k := login.KindOf(err)
	return !k.IsLogin() && k != login.KindClient && k != login.KindConfig && k != login.KindInternal
}

// joinRefusals is one error for recipients that were refused: the worst that can still change.
func joinRefusals(errs []error) error {
	if len(errs) == 0 {
		return nil
	}
	if len(errs) == 1 {
		return errs[0]
	}
	one := worst(errs)
	return &Error{Class: ClassOf(one), Err: fmt.Errorf("%d recipients: %w", len(errs), one)}
}

// rank orders classes: to try again for nothing harms less than to give up too early.
func rank(err error) int {
	return map[Class]int{Permanent: 0, Temporary: 1, Unusable: 2}[ClassOf(err)]
}
