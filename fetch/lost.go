package fetch

import (
	"context"

	"fetchd/delivery"
)

// Unknown is a mailbox in which the journal can't tell what is new: it has no record of it, or the messages
// have other UIDs now than those that it knows.
type Unknown struct {
	Mailbox     string
	Separator   string   // see Leveled
	UIDValidity uint32   // 0 for POP3
	New         []string // the UIDs of the messages that look new, in their order
	Delivered   int      // how many the journal knows as delivered under other UIDs; 0 = it has no record
	Flagged     bool     // \Seen, which delivered messages get, tells old from new
	// Looks asks the server what the messages look like (Item.Looks), by UID. Those that it won't show are
	// missing.
	Looks func(ctx context.Context) (map[string]string, error)
}

// Known are those of Unknown.New that are not to be delivered: they were, or the user has said so.
type Known struct {
	Delivered []string
	Adopted   []string
}

// keepsMail tells whether delivered messages stay in their mailbox.
func (a *Account) keepsMail() bool { return a.Keep && a.MoveTo == "" }

// repeatsMost is how many messages may come twice before a mailbox is stopped: fewer are no flood, and are
// worth less than what may be lost by not retrieving.
const repeatsMost = 50

// Recognise finds out which messages of a mailbox that keeps its mail were delivered before the journal, or
// the server, forgot them. If it can't tell and many may come twice the error says what the user can do;
// then nothing may be recorded of the mailbox.
func (a *Account) Recognise(ctx context.Context, u Unknown) (Known, error) {
	if !a.keepsMail() || a.FetchAll || a.Journal == nil || len(u.New) == 0 {
		return Known{}, nil
	}

	recognise := a.recogniseByLooks
	if u.Delivered == 0 {
		recognise = a.recogniseByDestination
	}
	delivered, repeats, err := recognise(ctx, u)
	k := Known{Delivered: delivered}
	if err == nil && repeats > repeatsMost && !u.Flagged {
		k, err = a.decide(ctx, u, delivered, repeats)
	}
	if err == nil && len(k.Delivered)+len(k.Adopted) > 0 {
		a.Log.Info(EventRecognised, "account", a.Name, "mailbox", u.Mailbox, "count", len(k.Delivered),
			"adopted", len(k.Adopted))
	}
	return k, err
}

// recogniseByLooks is for a mailbox whose messages have other UIDs now. What was delivered before looks were
// noted, or is too old, can't be told from what is new.
func (a *Account) recogniseByLooks(ctx context.Context, u Unknown) (
	delivered []string, repeats int, err error,
) {
	known, err := a.knownLooks(ctx, u.Mailbox)
	if err != nil {
		return nil, 0, err
	}
	unnoted := max(0, u.Delivered-known.count)
	if known.count == 0 {
		return nil, min(len(u.New), unnoted), nil
	}

	looks, err := u.Looks(ctx)
	if err != nil {
		return nil, 0, err
	}
	for _, uid := range u.New {
		is, shown := looks[uid]
		switch {
		case !shown:
			unnoted++
		case known.take(is):
			delivered = append(delivered, uid)
		}
	}
	return delivered, min(len(u.New)-len(delivered), unnoted), nil
}

// recogniseByDestination is for a mailbox without a record. That the destination has some of its messages
// shows that the record was lost; the others may have been there too.
func (a *Account) recogniseByDestination(ctx context.Context, u Unknown) (
	delivered []string, repeats int, err error,
) {
	like := delivery.Message{Account: a.Name, Mailbox: u.Mailbox, Separator: u.Separator,
		UIDValidity: u.UIDValidity, Recipients: a.Recipients}
	held, err := delivery.Holds(ctx, a.delivererOf(u.Mailbox), like, u.New)
	if err != nil {
		return nil, 0, Fail(KindDelivery, err)
	}
	for i, uid := range u.New {
		if held[i] {
			delivered = append(delivered, uid)
		}
	}
	if len(delivered) > 0 {
		repeats = len(u.New) - len(delivered)
	}
	return delivered, repeats, nil
}
