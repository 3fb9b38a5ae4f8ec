package logging

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"fetchd/fetch"
)

const (
	// meterLeast is how many new messages make a retrieval one for the meter. Of smaller ones each message
	// has its line, as in fetchmail.
	meterLeast = 20

	meterInterval = 100 * time.Millisecond // between two drawings
	meterStart    = 2 * time.Second        // before it no time left is told
)

// meter is a slog.Handler for a terminal. It shows on the last line how retrievals are getting on, of all
// accounts together, in place of a line for each message.
type meter struct {
	slog.Handler
	*meterState
}

// meterState is what the handlers of one log share.
type meterState struct {
	sink    lineSink
	columns func() int // of the terminal; 0 = unknown

	mu    sync.Mutex // guards what follows
	all   []*metered
	drawn time.Time
}

// metered is the retrieval of a mailbox.
type metered struct {
	account, mailbox string
	started          time.Time

	messages, size int64 // in the mailbox; size is 0 if the server does not tell
	total          int64 // messages to be retrieved
	base           int64 // of these, retrieved in sessions before
	asked          int64 // in this session
	done           int64
	bytes          int64
}

func newMeter(h slog.Handler, sink lineSink, columns func() int) *meter {
	return &meter{h, &meterState{sink: sink, columns: columns}}
}

// Handle implements slog.Handler.
func (m *meter) Handle(ctx context.Context, r slog.Record) error {
	f := fields{}
	r.Attrs(func(a slog.Attr) bool { f[a.Key] = a.Value; return true })

	m.mu.Lock()
	defer m.mu.Unlock()
	switch r.Message {
	case fetch.EventMailbox:
		one := m.of(f, r.Time)
		one.messages, one.size = f.number("total"), f.number("size")
		if one.done == 0 {
			one.started = r.Time
		}
	case fetch.EventFailed:
		m.count(f, r.Time)
	case fetch.EventReading:
		if one := m.count(f, r.Time); one.total >= meterLeast {
			return m.show(one, r.Time)
		}
	case fetch.EventQueryFailed:
		m.all = slices.DeleteFunc(m.all, func(one *metered) bool { return one.account == f.text("account") })
		// What can't be drawn is no reason to lose the line itself.
		_ = m.draw(r.Time)
	}
	return m.Handler.Handle(ctx, r)
}

// of is the retrieval that an event is about.
func (m *meterState) of(f fields, at time.Time) *metered {
	account, mailbox := f.text("account"), f.text("mailbox")
	for _, one := range m.all {
		if one.account == account && one.mailbox == mailbox {
			return one
		}
	}
	one := &metered{account: account, mailbox: mailbox, started: at}
	m.all = append(m.all, one)
	return one
}

// count counts a message that is done.
func (m *meterState) count(f fields, at time.Time) *metered {
	one := m.of(f, at)
	// Each session counts anew what it retrieves.
	if asked := f.number("total"); asked != one.asked {
		one.asked, one.base = asked, one.done
	}
	one.total = one.base + one.asked
	one.done++
	one.bytes += f.number("size")
	return one
}

// show draws the meter after a message of one, or says that it was the last one.
func (m *meterState) show(one *metered, at time.Time) error {
	if one.done < one.total {
		if at.Sub(m.drawn) < meterInterval {
			return nil
		}
		return m.draw(at)
	}

	m.all = slices.DeleteFunc(m.all, func(other *metered) bool { return other == one })
	text := fmt.Sprintf("%s: %s, %s in %s", one.name(), Counted(one.done, "message"), megabytes(one.bytes),
		at.Sub(one.started).Round(time.Second))
	if err := m.sink.writeLine(line{level: slog.LevelInfo, bare: true, text: text}); err != nil {
		return err
	}
	return m.draw(at)
}

// draw shows the meter, or takes it away.
func (m *meterState) draw(at time.Time) error {
	m.drawn = at
	text := []rune(m.text(at))
	// A line that fills the terminal would make it scroll.
	if columns := m.columns(); columns > 0 && len(text) >= columns {
		text = text[:columns-1]
	}
	return m.sink.writeLine(line{level: slog.LevelInfo, meter: true, text: string(text)})
}

// text is what the meter shows: one retrieval by name, or the sum of several.
func (m *meterState) text(at time.Time) string {
	var sum metered
	n, isSizeKnown := 0, true
	for _, one := range m.all {
		if one.total < meterLeast {
			continue
		}
		n++
		if n == 1 || one.started.Before(sum.started) {
			sum.started = one.started
		}
		sum.account, sum.mailbox = one.account, one.mailbox
		sum.done, sum.total, sum.bytes = sum.done+one.done, sum.total+one.total, sum.bytes+one.bytes
		sum.size += one.size * one.total / max(one.messages, 1)
		isSizeKnown = isSizeKnown && one.size > 0
	}

	switch {
	case n == 0:
		return ""
	case n > 1:
		sum.account, sum.mailbox = fmt.Sprintf("%d mailboxes", n), ""
	}
	if !isSizeKnown {
		sum.size = 0
	}
	return sum.text(at)
}

func (one *metered) name() string {
	if one.mailbox == "" {
		return Escape(one.account)
	}
	return Escape(one.account + " " + one.mailbox)
}

// text is one line; the size is that of what is to be retrieved.
func (one *metered) text(at time.Time) string {
	text := fmt.Sprintf("%s: %d of %d, %s", one.name(), one.done, one.total, megabytes(one.bytes))
	if one.size > one.bytes {
		text += " of " + megabytes(one.size)
	}

	took := at.Sub(one.started)
	if took < meterStart {
		return text
	}
	part := float64(one.done) / float64(one.total)
	if one.size > one.bytes {
		part = float64(one.bytes) / float64(one.size)
	}
	text += fmt.Sprintf(", %s/s", megabytes(int64(float64(one.bytes)/took.Seconds())))
	if part > 0 {
		left := time.Duration(float64(took) * (1 - part) / part)
		text += fmt.Sprintf(", %s left", left.Round(time.Second))
	}
	return text
}

func megabytes(n int64) string {
	if n < 10_000_000 {
		return fmt.Sprintf("%.2f MB", float64(n)/1e6)
	}
	return fmt.Sprintf("%.0f MB", float64(n)/1e6)
}

// WithAttrs implements slog.Handler.
func (m *meter) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &meter{m.Handler.WithAttrs(attrs), m.meterState}
}

// WithGroup implements slog.Handler.
func (m *meter) WithGroup(name string) slog.Handler {
	return &meter{m.Handler.WithGroup(name), m.meterState}
}
