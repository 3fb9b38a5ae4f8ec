package logging

import (
	"fmt"

	"fetchd/fetch"
)

// warning is the text of a warning about an account or one of its mailboxes, "" if the event is another.
func warning(event string, f fields) string {
	if text := listWarning(event, f); text != "" {
		return text
	}
	switch event {
	case fetch.EventSetAside:
		return setAsideText(f)

	case fetch.EventEnclosed, fetch.EventNotEnclosed:
		return enclosedText(event, f)

	// What came is not what is there.
	case fetch.EventStandIn:
		return fmt.Sprintf("in place of %s%s the server sent a note that it can't retrieve it:"+
			" the note is delivered, and the original stays; look at it there",
			Counted(f.number("count"), "message"), f.inMailbox())
	case fetch.EventShort:
		return fmt.Sprintf("the server sent less than half of what it announced of %s%s:"+
			" what came is delivered, and the original stays; look at it there",
			Counted(f.number("count"), "message"), f.inMailbox())
	case fetch.EventDoubted:
		return fmt.Sprintf("the server sent %s%s and then refused to:"+
			" what came is delivered, and the original stays; look at it there",
			Counted(f.number("count"), "message"), f.inMailbox())

	// What was deleted is not gone.
	case fetch.EventKept:
		return fmt.Sprintf("the server keeps %s in mailbox %q and says that they are removed:"+
			" they are not delivered again, and deleting is tried again",
			Counted(f.number("count"), "deleted message"), f.text("mailbox"))
	case fetch.EventBack:
		return fmt.Sprintf("the server has brought back %s%s: deleted again, not delivered again",
			Counted(f.number("count"), "deleted message"), f.inMailbox())
	case fetch.EventNotExpunged:
		return fmt.Sprintf("mailbox %q holds %s messages that others marked as deleted,"+
			" and the server can't expunge ours alone: they are only marked; another program can expunge all",
			f.text("mailbox"), f.text("others"))

	case fetch.EventNobodys:
		return fmt.Sprintf("message %q is for no local user, and is discarded: there is no postmaster;"+
			" \"set postmaster\" names who gets such mail",
			f.text("uid"))
	case fetch.EventBrake:
		return fmt.Sprintf("%s of %s in mailbox %q are older than keepdays, more than half: they stay;"+
			" a pass with --yes removes them", f.text("count"), f.text("total"), f.text("mailbox"))
	case fetch.EventMisnamed:
		return "mailbox " + f.text("mailbox") +
			" is left out: its name can't be decoded; rename it on the server"
	case fetch.EventAlert:
		return "the server says: " + f.text("text")
	}

	return ""
}

// listWarning is the text of a warning about UIDs, or a list of messages, "" if the event is another.
func listWarning(event string, f fields) string {
	switch event {
	case fetch.EventRenumbered:
		return fmt.Sprintf("the server has renumbered mailbox %q (UIDVALIDITY %s, was %s):"+
			" what is not marked as seen there is new again", f.text("mailbox"), f.text("new"), f.text("old"))
	case fetch.EventRewound:
		return fmt.Sprintf("the server gives out UIDs again in mailbox %q (the next one is %s, after %s):"+
			" what is not marked as seen there is new again",
			f.text("mailbox"), f.text("next"), f.text("known"))
	case fetch.EventReused:
		return fmt.Sprintf("the server has given the UIDs of %s%s to others: those are new",
			Counted(f.number("count"), "deleted message"), f.inMailbox())

	case fetch.EventSameUIDL:
		return sameUIDLText(f)
	case fetch.EventUnlisted:
		return fmt.Sprintf("the server counts %s more than it lists: what is not listed stays there;"+
			" if you miss mail, look there with another program, and tell the server's operator",
			Counted(f.number("count"), "message"))
	}

	return ""
}

// inMailbox names the mailbox behind what is in it; POP3 has no name for its only one.
func (f fields) inMailbox() string {
	if m := f.text("mailbox"); m != "" {
		return fmt.Sprintf(" in mailbox %q", m)
	}
	return ""
}

// sameUIDLText is about one message, or about more than are named.
func sameUIDLText(f fields) string {
	what := fmt.Sprintf("message %d has the UIDL %q of another one", f.number("n"), f.text("uid"))
	if n := f.number("count"); n > 0 {
		what = Counted(n, "more message") + " with the UIDL of another one"
	}
	return what + ": they are told apart by what is in them; tell the server's operator"
}

func setAsideText(f fields) string {
	what := "1 refused message is set aside: it stays"
	if n := f.number("count"); n != 1 {
		what = fmt.Sprintf("%d refused messages are set aside: they stay", n)
	}
	if m := f.text("mailbox"); m != "" {
		what += fmt.Sprintf(" in %q", m)
	}
	return what + " on the server and will be tried again in a day"
}

// enclosedText says what became of a message that was refused for good.
func enclosedText(event string, f fields) string {
	if event == fetch.EventNotEnclosed {
		return fmt.Sprintf("message %q, which is refused for good, stays:"+
			" the notice for %s with it is not delivered: %s", f.text("uid"), f.text("to"), f.err())
	}
	return fmt.Sprintf("message %q is refused for good, and handed to %s as the enclosure of a notice: %s",
		f.text("uid"), f.text("to"), f.err())
}
