package main

import (
	"fmt"
	"strings"

	"fetchd/fetch"
	"fetchd/rcfile"
)

// globalDifferences are the "set" words of the file that fetchmail obeys in another way. Those of which that is true
// wherever they stand were warned about when the file was read.
func globalDifferences(g *rcfile.Globals) []string {
	return found([]doubt{
		{g.Bouncemail.Value, "set bouncemail: nothing is ever sent to senders; what is refused stays on the server and is in the log"},
		{g.Spambounce.Value, "set spambounce: nothing is ever sent to senders"},
		{g.Softbounce.Set && !g.Softbounce.Value, "set no softbounce: refused mail is never deleted; it stays on the server and is set aside"},
		{g.Postmaster.Set, "set postmaster: does nothing, as no mail is ever nobody's; notices go where the account's mail goes"},
	})
}

// differences are the same for an account.
func differences(poll *rcfile.Poll, u *rcfile.User, a *fetch.Account) []string {
	if !choseDefault(u) {
		return nil
	}
	whose := "it"
	if len(u.Locals) == 1 {
		whose = fmt.Sprintf("the mail for %q", u.Locals[0].Local)
	}
	texts := []string{fmt.Sprintf("no destination is named: fetchmail would hand %s to SMTP on this machine, here it goes to the Maildir above; name one with maildir or mda", whose)}
	if words := smtpWords(poll, u); len(words) > 0 {
		texts = append(texts, strings.Join(words, ", ")+": does nothing without SMTP")
	}
	return texts
}

// smtpWords are the keywords of the file that only matter for delivery by SMTP.
func smtpWords(poll *rcfile.Poll, u *rcfile.User) []string {
	return found([]doubt{
		{u.SMTPAddress.Set, "smtpaddress"},
		{u.SMTPName.Set, "smtpname"},
		{len(u.AntiSpam) > 0, "antispam"},
		{u.BatchLimit.Value > 0, "batchlimit"},
		{poll.Plugout.Set, "plugout"},
		{poll.ESMTPName.Set, "esmtpname"},
		{poll.ESMTPPassword.Set, "esmtppassword"},
	})
}
