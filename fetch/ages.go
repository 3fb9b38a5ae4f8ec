package fetch

import (
	"context"
	"slices"
	"time"
)

const (
	// agesCheck is how often kept messages are compared with what is known of them: days are what counts.
	agesCheck = 6 * time.Hour
	keptDay   = 24 * time.Hour
	// agesGap is the longest time between two looks of which the clock is believed. After it the machine was
	// off, or the clock is wrong.
	agesGap = 36 * time.Hour
	// agesBrake is the number of messages beyond which a pass never removes more than half of a mailbox
	// without being told to: rather a slip of the pen in the rc file than what anybody wants.
	agesBrake = 100
	// AgesMost is how many messages of a mailbox are told to Expired, the oldest: it bounds the note.
	AgesMost = 100_000
)

// Ages are when the delivered messages of a mailbox were first seen to be kept there: KeepDays later they are
// removed. The journal has them; what it does not know counts as delivered now, so that a message stays too
// long rather than too short. They belong to one goroutine.
type Ages struct {
	a       *Account
	mailbox string
	kept    keptAges
}

// keptAges is how the journal has them.
type keptAges struct {
	UIDValidity uint32    `json:"uidvalidity,omitempty"`
	Checked     time.Time `json:"checked"`
	Days        []keptAge `json:"days,omitempty"`
}

type keptAge struct {
	age
	UIDs [][]byte `json:"uids"` // a UIDL may be any bytes
}

// age is that of a message.
type age struct {
	Since time.Time `json:"since"`
	Moved bool      `json:"moved,omitempty"` // over a gap in the looks; see after
}

// after is the age at a look, when the last one was at checked. A clock that was behind when the message
// came, as at the start of a machine whose clock doesn't run while it is off, must not make it old when it is
// put right. So what had not been seen for agesGap by then grows no older in a gap; in its second one it
// does, as the machine is off often.
func (a age) after(checked, now time.Time) age {
	gap := now.Sub(checked)
	switch {
	case a.Since.After(now): // the clock was wrong
		return age{Since: now}
	case gap > agesGap && checked.Sub(a.Since) < agesGap && !a.Moved:
		return age{a.Since.Add(gap), true}
	}
	return a
}

// agesNote is the journal's name for them.
func agesNote(a *Account, mailbox string) string { return a.Key + " ages " + mailbox }

// Ages returns what is known of a mailbox; nil = nothing is to be removed now.
func (a *Account) Ages(ctx context.Context, mailbox string, validity uint32) (*Ages, error) {
	if a.KeepDays == 0 || !a.Keep || a.Flush || a.MoveTo != "" {
		return nil, nil
	}

	g := &Ages{a: a, mailbox: mailbox}
	if err := readNote(ctx, a.Journal, agesNote(a, mailbox), &g.kept); err != nil {
		return nil, err
	}
	if g.kept.UIDValidity != validity { // the UIDs are other messages' now
		g.kept = keptAges{UIDValidity: validity}
	}
	if !HasPassed(agesCheck, g.kept.Checked, a.now()) && !a.RemoveMany {
		return nil, nil
	}
	return g, nil
}

// Expired notes the UIDs of the delivered messages that are in the mailbox, which holds this number of
// messages in all, and returns those that are to be removed.
func (g *Ages) Expired(ctx context.Context, delivered []string, messages int) ([]string, error) {
	now := g.a.now()
	known := map[string]age{}
	for _, d := range g.kept.Days {
		for _, uid := range d.UIDs {
			known[string(uid)] = d.after(g.kept.Checked, now)
		}
	}

	// A clock that is a month ahead for one pass must not remove what is kept for a week: what has become old
	// since the last look waits for the next one.
	until := now
	if now.Sub(g.kept.Checked) > agesGap && !g.a.RemoveMany {
		until = g.kept.Checked
	}

	var expired []string
	ages := map[age][][]byte{}
	for _, uid := range delivered {
		is, ok := known[uid]
		if !ok {
			is = age{Since: now}
		}
		ages[is] = append(ages[is], []byte(uid))
		if until.Sub(is.Since) >= time.Duration(g.a.KeepDays)*keptDay {
			expired = append(expired, uid)
		}
	}

	// Those that are removed now stay noted until they are gone: the removal may fail.
	if err := g.write(ctx, now, ages); err != nil {
		return nil, err
	}
	if messages > agesBrake && 2*len(expired) > messages && !g.a.RemoveMany {
		g.a.Log.Warn(EventBrake, "account", g.a.Name, "mailbox", g.mailbox, "count", len(expired),
			"total", messages)
		return nil, nil
	}
	if len(expired) > 0 {
		g.a.Log.Info(EventExpired, "account", g.a.Name, "mailbox", g.mailbox, "count", len(expired),
			"days", g.a.KeepDays)
	}
	return expired, nil
}

func (g *Ages) write(ctx context.Context, now time.Time, ages map[age][][]byte) error {
	g.kept.Checked, g.kept.Days = now, nil
	for is, uids := range ages {
		g.kept.Days = append(g.kept.Days, keptAge{is, uids})
	}
	slices.SortFunc(g.kept.Days, func(a, b keptAge) int { return a.Since.Compare(b.Since) })
	return writeNote(ctx, g.a.Journal, agesNote(g.a, g.mailbox), g.kept)
}
