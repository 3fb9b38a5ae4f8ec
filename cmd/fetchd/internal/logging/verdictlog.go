package logging

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"fetchd/fetch"
)

// warningRepeat is how long a warning about a server's certificate is not repeated.
const warningRepeat = 24 * time.Hour

// warner is implemented by *tlsverify.Verdict.
type warner interface{ Warnings() []string }

// verdictHandler passes on the certificates of servers only if the log shows the protocol too, but it always
// logs the warnings of a verdict, each once a day.
type verdictHandler struct {
	slog.Handler
	trace bool
	said  *SaidBefore
}

func (h *verdictHandler) Handle(ctx context.Context, r slog.Record) error {
	if r.Message != fetch.EventTLS {
		return h.Handler.Handle(ctx, r)
	}

	var account slog.Attr
	var warnings []string
	r.Attrs(func(a slog.Attr) bool {
		if a.Key == "account" {
			account = a
		}
		if w, ok := a.Value.Any().(warner); ok {
			warnings = w.Warnings()
		}
		return true
	})

	// As records of their own: the verdict itself is shown only with -v.
	for _, w := range warnings {
		if h.said.Recently(w, r.Time) || !h.Enabled(ctx, slog.LevelWarn) {
			continue
		}
		warning := slog.NewRecord(r.Time, slog.LevelWarn, w, r.PC)
		warning.AddAttrs(account)
		if err := h.Handler.Handle(ctx, warning); err != nil {
			return err
		}
	}

	if !h.trace {
		return nil
	}

	return h.Handler.Handle(ctx, r)
}

func (h *verdictHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &verdictHandler{h.Handler.WithAttrs(attrs), h.trace, h.said}
}

// WithGroup implements slog.Handler.
func (h *verdictHandler) WithGroup(name string) slog.Handler {
	return &verdictHandler{h.Handler.WithGroup(name), h.trace, h.said}
}

// SaidBefore remembers when a text was last logged. The zero value is ready to use. It is safe for concurrent
// use.
type SaidBefore struct {
	mu   sync.Mutex
	last map[string]time.Time
}

// Recently tells whether it was asked about text within the last day, and remembers this time otherwise.
func (s *SaidBefore) Recently(text string, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t, ok := s.last[text]; ok && now.Sub(t) < warningRepeat {
		return true
	}

	if s.last == nil {
		s.last = map[string]time.Time{}
	}
	s.last[text] = now
	return false
}
