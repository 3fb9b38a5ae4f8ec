package main

import (
	"errors"
	"path/filepath"

	"fetchd/delivery"
	"fetchd/rcfile"
)

// destination chooses how mail is delivered. It is the only place that does: a destination that was asked for is used or
// refused, never replaced by another.
//
// The order is fetchmail's: bsmtp, else mda, else SMTP or LMTP. Where nothing is said it is the Maildir in the home
// directory.
func destination(u *rcfile.User, at *places, agentUser string) (delivery.Deliverer, error) {
	switch {
	case u.BSMTP.Set:
		return nil, notYet("bsmtp")
	case u.Mbox.Set:
		return nil, notYet("mbox")
	case u.Maildir.Set && u.MDA.Set:
		return nil, errors.New("maildir and mda are both set; remove one of them")
	case u.Maildir.Set:
		dir, err := filepath.Abs(u.Maildir.Value)
		return delivery.NewMaildir(delivery.MaildirOptions{Dir: dir}), err
	case u.MDA.Set:
		return mda(u, recipients(u, at), agentUser)
	case u.LMTP.Value:
		return nil, notYet("lmtp")
	case len(u.SMTPHosts) > 0:
		return nil, notYet("smtphost")
	}
	return delivery.NewMaildir(delivery.MaildirOptions{Dir: delivery.DefaultMaildir(at.home)}), nil
}

// choseDefault tells whether destination had nothing to go by, which the log then names.
func choseDefault(u *rcfile.User) bool {
	return !u.BSMTP.Set && !u.Mbox.Set && !u.Maildir.Set && !u.MDA.Set && !u.LMTP.Value && len(u.SMTPHosts) == 0
}

func mda(u *rcfile.User, recipients []string, agentUser string) (delivery.Deliverer, error) {
	d, err := delivery.NewMDA(delivery.MDAOptions{
		Command: u.MDA.Value, Timeout: duration(u.MDATimeout.Value), User: agentUser, Recipients: recipients,
	})
	if err != nil {
		return nil, &rcfile.Error{Pos: u.MDA.Pos, Msg: err.Error()}
	}
	return d, nil
}

// recipients are the local names that the account's mail is for.
func recipients(u *rcfile.User, at *places) []string {
	if len(u.Locals) > 0 {
		return []string{u.Locals[0].Local}
	}
	return []string{at.caller}
}
