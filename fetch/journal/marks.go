package journal

import (
	"fmt"
	"strings"
)

const day = 24 * 60 * 60

// mark is what is known of a UIDL that was delivered.
type mark struct {
	pending bool
	deleted bool  // the server has confirmed its deletion
	absent  int32 // the UTC day on which the server's list lacked it first; 0 = it is listed
}

// marks holds them by escaped UIDL. The keys are parts of the texts that the rows came with, so that many thousand of
// them cost little more than those.
type marks map[string]mark

func newMarks(rows []row) (marks, error) {
	n := 0
	for _, r := range rows {
		n += strings.Count(r.uids, "\n")
	}
	m := make(marks, n)
	return m, m.replay(rows)
}

// replay applies rows in their order.
func (m marks) replay(rows []row) error {
	for _, r := range rows {
		for text := r.uids; text != ""; {
			uidl, rest, ended := strings.Cut(text, "\n")
			if !ended || uidl == "" {
				return &damageError{fmt.Errorf("malformed UIDLs at %.40q", text)}
			}
			m.apply(uidl, r)
			text = rest
		}
	}
	return nil
}

func (m marks) apply(uidl string, r row) {
	old, found := m[uidl]
	switch r.what {
	case delivered, adopted, imported:
		m[uidl] = mark{}
	case pending:
		m[uidl] = mark{pending: true}
	case acknowledged, present, absent:
		if !found {
			return
		}
		switch r.what {
		case acknowledged:
			old.pending, old.deleted = false, true
		case present:
			old.absent = 0
		case absent:
			old.absent = int32(r.at / day)
		}
		m[uidl] = old
	case forgotten:
		delete(m, uidl)
	}
}

// compare gives the rows that say how the server's list has changed.
func (m marks) compare(now int64, listed func(uidl string) bool) []row {
	var gone, back, forget chunks
	today := int32(now / day)
	for text, k := range m {
		uidl, err := unescape(text)
		is := err == nil && listed(uidl)
		switch {
		case is && k.absent != 0:
			back.add(text)
		case !is && (k.deleted || k.absent != 0 && today-k.absent > AbsentDays):
			forget.add(text)
		case !is && k.absent == 0:
			gone.add(text)
		}
	}
	rows := gone.rows(absent, now)
	rows = append(rows, back.rows(present, now)...)
	return append(rows, forget.rows(forgotten, now)...)
}

// fold gives the shortest rows that say what m says.
func (m marks) fold(now int64) []row {
	var done, pend, deleted chunks
	gone := map[int32]*chunks{}
	for text, k := range m {
		if k.pending {
			pend.add(text)
		} else {
			done.add(text)
		}
		if k.deleted {
			deleted.add(text)
		}
		if k.absent == 0 {
			continue
		}
		if gone[k.absent] == nil {
			gone[k.absent] = &chunks{}
		}
		gone[k.absent].add(text)
	}
	rows := append([]row{}, done.rows(delivered, now)...)
	rows = append(rows, pend.rows(pending, now)...)
	rows = append(rows, deleted.rows(acknowledged, now)...)
	for since, c := range gone {
		rows = append(rows, c.rows(absent, int64(since)*day)...)
	}
	return rows
}

func (m marks) count() (done, pend uint64) {
	for _, k := range m {
		if k.pending {
			pend++
		}
	}
	return uint64(len(m)), pend
}
