package account

import (
	"fetchd/fetch/sasl"
	"fetchd/rcfile"
	"fetchd/tlsverify/hints"
)

const hintAuth = "leave it out to use the best that the server offers"

// authReasons are why the login that the entry asks for can't succeed at any server, each an *rcfile.Error.
func authReasons(poll *rcfile.Poll, u *rcfile.User) []error {
	var errs []error
	word := poll.Auth.Value
	if word == "apop" && poll.Protocol.Value == "imap" {
		errs = append(errs, &rcfile.Error{Pos: poll.Auth.Pos, Msg: `auth "apop" is for POP3`, Next: hintAuth})
	}
	if u.AuthzID.Value != "" && poll.Auth.Set && !sasl.CanAct(word) {
		errs = append(errs, &rcfile.Error{Pos: poll.Auth.Pos,
			Msg: `auth "` + word + `" can't say whose mailbox authzid wants`, Next: hintAuth})
	}
	return errs
}

// targetAuthReason is why a mail server or an IMAP target can't be logged in to as a keyword says.
func targetAuthReason(keyword string, auth rcfile.Opt[string]) error {
	if auth.Value != "apop" {
		return nil
	}
	return hints.Errorf(hintAuth, "%s %q is for POP3", keyword, auth.Value)
}
