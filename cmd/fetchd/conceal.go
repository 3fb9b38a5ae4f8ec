package main

import (
	"encoding/base64"
	"log/slog"
	"strconv"
	"strings"
	"sync"
)

// concealed knows the passwords in use. Some servers repeat in their answer what they were sent, and their answers are
// in errors and in the protocol; no line of the log but the plain progress shows them. A nil *concealed knows none. It
// is safe for concurrent use.
type concealed struct {
	mu    sync.RWMutex
	forms map[string][]string // by account
	clean *strings.Replacer
}

// shortestConcealed keeps a password of a letter or two from making the log unreadable.
const shortestConcealed = 4

// add replaces the account's password by another one.
func (c *concealed) add(account, login, password string) {
	if c == nil || len(password) < shortestConcealed {
		return
	}
	quoted := strconv.Quote(password)
	encode := base64.StdEncoding.EncodeToString
	c.mu.Lock()
	defer c.mu.Unlock()
	if known := c.forms[account]; len(known) > 0 && known[0] == password {
		return
	}
	if c.forms == nil {
		c.forms = map[string][]string{}
	}
	c.forms[account] = []string{
		password, quoted[1 : len(quoted)-1], strings.ReplaceAll(password, `"`, `\"`),
		encode([]byte(password)), encode([]byte("\x00" + login + "\x00" + password)),
	}
	var pairs []string
	for _, forms := range c.forms {
		for _, form := range forms {
			pairs = append(pairs, form, "***")
		}
	}
	c.clean = strings.NewReplacer(pairs...)
}

// text shows *** in place of every password.
func (c *concealed) text(s string) string {
	if c == nil {
		return s
	}
	c.mu.RLock()
	defer c.mu.RUnlock()
	if c.clean == nil {
		return s
	}
	return c.clean.Replace(s)
}

// attr is text for an attribute in the JSON log.
func (c *concealed) attr(a slog.Attr) slog.Attr {
	switch v := a.Value.Any().(type) {
	case error:
		return slog.String(a.Key, c.text(v.Error()))
	case string:
		return slog.String(a.Key, c.text(v))
	}
	return a
}
