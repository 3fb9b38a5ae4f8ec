package journal

import (
	"context"
	"strconv"
	"strings"
)

// AddStaying notes adopted messages that were delivered, though perhaps not whole. It need not be claimed.
func (m *Mailbox) AddStaying(ctx context.Context, uids Set) error {
	all, err := m.Staying(ctx)
	if err != nil {
		return err
	}
	all.AddSet(uids)
	return explain(m.j.path, "write", m.j.setNote(ctx, m.stayingNote(), m.stayingBegin()+all.String()))
}

// Staying are the messages that AddStaying was told of under this UIDVALIDITY.
func (m *Mailbox) Staying(ctx context.Context) (Set, error) {
	text, err := m.j.note(ctx, m.stayingNote())
	if err != nil {
		return Set{}, explain(m.j.path, "read", err)
	}
	uids, ours := strings.CutPrefix(text, m.stayingBegin())
	if !ours {
		return Set{}, nil
	}
	return ParseSet(uids)
}

func (m *Mailbox) stayingNote() string { return "staying " + m.box.account + " " + m.box.mailbox }

func (m *Mailbox) stayingBegin() string {
	return strconv.FormatUint(uint64(m.UIDValidity()), 10) + " "
}
