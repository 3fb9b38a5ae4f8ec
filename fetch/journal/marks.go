package journal

import (
	"fmt"
	"strconv"
	"strings"
)

const day = 24 * 60 * 60

// mark is what is known of a UIDL.
type mark struct {
	uidl    string // escaped
	size    int64  // of a pending message, as the server listed it; 0 = not known
	absent  int32  // the UTC day on which the server's list lacked it first; 0 = it is listed
	state   state
	deleted bool // the server has confirmed its deletion
	listed  bool // by the server, in this retrieval
}

// state is what is recorded of a UIDL.
type state uint8

const (
	unrecorded state = iota // or forgotten
	isDelivered
	isAdopted // not to be delivered, and never deleted
	isPending // delivered and still to be deleted
)

// stateOf is what a row makes of its UIDLs.
func stateOf(what fact) state {
	switch what {
	case adopted:
		return isAdopted
	case pending:
		return isPending
	}
	return isDelivered
}

func (k *mark) done() bool    { return k.state != unrecorded }
func (k *mark) pending() bool { return k.state == isPending }

// marks holds them in the order in which they came. The UIDLs are parts of the rows' texts or of an arena,
// so that a million of them need little more memory than the texts.
type marks struct {
	list  []mark
	index index
	arena arena
	next  int // where the next UIDL of the server is expected: its order is mostly ours
}

func newMarks(rows []row) (*marks, error) {
	n := 0
	for _, r := range rows {
		// Counted first, so that a million marks are allocated once.
		n += strings.Count(r.uids, "\n")
	}
	n += n/16 + 16 // room for new ones, usually a few
	m := &marks{list: make([]mark, 0, n), index: newIndex(n)}
	return m, m.replay(rows)
}

// replay applies rows in their order.
func (m *marks) replay(rows []row) error {
	for _, r := range rows {
		for text := r.uids; text != ""; {
			uidl, rest, ended := strings.Cut(text, "\n")
			if !ended || uidl == "" {
				return fmt.Errorf("malformed UIDLs at %.40q", text)
			}
			if err := m.apply(uidl, r); err != nil {
				return err
			}
			text = rest
		}
	}

	return nil
}

// apply applies one line of r: a UIDL, and for a pending message a blank and its size. No escaped UIDL
// contains a blank.
func (m *marks) apply(uidl string, r row) error {
	switch r.what {
	case delivered, adopted, imported, pending:
		var size int64
		uidl, text, sized := strings.Cut(uidl, " ")
		if sized {
			n, err := strconv.ParseInt(text, 10, 64)
			if err != nil || uidl == "" {
				return fmt.Errorf("malformed UIDL with a size %.40q", text)
			}
			size = n
		}
		k := m.place(uidl)
		// A new fact makes the past void: whether it was absent or deleted concerned the message before.
		*k = mark{uidl: k.uidl, size: size, listed: k.listed, state: stateOf(r.what)}
		return nil
	}

	k := m.lookUp(uidl)
	if k == nil {
		return nil
	}

	switch r.what {
	case acknowledged:
		if k.pending() {
			k.state = isDelivered
		}
		// No longer listed: End forgets it then.
		k.deleted, k.listed = true, false
	case present:
		k.absent = 0
	case absent:
		k.absent = int32(r.at / day)
	case forgotten:
		*k = mark{uidl: k.uidl, listed: k.listed}
	}

	return nil
}

// find returns what is known about a UIDL, nil for nothing. The mark is valid until the next call of place.
func (m *marks) find(uidl string) *mark { return m.lookUp(escape(uidl)) }

// lookUp is find for an escaped UIDL.
func (m *marks) lookUp(uidl string) *mark {
	if at := *m.index.slot(m.list, []byte(uidl)); at > 0 {
		return &m.list[at-1]
	}
	return nil
}

// place returns the mark of an escaped UIDL, and makes one if there is none.
func (m *marks) place(uidl string) *mark {
	at := m.index.slot(m.list, []byte(uidl))
	if *at == 0 {
		return m.add(uidl, at)
	}
	return &m.list[*at-1]
}

// add makes the mark of an escaped UIDL, to which the index gives the slot at.
func (m *marks) add(uidl string, at *int32) *mark {
	m.list = append(m.list, mark{uidl: uidl})
	m.index.add(m.list, at)
	return &m.list[len(m.list)-1]
}

// see returns the mark of an escaped UIDL that the server lists now.
func (m *marks) see(uidl []byte) *mark {
	// Most servers list in the order of arrival, in which we recorded: then no hash is needed.
	if m.next < len(m.list) && m.list[m.next].uidl == string(uidl) {
		m.next++
		return &m.list[m.next-1]
	}

	at := m.index.slot(m.list, uidl)
	if *at == 0 {
		m.next = len(m.list) + 1
		return m.add(m.arena.keep(uidl), at)
	}
	m.next = int(*at)
	return &m.list[m.next-1]
}

// restart prepares the marks for another listing.
func (m *marks) restart() {
	m.next = 0
	for i := range m.list {
		m.list[i].listed = false
	}
}

// compare returns the rows that say how the server's list has changed.
func (m *marks) compare(now int64) []row {
	var gone, back, forget chunks
	today := int32(now / day)
	for i := range m.list {
		k := &m.list[i]
		switch {
		case !k.done():
		case k.listed && k.absent != 0:
			back.add(k.uidl)
		case !k.listed && (k.deleted || k.pending() || k.absent != 0 && today-k.absent > AbsentDays):
			forget.add(k.uidl)
		// The day is noted only once, when it is missing for the first time.
		case !k.listed && k.absent == 0:
			gone.add(k.uidl)
		}
	}

	rows := gone.rows(absent, now)
	rows = append(rows, back.rows(present, now)...)
	return append(rows, forget.rows(forgotten, now)...)
}

// fold returns the shortest rows with the content of m.
func (m *marks) fold(now int64) []row {
	var done, old, pend, deleted chunks
	gone := map[int32]*chunks{}
	for _, k := range m.list {
		switch k.state {
		case unrecorded:
			continue
		case isAdopted:
			old.add(k.uidl)
		case isPending:
			pend.add(withSize(k.uidl, k.size))
		default:
			done.add(k.uidl)
		}

		if k.deleted {
			deleted.add(k.uidl)
		}
		if k.absent == 0 {
			continue
		}
		if gone[k.absent] == nil {
			gone[k.absent] = &chunks{}
		}

		gone[k.absent].add(k.uidl)
	}

	rows := append([]row{}, done.rows(delivered, now)...)
	rows = append(rows, old.rows(adopted, now)...)
	rows = append(rows, pend.rows(pending, now)...)
	rows = append(rows, deleted.rows(acknowledged, now)...)
	// By the day on which they went, which is the time of their row.
	for since, c := range gone {
		rows = append(rows, c.rows(absent, int64(since)*day)...)
	}

	return rows
}
