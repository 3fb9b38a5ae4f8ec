package fetch

import (
	"context"
	"fmt"
	"slices"
	"time"

	"fetchd/fetch/journal"
	"fetchd/tlsverify/hints"
)

// Stopped is a mailbox from which nothing is retrieved until the user decides what becomes of its messages:
// of some that look new nobody knows whether they were delivered.
type Stopped struct {
	Mailbox     string    `json:"mailbox,omitempty"`
	UIDValidity uint32    `json:"uidvalidity,omitempty"`
	Messages    int       `json:"messages"` // of which nobody knows
	Decision    Decision  `json:"decision,omitempty"`
	Decided     time.Time `json:"decided,omitzero"`
}

// Decision is what becomes of the messages in a mailbox that was stopped.
type Decision string

// The decisions.
const (
	Undecided Decision = ""
	Adopt     Decision = "adopt"   // what is there now counts as delivered
	Refetch   Decision = "refetch" // everything that is not known to be old is retrieved
)

// decisionTime is how long a decision waits for a retrieval: it is about what was there then.
const decisionTime = 7 * 24 * time.Hour

func stoppedNote(key string) string { return key + " stopped" }

// StoppedMailboxes are those of the account that has this key in the journal.
func StoppedMailboxes(ctx context.Context, j *journal.Journal, key string) ([]Stopped, error) {
	var list []Stopped
	err := readNote(ctx, j, stoppedNote(key), &list)
	return list, err
}

// DecideStopped says what becomes of the messages in all mailboxes of the account that are stopped. The next
// retrieval obeys, by whatever process.
func DecideStopped(ctx context.Context, j *journal.Journal, key string, d Decision, now time.Time) error {
	list, err := StoppedMailboxes(ctx, j, key)
	if err != nil {
		return err
	}
	for i := range list {
		list[i].Decision, list[i].Decided = d, now
	}
	return writeStopped(ctx, j, key, list)
}

func writeStopped(ctx context.Context, j *journal.Journal, key string, list []Stopped) error {
	if len(list) == 0 {
		return Fail(KindJournal, j.SetNote(ctx, stoppedNote(key), ""))
	}
	return writeNote(ctx, j, stoppedNote(key), list)
}

// isDecided tells whether a decision waits to be obeyed.
func (a *Account) isDecided(ctx context.Context) bool {
	if a.Journal == nil {
		return false
	}
	list, err := StoppedMailboxes(ctx, a.Journal, a.Key)
	return err == nil && slices.ContainsFunc(list, func(s Stopped) bool { return s.Decision != Undecided })
}

// decide obeys what the user has decided about a mailbox of which some messages are known as delivered and
// others may have been. Without a decision it is stopped.
func (a *Account) decide(ctx context.Context, u Unknown, delivered []string, repeats int) (Known, error) {
	list, err := StoppedMailboxes(ctx, a.Journal, a.Key)
	if err != nil {
		return Known{}, err
	}

	decision := Undecided
	list = slices.DeleteFunc(list, func(s Stopped) bool {
		if s.Mailbox != u.Mailbox {
			return false
		}
		if s.UIDValidity == u.UIDValidity && a.now().Sub(s.Decided) < decisionTime {
			decision = s.Decision
		}
		return decision != Refetch // which holds until something was delivered
	})

	switch decision {
	case Refetch:
		return Known{}, nil
	case Adopt:
		return a.adopt(ctx, u, delivered, list)
	}

	list = append(list, Stopped{Mailbox: u.Mailbox, UIDValidity: u.UIDValidity, Messages: repeats})
	if err := writeStopped(ctx, a.Journal, a.Key, list); err != nil {
		return Known{}, err
	}
	return Known{}, a.stoppedError(u, repeats)
}

// adopt makes all messages known. What they look like is noted, should they get other UIDs once more.
func (a *Account) adopt(ctx context.Context, u Unknown, delivered []string, stopped []Stopped) (
	Known, error,
) {
	looks, err := u.Looks(ctx)
	if err != nil {
		return Known{}, err
	}

	k := Known{Delivered: delivered}
	var noted []string
	left := delivered // in the order of u.New, as that is
	for _, uid := range u.New {
		if len(left) > 0 && left[0] == uid {
			left = left[1:]
			continue
		}
		k.Adopted = append(k.Adopted, uid)
		if is := looks[uid]; is != "" {
			noted = append(noted, is)
		}
	}
	if err := a.keepLooks(ctx, u.Mailbox, noted); err != nil {
		return Known{}, err
	}

	// Before anything is recorded: a decision that is obeyed twice could pass new mail for delivered.
	return k, writeStopped(ctx, a.Journal, a.Key, stopped)
}

// goesOn forgets that a mailbox was stopped: something was delivered from it.
func (a *Account) goesOn(ctx context.Context, mailbox string) error {
	list, err := StoppedMailboxes(ctx, a.Journal, a.Key)
	left := slices.DeleteFunc(slices.Clone(list), func(s Stopped) bool { return s.Mailbox == mailbox })
	if err != nil || len(left) == len(list) {
		return err
	}
	return writeStopped(ctx, a.Journal, a.Key, left)
}

// stoppedError says why a mailbox is stopped.
func (a *Account) stoppedError(u Unknown, repeats int) error {
	what := "the journal has no record of it, but its destination has mail from it"
	if u.Delivered > 0 {
		what = "its messages have got other UIDs"
	}
	where := "the mailbox"
	if u.Mailbox != "" {
		where = fmt.Sprintf("mailbox %.100q", u.Mailbox)
	}
	return Fail(KindDelivery, hints.Errorf(
		fmt.Sprintf(`"fetchd adopt %s" lets what is there now count as delivered; `+
			`"fetchd adopt --refetch %[1]s" retrieves it all again`, a.Name),
		"%s is stopped: %s, and of %d messages that look new %d may have been delivered before",
		where, what, len(u.New), repeats))
}
