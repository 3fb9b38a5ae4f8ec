package pop3

import (
	"context"
	"fmt"
	"strconv"

	"fetchd/delivery"
	"fetchd/fetch"
)

// The window of pipelined RETRs. The commands, at most 17 octets each, must fit into the buffers of any TCP, because the
// server may not read them before we have read its answers.
const (
	windowCount = 512
	windowBytes = 2 << 20
)

// slack is how much a body may exceed twice its size in LIST, which some servers get wrong.
const slack = 64 << 20

// bodyLimit is how much of a body that LIST says to be of this size is read before the connection is given up. The size
// is the server's word: whatever it is, there is an end.
func bodyLimit(listed int64) int64 {
	return min(2*min(listed, fetch.MaxMessage)+slack, fetch.MaxMessage)
}

// retrieval is a Retrieve under way.
type retrieval struct {
	m     *maildrop
	q     *fetch.Queue
	items []*fetch.Item // asked for and not read yet, oldest first
	sent  int           // of m.todo
	bytes int64         // of items
	line  []byte        // commands, reused
}

// Retrieve implements fetch.Mailbox. A message that the server refuses to give, or that the spool can't take, is put
// with its error and the others go on; any other error ends the connection, and what was not put is still on the server.
func (m *maildrop) Retrieve(ctx context.Context, q *fetch.Queue) error {
	defer m.s.c.Bind(ctx)()
	if err := m.record.Claim(ctx); err != nil {
		return fetch.Fail(fetch.KindJournal, err)
	}

	r := &retrieval{m: m, q: q}
	for r.sent < len(m.todo) || len(r.items) > 0 {
		if err := r.ask(ctx); err != nil {
			if len(r.items) > 0 {
				err = fetch.At(r.items[0], err)
			}
			return err
		}
		if len(r.items) == 0 { // none that is left can be had
			continue
		}
		it := r.items[0]
		r.items[0], r.items = nil, r.items[1:]
		r.bytes -= it.Size
		if err := q.Throttle(ctx); err != nil {
			return fetch.Fail(fetch.KindNetwork, m.s.c.Break(err))
		}
		if err := r.read(it); err != nil {
			return fetch.At(it, m.s.pipelined(err, false))
		}
	}
	return nil
}

// ask sends the next commands if the queue has room and there is place in the window; it waits for room only when
// nothing is left to read.
func (r *retrieval) ask(ctx context.Context) error {
	if r.sent == len(r.m.todo) || len(r.items) > windowCount/2 || r.bytes > windowBytes/2 {
		return nil
	}
	if len(r.items) > 0 && !r.m.s.pipelining() {
		return nil
	}
	if len(r.items) > 0 && !r.q.Low() {
		return nil
	}
	if err := r.q.Wait(ctx); err != nil {
		return fetch.Fail(fetch.KindNetwork, r.m.s.c.Break(err))
	}
	return r.send()
}

// send asks for as many messages as the window takes, at least one.
func (r *retrieval) send() error {
	s, todo := r.m.s, r.m.todo
	most := 1
	if s.pipelining() {
		most = windowCount
	}
	r.line = r.line[:0]
	for r.sent < len(todo) && len(r.items) < most {
		size := r.m.listing.rows[todo[r.sent]-1].size
		if len(r.items) > 0 && size > windowBytes-r.bytes {
			break
		}
		it := r.m.item(r.sent+1, todo[r.sent])
		r.sent++
		if size > fetch.MaxMessage {
			it.Err = tooLarge(it)
			r.q.Put(it)
			continue
		}
		start := len(r.line)
		r.line = strconv.AppendUint(append(r.line, "RETR "...), uint64(it.Num), 10)
		if s.c.Tracing() {
			s.c.TraceOut(string(r.line[start:]))
		}
		r.line = append(r.line, "\r\n"...)
		r.items = append(r.items, it)
		r.bytes += size
	}
	if len(r.line) == 0 {
		return nil
	}
	if err := s.c.Write(r.line); err != nil {
		return network("RETR", err)
	}
	return nil
}

// tooLarge is why a message that LIST says to be endless is not asked for: it would end the connection, and keep those
// behind it from coming.
func tooLarge(it *fetch.Item) error {
	return &delivery.Error{Class: delivery.Permanent, Err: fmt.Errorf(
		"message %d has %d octets, says the server, and more than %d are never read; it stays there; hint: delete it with another program",
		it.Num, it.Size, int64(fetch.MaxMessage))}
}

// read reads the answer for it and puts it.
func (r *retrieval) read(it *fetch.Item) error {
	c := r.m.s.c
	if _, err := readReply(c, "RETR"); err != nil {
		refused := refusal(c, err)
		if refused == nil {
			return r.m.s.pipelined(err, it.N > 1)
		}
		refused.Command = fmt.Sprintf("RETR %d", it.Num)
		it.Err = classify(err, fetch.KindServer)
		r.q.Put(it)
		return nil
	}
	body := r.q.NewSpool()
	c.Expect(2 * min(it.Size, fetch.MaxMessage))
	sink, err := readBody(c, body, bodyLimit(it.Size))
	if err != nil {
		body.Release()
		return network(fmt.Sprintf("RETR %d", it.Num), err)
	}
	if sink = finish(body, sink); sink != nil {
		it.Err = fetch.Fail(fetch.KindDelivery, fmt.Errorf("message %d: %w", it.Num, sink))
		r.q.Put(it)
		return nil
	}
	it.Body = body
	return r.put(it)
}

func (r *retrieval) put(it *fetch.Item) error {
	if it.UID == "" {
		isNew, err := r.m.identify(it)
		if err != nil || !isNew {
			it.Body.Release()
		}
		if err != nil {
			it.Body, it.Err = nil, fetch.Fail(fetch.KindDelivery, fmt.Errorf("message %d: %w", it.Num, err))
		} else if !isNew {
			return nil
		}
	}
	r.q.Put(it)
	return nil
}
