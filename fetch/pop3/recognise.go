package pop3

import (
	"context"
	"fmt"
	"slices"

	"fetchd/delivery"
	"fetchd/fetch"
)

// recognise takes messages out of todo that are not to be delivered although the journal does not know their
// UIDLs: it has no record of the maildrop, or all UIDLs are other ones now.
func (m *maildrop) recognise(ctx context.Context) error {
	isNew, isListed := m.record.New(), func(r row) bool { return r.done }
	// Where some UIDLs are known, the others are new; a first retrieval that was cut has looked already.
	if isNew && m.record.Repeat() || slices.ContainsFunc(m.listing.rows, isListed) {
		return nil
	}

	u := fetch.Unknown{Looks: func(context.Context) (map[string]string, error) { return m.looks(m.todo) }}
	if !isNew {
		u.Delivered = m.record.Delivered()
	}
	nums := make(map[string]int32, len(m.todo))
	for _, num := range m.todo {
		if uidl := m.listing.rows[num-1].uidl; uidl != "" {
			u.New = append(u.New, uidl)
			nums[uidl] = num
		}
	}
	if !isNew && u.Delivered == 0 { // what was adopted is gone, and nothing can come twice
		return nil
	}

	known, err := m.s.a.Recognise(ctx, u)
	if err != nil {
		return err
	}
	// A message that is left out now would not be recognised later, beside those that are.
	if m.listing.left > 0 && m.s.a.Keep && (!isNew || len(known.Delivered) > 0) {
		return m.listing.disagree()
	}
	if err := m.recordKnown(ctx, known); err != nil {
		return fetch.Fail(fetch.KindJournal, err)
	}

	old := make(map[int32]bool, len(known.Delivered)+len(known.Adopted))
	for _, uidl := range slices.Concat(known.Delivered, known.Adopted) {
		old[nums[uidl]] = true
	}
	m.todo = slices.DeleteFunc(m.todo, func(num int32) bool { return old[num] })
	m.counts.Seen += len(old)
	m.counts.New = len(m.todo)
	return nil
}

// recordKnown records messages that are not to be delivered: those that were, and those that the user wants
// to count as such. All of them become known in one step, or after a crash in between the others would look
// new beside them.
func (m *maildrop) recordKnown(ctx context.Context, known fetch.Known) error {
	all := slices.Concat(known.Delivered, known.Adopted)
	if len(all) == 0 {
		return nil
	}
	if err := m.record.Adopt(ctx, all); err != nil || len(known.Delivered) == 0 {
		return err
	}
	if err := m.record.Claim(ctx); err != nil {
		return err
	}
	return m.record.Record(ctx, known.Delivered, false, false)
}

// topWindow is how many headers are asked for at once; the commands fit into the buffers of any TCP.
const topWindow = 100

// After so many refusals, and no header before them, no more headers are asked for: the server does not know
// TOP, or will not give any although it lists it. One refusal says less: others may just have deleted that
// message.
const (
	topRefusals       = 3
	listedTOPRefusals = 100
)

// topAnswers is how a server has answered TOP.
type topAnswers struct {
	given   bool
	refused int
	left    int // number of the message that the last answer refused; 0 = it gave one
}

// add notes the answer for message num.
func (t *topAnswers) add(num int, given bool) {
	t.left = 0
	if t.given = t.given || given; !given {
		t.refused++
		t.left = num
	}
}

// areHopeless tells whether s will not give the headers of other messages either.
func (t *topAnswers) areHopeless(s *session) bool {
	most := topRefusals
	if s.caps.has("TOP") {
		most = listedTOPRefusals
	}
	return !t.given && t.refused >= most
}

// looks asks what messages look like, by UIDL. Those of which the server refuses the header are missing.
func (m *maildrop) looks(of []int32) (map[string]string, error) {
	s, out := m.s, make(map[string]string, len(of))
	var answers topAnswers
	most := 1
	if s.pipelining() {
		most = topWindow
	}

	for window := range slices.Chunk(of, most) {
		var line []byte
		for _, num := range window {
			line = s.appendRequest(line, uint32(num), true)
		}
		if err := s.c.Write(line); err != nil {
			return nil, network("TOP", err)
		}

		for _, num := range window {
			r := &m.listing.rows[num-1]
			looks, err := s.header(int(num), r.size)
			if err != nil {
				return nil, s.pipelined(err, true)
			}
			if answers.add(int(num), looks != ""); looks != "" && r.uidl != "" {
				out[r.uidl] = looks
			}
		}
		if answers.areHopeless(s) {
			break
		}
	}
	return out, nil
}

// header reads the answer to TOP and returns the looks of the message, "" for one that the server refuses.
func (s *session) header(num int, size int64) (looks string, err error) {
	if _, err := readReply(s.c, "TOP"); err != nil {
		if refusal(s.c, err) != nil {
			return "", nil
		}
		return "", err
	}

	it := &fetch.Item{Size: size, Body: delivery.NewSpool(delivery.SpoolOptions{Dir: s.a.SpoolDir})}
	defer it.Body.Release()
	_, sink, err := readBody(s.c, it.Body, bodyLimit(size))
	if err != nil {
		return "", network(fmt.Sprintf("TOP %d", num), err)
	}
	// The disk failed, not the server: a message without looks counts as one that is not known.
	if finish(it.Body, sink) != nil {
		return "", nil
	}
	return it.Looks(), nil
}
