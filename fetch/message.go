package fetch

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"fetchd/delivery"
	"fetchd/tlsverify/hints"
)

// addressees are whom an item is for.
func (t *transfer) addressees(it *Item) (delivery.Addressees, error) {
	if t.a.Multidrop == nil {
		return delivery.Addressees{Names: t.a.Recipients}, nil
	}
	to, err := t.a.Multidrop.Addressees(it.Body)
	if err == nil && len(to.Names) == 0 {
		t.a.Log.Warn(EventNobodys, "account", t.a.Name, "mailbox", t.name,
			"n", it.N, "total", t.total, "uid", it.UID)
	}
	return to, err
}

func separatorOf(m Mailbox) string {
	if l, ok := m.(Leveled); ok {
		return l.Separator()
	}
	return ""
}

// message is an item as the delivery sees it.
func (t *transfer) message(ctx context.Context, it *Item, to delivery.Addressees) *delivery.Message {
	_, key := t.a.destinationOf(t.name)
	m := &delivery.Message{
		Account:      t.a.Name,
		Mailbox:      t.name,
		Separator:    separatorOf(t.m),
		UIDValidity:  it.UIDValidity,
		UID:          it.UID,
		Sender:       t.a.Owner() + "@" + t.a.Host, // as fetchmail says for a message that names nobody
		Recipients:   t.shares.left(t.name, it, key, to.Names),
		Had:          t.shares.who(t.name, it),
		Note:         t.shares.noter(ctx, t.name, it),
		InternalDate: it.Date,
		Flags:        it.Flags,
		Repeat:       it.Repeat,
		Body:         it.Body,
		Edit:         t.a.Headers.Edit(it.Body),
	}

	// The delivery asks once more right before its point of no return, which may be minutes from now.
	if t.a.Lease != nil {
		m.Lease = t.a.checkLease
	}

	switch {
	case t.a.Received && t.a.Multidrop != nil:
		m.Trace = t.receivedLine(t.a.now(), to.Names)
	case t.a.Received:
		m.Trace = t.trace.at(t.a.now(), func(now time.Time) []byte { return t.receivedLine(now, to.Names) })
	}
	if to.Warning != nil { // the line before it is shared
		m.Trace = slices.Concat(m.Trace, to.Warning)
	}

	return m
}

// whyNotDeliverable is why a message is not delivered, even though it may have come whole; nil = it is fit.
func (t *transfer) whyNotDeliverable(it *Item) error {
	if it.Err != nil || !t.a.RejectBad {
		return it.Err
	}

	line := delivery.BrokenHeader(it.Body)
	if line == nil {
		return nil
	}

	// It is a line of the message: shown, so that the user can judge, but cut, as all foreign text is.
	const quote = 200
	return &delivery.Error{Class: delivery.Permanent, Err: hints.Errorf(
		"write \"bad-header accept\" to get it",
		"message %.200q has a malformed header: %q is not a field; it stays on the server",
		t.a.Hidden.Clean(it.UID), line[:min(len(line), quote)])}
}

func (t *transfer) receivedLine(now time.Time, recipients []string) []byte {
	return delivery.Received(delivery.ReceivedInfo{
		Server:     t.a.Host,
		IP:         t.peer,
		Host:       t.a.Hostname,
		Protocol:   t.a.Protocol.String(),
		Version:    strings.TrimPrefix(t.a.Version, "fetchd/"),
		Poll:       t.a.Poll,
		Account:    t.a.Owner(),
		Folder:     t.name,
		Recipients: recipients,
		MultiDrop:  t.a.Multidrop != nil,
		Time:       now,
		TracePolls: t.a.TracePolls,
	})
}

// traceLine is our Received: line, which is made once a second at most: all messages of that second
// share it.
type traceLine struct {
	mu     sync.Mutex // guards what follows
	second int64      // that line is of
	line   []byte
}

func (l *traceLine) at(now time.Time, make func(time.Time) []byte) []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	if s := now.Unix(); l.line == nil || s != l.second {
		l.second, l.line = s, make(now)
	}
	return l.line
}
