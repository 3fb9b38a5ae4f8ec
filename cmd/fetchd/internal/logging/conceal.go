package logging

import (
	"context"
	"log/slog"
	"sync"

	"fetchd/fetch/wire"
)

// Secrets holds the Concealer of each account, also across reloads. Secrets in a server's errors and protocol
// lines are concealed where these are read; the log conceals them once more in the names that a server gives
// to messages and mailboxes. Our own texts stay as they are: if the password were "password", they would give
// away what is concealed. It is safe for concurrent use.
type Secrets struct {
	mu       sync.Mutex
	accounts map[string]*wire.Concealer
}

// Of returns the Concealer of an account, and creates it when it is first asked for.
func (c *Secrets) Of(account string) *wire.Concealer {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.accounts == nil {
		c.accounts = map[string]*wire.Concealer{}
	}
	if c.accounts[account] == nil {
		c.accounts[account] = new(wire.Concealer)
	}
	return c.accounts[account]
}

// concealHandler removes the secrets of a record's account from the record's other string attributes.
type concealHandler struct {
	slog.Handler
	hidden  *Secrets
	account string // as set by WithAttrs
}

func (h *concealHandler) Handle(ctx context.Context, r slog.Record) error {
	account := h.account
	var attrs []slog.Attr
	r.Attrs(func(a slog.Attr) bool {
		if attrs = append(attrs, a); a.Key == "account" {
			account = a.Value.String()
		}
		return true
	})

	// Without an account it is our own text, in which nothing is replaced.
	if account == "" {
		return h.Handler.Handle(ctx, r)
	}

	secrets := h.hidden.Of(account)
	for i, a := range attrs {
		// Errors and protocol lines were cleaned where they were read. The account's name stays readable,
		// even if the password is a part of it.
		if a.Key != "account" && a.Value.Kind() == slog.KindString {
			attrs[i].Value = slog.StringValue(secrets.Clean(a.Value.String()))
		}
	}

	clean := slog.NewRecord(r.Time, r.Level, r.Message, r.PC)
	clean.AddAttrs(attrs...)
	return h.Handler.Handle(ctx, clean)
}

func (h *concealHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	with := *h
	with.Handler = h.Handler.WithAttrs(attrs)
	for _, a := range attrs {
		if a.Key == "account" {
			with.account = a.Value.String()
		}
	}
	return &with
}

// WithGroup implements slog.Handler.
func (h *concealHandler) WithGroup(name string) slog.Handler {
	return &concealHandler{h.Handler.WithGroup(name), h.hidden, h.account}
}
