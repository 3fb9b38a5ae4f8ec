package imap

import (
	"errors"
	"strings"

	"github.com/emersion/go-imap/v2"
)

// Separator implements fetch.Leveled.
func (m *mailbox) Separator() string { return m.s.separator }

// learnSeparator asks for the character between the levels of names (RFC 9051 section 6.3.9), if a
// destination wants it and the name of a mailbox can have levels on disk. A server that gives none has none
// that matters.
func (s *session) learnSeparator(name string) error {
	if s.separatorAsked || !s.a.WantsSeparator() || !strings.ContainsAny(name, "./%") {
		return nil
	}
	s.separatorAsked = true

	list, err := s.client.List("", "", nil).Collect()
	var refused *imap.Error
	switch {
	case err != nil && (!errors.As(err, &refused) || s.conn.Err() != nil):
		return s.failed("list", err)
	case err == nil && len(list) > 0 && list[0].Delim != 0:
		s.separator = string(list[0].Delim)
	}
	return nil
}
