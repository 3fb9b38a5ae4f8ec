package logging

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"fetchd/fetch"
)

// warningRepeat is how long a warning about a server's certificate is not said again.
const warningRepeat = 24 * time.Hour

// warner is what a *tlsverify.Verdict can do.
type warner interface{ Warnings() []string }

// verdictHandler passes server certificates on only where the log shows the protocol too, but always says what a
// verdict warns about, once a day.
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

// SaidBefore remembers when something was said last. The zero value is ready; it is safe for concurrent use.
type SaidBefore struct {
	mu   sync.Mutex
	last map[string]time.Time
}

// Recently tells whether it was asked about text within the last day.
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
