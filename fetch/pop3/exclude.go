package pop3

import (
	"context"
	"slices"
	"strconv"

	"fetchd/delivery"
	"fetchd/fetch"
	"fetchd/tlsverify/hints"
)

// headersWindow is how many headers are asked for at once. As with RETR, the commands must fit into the
// buffers of any TCP.
const headersWindow = 256

// Judgeable implements fetch.Excluder. A message without a UIDL is not: it can't be recognised next time. Nor
// is one that may have been delivered before and is still to be deleted.
func (m *maildrop) Judgeable() (all []fetch.Ref) {
	for _, num := range m.todo {
		if r := &m.listing.rows[num-1]; r.uidl != "" && !r.pending {
			all = append(all, fetch.Ref{UID: r.uidl})
		}
	}
	if m.s.a.LimitFlush {
		for _, it := range m.counts.Oversized {
			if it.UID != "" {
				all = append(all, fetch.Ref{UID: it.UID})
			}
		}
	}
	return all
}

// Spare implements fetch.Excluder.
func (m *maildrop) Spare(messages []fetch.Ref) {
	spared := named(messages)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.deletes = slices.DeleteFunc(m.deletes, func(d deletion) bool {
		return spared[m.listing.rows[d.num-1].uidl]
	})
}

// named are the UIDLs of messages.
func named(messages []fetch.Ref) map[string]bool {
	uidls := make(map[string]bool, len(messages))
	for _, ref := range messages {
		uidls[ref.UID] = ref.UID != ""
	}
	return uidls
}

// Headers implements fetch.Excluder, by TOP.
func (m *maildrop) Headers(
	ctx context.Context, of []fetch.Ref, _ []string, each func(fetch.Ref, []byte),
) error {
	if len(of) == 0 {
		return nil
	}
	if m.s.caps != nil && !m.s.caps.has("TOP") {
		return fetch.Fail(fetch.KindConfig, hints.Errorf("remove exclude, or use IMAP",
			"exclude needs TOP, which this server does not have"))
	}

	defer m.s.c.Bind(ctx)()
	wanted, nums := named(of), make([]int, 0, len(of))
	for i := range m.listing.rows {
		if wanted[m.listing.rows[i].uidl] {
			nums = append(nums, i+1)
		}
	}

	window := 1
	if m.s.pipelining() {
		window = headersWindow
	}
	var answers topAnswers
	for part := range slices.Chunk(nums, window) {
		if err := m.tops(part, each, &answers); err != nil {
			return m.s.cause(ctx, m.s.pipelined(err, true))
		}
		if answers.areHopeless(m.s) {
			break
		}
	}
	// A refusal is believed once another answer has come: see acceptDoubted.
	if answers.left > 0 {
		if err := m.s.client.command("NOOP"); err != nil && refusal(m.s.c, err) == nil {
			return m.atHeader(0, &answers, err)
		}
	}
	return nil
}

// atHeader adds to err, which ended the session, the message at which it did so: num, or the one before it if
// its refusal was the last answer.
func (m *maildrop) atHeader(num int, answers *topAnswers, err error) error {
	if answers.left > 0 {
		num = answers.left
	}
	if num == 0 {
		return err
	}
	return fetch.At(m.item(0, int32(num)), err)
}

// tops asks for the headers of some messages at once.
func (m *maildrop) tops(nums []int, each func(fetch.Ref, []byte), answers *topAnswers) error {
	var commands []byte
	for _, num := range nums {
		commands = m.s.appendRequest(commands, uint32(num), true)
	}
	if err := m.s.c.Write(commands); err != nil {
		return m.atHeader(0, answers, network("TOP", err))
	}

	for _, num := range nums {
		header, err := m.readTop(num)
		if err != nil { // at this message, perhaps each time
			return m.atHeader(num, answers, err)
		}
		if answers.add(num, header != nil); header != nil {
			each(fetch.Ref{UID: m.listing.rows[num-1].uidl}, header)
		}
	}
	return nil
}

// readTop reads the header of a message; nil = the server refuses it.
func (m *maildrop) readTop(num int) ([]byte, error) {
	c := m.s.c
	if _, err := readReply(c, "TOP"); err != nil {
		if refusal(c, err) != nil {
			return nil, nil
		}
		return nil, err
	}

	header := &beginning{text: []byte{}}
	if _, _, err := readBody(c, header, bodyLimit(m.listing.rows[num-1].size)); err != nil {
		return nil, network("TOP "+strconv.Itoa(num), err)
	}
	return header.text, nil
}

// beginning is a writer that keeps as much as is looked at of a header.
type beginning struct{ text []byte }

func (b *beginning) Write(p []byte) (int, error) {
	b.text = append(b.text, p[:min(len(p), delivery.HeaderLimit-len(b.text))]...)
	return len(p), nil
}
