package logging

import (
	"context"
	"log/slog"
	"slices"
	"strings"
)

// LevelTrace is the level of what -v adds: protocol lines and certificates. It lies between info and debug.
const LevelTrace = slog.LevelInfo - 1

// line is one line of the text log.
type line struct {
	Level slog.Level
	bare  bool // without the program's name in front on the terminal: fetchmail's progress lines
	text  string
}

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
	for _, l := range wording(r.Level, r.Message, attrs) {
		if l.Level < h.level {
			continue
		}
		l.text = Escape(l.text)
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

// OneLine puts the lines of a joined error behind each other.
func OneLine(s string) string { return strings.ReplaceAll(s, "\n", "; ") }
