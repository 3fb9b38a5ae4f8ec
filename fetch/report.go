package fetch

import (
	"context"
	"fmt"
	"log/slog"
	"slices"

	"fetchd/delivery"
	"fetchd/tlsverify/hints"
)

// report logs and counts one message.
func (t *transfer) report(it *Item, err error) {
	// Even a refusal shows that the session survives this message.
	t.met.answered(t.name, it.place(), err == nil)
	if err != nil {
		t.reportFailure(it, err)
		return
	}

	t.worked = true
	t.a.Refusals.delivered(t.name, it)
	t.res.Delivered++
	t.delivered.Add(1)
	t.res.Bytes += it.Size
	if !t.a.Log.Enabled(context.Background(), slog.LevelInfo) {
		return // without the values for a line that nobody wants
	}
	t.a.Log.Info(EventReading, "account", t.a.Name, "mailbox", t.name,
		"n", it.N, "total", t.total, "size", it.Size, "uid", it.UID, "deleted", !t.a.Keep)
}

// reportFailure is report for a message that was not delivered. One that failed in the same way before, or
// that is one of many with the same failure, is worth a line only for debugging.
func (t *transfer) reportFailure(it *Item, err error) {
	level := slog.LevelError
	if delivery.IsLater(err) {
		level = slog.LevelInfo
	}
	news := t.a.Refusals.refuse(t.name, it, err, t.a.now())
	// That the destination is unusable is said of one message, and means all. The end of the pass tells of
	// all that wait for a destination: they are no failures of their own.
	waits := t.shares.isAwaiting(t.name, it)
	said := isUnusable(it, err) && t.errReported || waits
	if !news || said || !t.similar.ShouldName(err, level) {
		level = slog.LevelDebug
	}

	t.res.Failed++
	if !waits {
		t.keepFailure(it, err, level > slog.LevelDebug)
	}
	err = withDeliveryStep(err)
	// Once is enough of what is the same to do about each of the messages.
	if level > slog.LevelDebug && t.a.Log.Enabled(context.Background(), level) {
		if t.steps == nil {
			t.steps = map[string]bool{}
		}
		err = hints.Unsaid(err, t.steps)
	}
	t.a.Log.Log(context.Background(), level, EventFailed, "account", t.a.Name, "mailbox", t.name,
		"n", it.N, "total", t.total, "size", it.Size, "uid", it.ref().UID, "err", err)
}

// withDeliveryStep gives err, of a message, a next step.
func withDeliveryStep(err error) error { return WithNextStep(Fail(KindDelivery, err)) }

// keepFailure keeps what the end of the transfer needs of a failure; reported tells whether its text was
// shown.
func (t *transfer) keepFailure(it *Item, err error, reported bool) {
	f := failure{Ref: it.ref(), place: it.place(), class: delivery.ClassOf(err), refused: it.Err != nil}
	f.tooLarge = lacksRoom(it, err) && f.class == delivery.Temporary
	if t.a.Refusals != nil && len(t.failed) < noticeLines {
		f.text = fmt.Sprintf("%.70q of %d bytes: %v", t.a.Hidden.Clean(it.ref().UID), it.Size,
			withDeliveryStep(err))
	}
	t.failed = append(t.failed, f)
	// One error stands for all in the exit status, so the worst is kept: what may still need the user.
	if t.err == nil || weight(err) > weight(t.err) {
		t.err, t.errReported = err, reported
	}
}

// weight orders the failures of a transfer: the heaviest one stands for all in its error.
func weight(err error) int {
	switch {
	case delivery.IsLater(err):
		return 0
	case delivery.ClassOf(err) == delivery.Permanent:
		return 1
	}
	return 2
}

// ownMost is how many messages that are not taken are retrieved again at the account's pace.
const ownMost = 10

// failures is the error of the messages that were not delivered, but for those that are now set aside.
func (t *transfer) failures() error {
	if n, level := t.similar.More(); n > 0 {
		t.a.Log.Log(context.Background(), level, EventFailedMore,
			"account", t.a.Name, "mailbox", t.name, "count", n)
	}

	// Where the server gives none at all, that it didn't give these says nothing of them.
	if t.trouble != nil {
		t.failed = slices.DeleteFunc(t.failed, func(f failure) bool { return f.refused })
	}

	// Those that are set aside now are no failure of this retrieval any more.
	open := t.a.Refusals.setAside(t.name, t.failed, t.worked)
	if n, more := t.a.Refusals.summary(t.name); more {
		t.a.Log.Warn(EventSetAside, "account", t.a.Name, "mailbox", t.name, "count", n)
	}
	if open == 0 {
		return nil
	}

	err := withDeliveryStep(t.err)
	return Fail(KindDelivery, &UndeliveredError{Count: open, Err: err, Reported: t.errReported,
		Own: open <= ownMost && t.a.Refusals.areOwn(t.name, t.failed)})
}
