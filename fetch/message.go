package fetch

import (
	"strings"
	"sync"
	"time"

	"fetchd/delivery"
	"fetchd/tlsverify/hints"
)

// message is an item as the delivery sees it.
func (t *transfer) message(it *Item) *delivery.Message {
	m := &delivery.Message{
		Account:     t.a.Name,
		Mailbox:     t.name,
		UIDValidity: it.UIDValidity,
		UID:         it.UID,
		Sender:      t.a.User + "@" + t.a.Host, // as fetchmail says for a message that names nobody
		Recipients:  t.shares.left(t.name, it, t.a.Recipients),
		Repeat:      it.Repeat,
		Body:        it.Body,
		Edit:        t.a.Headers.Edit(it.Body),
	}

	if t.a.Lease != nil {
		m.Lease = t.a.checkLease
	}
	if t.a.Received {
		m.Trace = t.trace.at(t.a.now(), t.receivedLine)
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

	const quote = 200
	return &delivery.Error{Class: delivery.Permanent, Err: hints.Errorf(
		"write \"bad-header accept\" to get it",
		"message %.200q has a malformed header: %q is not a field; it stays on the server",
		t.a.Hidden.Clean(it.UID), line[:min(len(line), quote)])}
}

func (t *transfer) receivedLine(now time.Time) []byte {
	return delivery.Received(delivery.ReceivedInfo{
		Server:     t.a.Host,
		IP:         t.peer,
		Host:       t.a.Hostname,
		Protocol:   t.a.Protocol.String(),
		Version:    strings.TrimPrefix(t.a.Version, "fetchd/"),
		Poll:       t.a.Poll,
		Account:    t.a.User,
		Folder:     t.name,
		Recipients: t.a.Recipients,
		Time:       now,
		TracePolls: t.a.TracePolls,
	})
}

// traceLine is our Received: line, which is made anew once a second at most: all messages of that second
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
