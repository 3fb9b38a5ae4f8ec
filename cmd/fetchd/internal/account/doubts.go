package account

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"fetchd/delivery"
	"fetchd/fetch"
	"fetchd/rcfile"
)

// doubt is a warning, if it applies.
type doubt struct {
	applies bool
	text    string
}

// applying returns the texts of the doubts that apply.
func applying(doubts []doubt) []string {
	var texts []string
	for _, d := range doubts {
		if d.applies {
			texts = append(texts, d.text)
		}
	}
	return texts
}

// GlobalDoubts are about the file's "set" options that fetchmail obeys in another way. Options for which that
// is true whatever their value were already warned about when the file was read.
func GlobalDoubts(g *rcfile.Globals) []string {
	return applying([]doubt{
		{g.Bouncemail.Value,
			"set bouncemail: nothing is ever sent to senders, who may be forged; what is refused stays on " +
				"the server and is in the log; see no softbounce"},
		{g.Spambounce.Value, "set spambounce: nothing is ever sent to senders"},
		{g.Softbounce.Set && !g.Softbounce.Value,
			"set no softbounce: mail that is refused for good is handed on enclosed in a notice, and is " +
				"deleted only then"},
		{g.Postmaster.Set && g.Postmaster.Value == "",
			"set postmaster '': mail of a shared mailbox that is for no local user is DELETED unread"},
	})
}

// Doubts are about settings of an account that are allowed but probably not meant, or that fetchmail obeys in
// another way.
func Doubts(g *rcfile.Globals, poll *rcfile.Poll, u *rcfile.User, a *fetch.Account) []string {
	isDaemon := g.Daemon.Value > 0

	return append(applying([]doubt{
		{a.Keep && a.Protocol != fetch.IMAP && poll.UIDL.Set && !poll.UIDL.Value,
			"keep needs UIDL, which is used in spite of no uidl; a server without it is refused"},
		{a.KeepDays > 0 && (!a.Keep || a.Flush || a.MoveTo != ""),
			"keepdays does nothing with nokeep, flush or moveto: nothing is kept"},
		{a.LimitFlush && a.Limit == 0, "limitflush does nothing without limit"},

		{a.Idle && a.Protocol == fetch.POP3, "idle does nothing with POP3"},
		{a.Idle && g.Daemon.Set && !isDaemon, "idle does nothing in a single pass (daemon 0)"},
		{a.Idle && len(a.Patterns) > 0 && len(a.Mailboxes) == 0,
			"idle watches only what folder names, and it names none: all is polled"},
		{a.Protocol == fetch.POP3 && len(a.Mailboxes) > 0, "folder does nothing with POP3"},
		{a.Protocol == fetch.POP3 && len(a.Patterns) > 0, "folderpattern does nothing with POP3"},
		{a.Protocol == fetch.POP3 && u.Compress.Value, "compress does nothing with POP3"},
		{a.Protocol == fetch.POP3 && poll.KeepAlive.Value, "keepalive does nothing with POP3"},
		{a.Protocol == fetch.POP3 && (u.KeepFlags.Value || u.KeepDate.Value),
			"keepflags and keepdate do nothing with POP3"},
		{(u.KeepFlags.Value || u.KeepDate.Value) && !a.WantsMarks(),
			"keepflags and keepdate do nothing without maildir"},
		{a.MoveTo != "" && a.Keep, "keep and moveto contradict each other"},

		{isMultidrop(u) && poll.Envelope.Value == "",
			"no envelope: recipients are guessed from To and Cc; mail of lists and blind copies goes " +
				"to the postmaster"},
		{isMultidrop(u) && isUntold(a.Deliverer),
			"mda is not told whom a message is for: write %T where it wants the names"},
		{len(u.SSLFingerprints) > 0 && a.TLS == fetch.ClearText, "sslfingerprint does nothing without TLS"},
	}), append(folderDoubts(a), destinationDoubts(poll, u, a)...)...)
}

// destinationDoubts are about the destination of an account, mostly one that the file does not name.
func destinationDoubts(poll *rcfile.Poll, u *rcfile.User, a *fetch.Account) []string {
	if d, ok := a.Deliverer.(*delivery.Mbox); ok && !d.HasDotlock() {
		return []string{"mbox: no lock file can be made beside it, so other programs must lock " +
			"it with fcntl, as most do"}
	}

	if (u.Maildir.Set || u.Mbox.Set) && len(u.SMTPHosts) > 0 {
		return []string{"smtphost does nothing beside maildir or mbox; deliver names several destinations"}
	}

	_, isSMTP := a.Deliverer.(*delivery.SMTP)
	if isSMTP && len(u.AntiSpam) > 0 {
		return []string{"antispam: what the mail server refuses with these codes stays on the server; " +
			"fetchmail drops it"}
	}
	if isSMTP || NamesDestination(u) {
		return nil
	}

	whose := "it"
	if len(u.Locals) == 1 {
		whose = fmt.Sprintf("the mail for %q", u.Locals[0].Local)
	}

	texts := []string{fmt.Sprintf("no destination is named: fetchmail would hand %s to SMTP on "+
		"this machine, where no mail server answers, so it goes to the Maildir above; "+
		"name one with smtphost, maildir or mda", whose)}
	if words := smtpWords(poll, u); len(words) > 0 {
		texts = append(texts, strings.Join(words, ", ")+": does nothing without SMTP")
	}

	return texts
}

// folderDoubts are about folders with a destination of their own that are not retrieved.
func folderDoubts(a *fetch.Account) []string {
	var texts []string
	for _, name := range slices.Sorted(maps.Keys(a.Folders)) {
		isSame := func(box string) bool { return canonical(box) == name }
		if len(a.Patterns) == 0 && !slices.ContainsFunc(knownMailboxes(a), isSame) {
			texts = append(texts, fmt.Sprintf("folderdeliver %q does nothing: folder does not name it", name))
		}
	}
	return texts
}

// isUntold tells whether the destination is an agent that does not get the recipients' names.
func isUntold(to delivery.Deliverer) bool {
	agent, ok := to.(*delivery.MDA)
	return ok && !agent.IsTold()
}

// smtpWords are the keywords of the file that only matter for delivery by SMTP.
func smtpWords(poll *rcfile.Poll, u *rcfile.User) []string {
	return applying([]doubt{
		{u.SMTPAddress.Set, "smtpaddress"},
		{u.SMTPName.Set, "smtpname"},
		{len(u.AntiSpam) > 0, "antispam"},
		{u.BatchLimit.Value > 0, "batchlimit"},
		{poll.Plugout.Set, "plugout"},
		{poll.ESMTPName.Set, "esmtpname"},
		{poll.ESMTPPassword.Set, "esmtppassword"},
		{poll.ESMTPEval.Set, "esmtppasswordeval"},
		{poll.ESMTPFile.Set, "esmtppasswordfile"},
		{poll.ESMTPAuth.Set, "esmtpauth"},
	})
}
