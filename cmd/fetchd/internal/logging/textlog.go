package logging

import (
	"context"
	"log/slog"
	"slices"
	"strings"

	"fetchd/fetch"
	"fetchd/tlsverify/hints"
)

// LevelTrace is the level of what -v adds: protocol lines, certificates, and retrievals that found nothing
// new.
const LevelTrace = fetch.LevelDetail

// line is one line of the text log.
type line struct {
	level slog.Level
	bare  bool // without the program's name in front on the terminal: fetchmail's progress lines
	text  string
	hint  string // the next step, on a line of its own on the terminal; "" = none
	meter bool   // it stays the last one of the terminal, until another one replaces it, or an empty one
}

// whole is the line with its hint.
func (l line) whole() string { return hints.Text(l.text, l.hint) }

// lineSink is where the lines of the text log go. A line has no line end and no control characters.
type lineSink interface {
	writeLine(line) error
}

// textHandler is the slog.Handler of the text log: it words the records as fetchmail does.
type textHandler struct {
	sink  lineSink
	level slog.Level
	attrs []slog.Attr
}

func (h *textHandler) Enabled(_ context.Context, l slog.Level) bool { return l >= h.level }

func (h *textHandler) Handle(_ context.Context, r slog.Record) error {
	attrs := slices.Clone(h.attrs)
	r.Attrs(func(a slog.Attr) bool { attrs = append(attrs, a); return true })
	// A record may become lines of several levels: "not flushed" is progress, and its reason an error. Hence
	// the level is checked for each line, and Enabled is not enough.
	for _, l := range wording(r.Level, r.Message, attrs) {
		if l.level < h.level {
			continue
		}
		// The last step before the sink, so that no text of a server can avoid it.
		l.text, l.hint = Escape(l.text), Escape(l.hint)
		if err := h.sink.writeLine(l); err != nil {
			return err
		}
	}
	return nil
}

func (h *textHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	with := *h
	with.attrs = append(slices.Clone(h.attrs), attrs...)
	return &with
}

// WithGroup is not used by this program; the group's name is dropped.
func (h *textHandler) WithGroup(string) slog.Handler { return h }

// OneLine makes one line of the lines of a joined error.
func OneLine(s string) string { return strings.ReplaceAll(s, "\n", "; ") }
