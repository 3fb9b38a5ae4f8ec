package pop3

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"fetchd/delivery"
	"fetchd/fetch"
	"fetchd/tlsverify/hints"
)

// windowCount is how many RETRs are pipelined. The commands, at most 17 octets each, must fit into the
// buffers of any TCP, because the server may not read them before we have read its answers.
const windowCount = 512

// nearWindow is at least how many bytes are asked for at a time, and how many are enough to be delivered
// together. With half of it 5,000 messages took a tenth longer, and 2.6 MB less.
const nearWindow = 1 << 20

// slack is how much a body may exceed twice its size in LIST, which some servers get wrong.
const slack = 64 << 20

// bodyLimit is how much of a body with this size in LIST is read before the connection is given up. The size
// is only what the server says, so there is an absolute bound too.
func bodyLimit(listed int64) int64 {
	return min(2*min(listed, fetch.MaxMessage)+slack, fetch.MaxMessage)
}

// retrieval is a call of Retrieve that is under way.
type retrieval struct {
	m     *maildrop
	q     *fetch.Queue
	items []request // asked for and not read yet, oldest first
	sent  int       // how many of m.todo were asked for
	bytes int64     // the sizes of items
	line  []byte    // commands, reused
	late  []int32   // to be asked for behind todo

	peeked map[uint32]bool // whose header, as TOP gives it, is another than before

	streak fetch.Streak
	over   error   // why nothing more is asked for
	quota  bool    // it is that
	doubt  request // see acceptDoubted
	noTOP  bool    // the server refuses it

	internal []*fetch.Item // what is the server's own and no mail
}

// request is a message that was asked for; with peek, only its header was.
type request struct {
	*fetch.Item
	peek bool
}

// Retrieve implements fetch.Mailbox. A message that the server refuses to give, or that the spool can't take,
// is put into q with its error, and the others go on. A *fetch.ServerTrouble leaves the connection sound; any
// other error ends it, and what was not put into q is still on the server.
func (m *maildrop) Retrieve(ctx context.Context, q *fetch.Queue) error {
	defer m.s.c.Bind(ctx)()
	// Before the first delivery: after a crash, the next retrieval knows that messages may come twice.
	if err := m.record.Claim(ctx); err != nil {
		return fetch.Fail(fetch.KindJournal, err)
	}

	q.SetWindow(nearWindow)
	r := &retrieval{m: m, q: q}
	for r.goesOn() {
		if err := r.ask(ctx); err != nil {
			if len(r.items) > 0 {
				// A write fails because the server has left, and it did so at what was asked for first.
				err = fetch.At(r.items[0].Item, err)
			}
			return r.failed(err)
		}
		if len(r.items) == 0 { // none of those that are left can be retrieved
			continue
		}

		next := r.items[0]
		// The slot is cleared: the slice keeps its array alive, and with it the message.
		r.items[0], r.items = request{}, r.items[1:]
		r.bytes -= next.Size
		if err := q.Throttle(ctx); err != nil {
			return r.failed(fetch.Fail(fetch.KindNetwork, m.s.c.Break(err)))
		}
		if err := r.read(next); err != nil {
			return r.failed(fetch.At(next.Item, m.s.pipelined(err, false)))
		}
	}

	return r.end(ctx)
}

// goesOn tells whether there is something to ask for, or to read. What is asked for once more comes when all
// else is read: a write to a server that has left would hide at which message it did.
func (r *retrieval) goesOn() bool {
	if r.sent == len(r.m.todo) && len(r.items) == 0 {
		r.m.todo, r.late = append(r.m.todo, r.late...), nil
	}
	return r.sent < len(r.m.todo) && r.over == nil || len(r.items) > 0
}

// end settles what is still open after all answers were read.
func (r *retrieval) end(ctx context.Context) error {
	if r.doubt.Item != nil {
		// No other answer is outstanding that would show whether the message had ended, or the session. Any
		// answer shows it, even -ERR.
		if err := r.m.s.client.command("NOOP"); err != nil && refusal(r.m.s.c, err) == nil {
			return r.failed(err)
		}
		r.acceptDoubted()
	}

	r.m.logReused()
	if err := cmp.Or(r.m.recordSame(ctx), r.m.Skip(ctx, r.internal)); err != nil {
		return err
	}
	if r.over != nil {
		return &fetch.ServerTrouble{Err: r.over, Quota: r.quota}
	}
	return nil
}

// acceptDoubted puts into the queue a message that was shorter than LIST said, once the server's next answer
// has shown that it had really ended. If a server does not stuff dots, a line with a single dot looks like
// the end of the message, and the rest comes where the next answer belongs. Likewise a message that was
// refused: some servers leave behind their -ERR, each time.
func (r *retrieval) acceptDoubted() {
	it := r.doubt
	r.doubt = request{}
	switch {
	case it.Item == nil || it.peek: // the latter is asked for again
	case it.Err != nil:
		r.q.Put(it.Item)
	default:
		r.put(it.Item)
	}
}

// failed returns the error that ends the retrieval with the connection. A message whose end is in doubt is
// not delivered; if the server is out of step, it is the message at which the session ended. So is one that
// was refused, if no other answer came: the next one may be as good as any.
func (r *retrieval) failed(err error) error {
	it := r.doubt.Item
	if it == nil {
		return err
	}

	r.doubt = request{}
	var at *fetch.AtMessage
	cause := err
	if errors.As(err, &at) {
		cause = at.Err
	}
	if it.Err != nil {
		problem, hint := hints.Split(it.Err)
		return fetch.At(it, hints.Errorf(hint, "%s; then %w", problem, cause))
	}

	got := it.Body.Size()
	it.Body.Release()
	it.Body = nil
	// The connection was simply lost. It is one message more that did not come.
	if !errors.Is(err, errOutOfStep) {
		return err
	}

	err = hints.Add(fmt.Errorf("message %d ended after some %d of %d octets, and what follows "+
		"is no answer: %w",
		it.Num, got, it.Size, cause),
		"does this server take a line with a single dot for the end of a message? It is not "+
			"delivered; use IMAP")
	return fetch.At(it, r.m.s.pipelined(err, false))
}

// ask sends the next commands if the queue and the window have room; it waits for room only when nothing is
// left to read.
func (r *retrieval) ask(ctx context.Context) error {
	// More is asked for once half a window is read, so that the server always has work.
	if r.sent == len(r.m.todo) || r.over != nil || len(r.items) > windowCount/2 || r.bytes > r.m.s.window/2 {
		return nil
	}
	// While messages are refused one is asked for at a time: the answer decides which comes next.
	if len(r.items) > 0 && (r.streak.Going() || !r.m.s.pipelining()) {
		return nil
	}
	// Never waiting for room with answers on their way: a server whose answers are not read hangs up.
	if len(r.items) > 0 && !r.q.Low() {
		return nil
	}
	if err := r.q.Wait(ctx); err != nil {
		return fetch.Fail(fetch.KindNetwork, r.m.s.c.Break(err))
	}
	return r.send()
}

// send asks for as many messages as the window takes, but at least for one.
func (r *retrieval) send() error {
	s, todo := r.m.s, r.m.todo
	most := 1
	if s.pipelining() && !r.streak.Going() {
		most = windowCount
	}

	r.line = r.line[:0]
	for r.sent < len(todo) && len(r.items) < most {
		size := r.m.listing.rows[todo[r.sent]-1].size
		// The first one is asked for whatever its size, or it would never come.
		if len(r.items) > 0 && size > r.m.s.window-r.bytes {
			break
		}

		it := r.m.item(r.sent+1, todo[r.sent])
		r.sent++
		if size > fetch.MaxMessage {
			it.Err = tooLarge(it)
			r.q.Put(it)
			continue
		}

		// The header is enough to tell whether it is the message that we had: the text may be large.
		peek := r.m.traces[int32(it.Num)] != "" && !r.noTOP && !r.peeked[it.Num]
		r.line = s.appendRequest(r.line, it.Num, peek)
		r.items = append(r.items, request{it, peek})
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

// appendRequest appends the command for a message, or with peek for its header, and traces it.
func (s *session) appendRequest(to []byte, num uint32, peek bool) []byte {
	start := len(to)
	if peek {
		to = append(strconv.AppendUint(append(to, "TOP "...), uint64(num), 10), " 0"...)
	} else {
		to = strconv.AppendUint(append(to, "RETR "...), uint64(num), 10)
	}

	if s.c.Tracing() {
		s.c.TraceOut(string(to[start:]))
	}
	return append(to, "\r\n"...)
}

// tooLarge is the reason for not asking for a message with an endless size in LIST: it would end the
// connection, and those after it would never come.
func tooLarge(it *fetch.Item) error {
	return &delivery.Error{Class: delivery.Permanent, Err: hints.Errorf("delete it with another program",
		"message %d has %d octets, says the server, and more than %d are never read; it stays there",
		it.Num, it.Size, int64(fetch.MaxMessage))}
}

// read reads the answer to a request and puts the message.
func (r *retrieval) read(next request) error {
	c, it := r.m.s.c, next.Item
	if _, err := readReply(c, "RETR"); err != nil {
		refused := refusal(c, err)
		if refused == nil {
			return r.m.s.pipelined(err, it.N > 1)
		}
		r.acceptDoubted()
		r.refused(next, refused)
		return nil
	}

	r.acceptDoubted()

	body := r.q.NewSpool()
	// Twice: LIST may count line ends as one octet, and stuffed dots come on top.
	c.Expect(2 * min(it.Size, fetch.MaxMessage))
	n, sink, err := readBody(c, body, bodyLimit(it.Size))
	if err != nil {
		body.Release()
		return network(fmt.Sprintf("RETR %d", it.Num), err)
	}
	// The disk failed, not the server: this message stays there and the others go on.
	if sink = finish(body, sink); sink != nil {
		it.Err = fetch.Fail(fetch.KindDelivery, fmt.Errorf("message %d: %w", it.Num, sink))
		r.q.Put(it)
		return nil
	}

	it.Body, it.Short = body, fetch.IsFarShorter(n, it.Size)
	r.streak.Reset()
	if r.m.traces[int32(it.Num)] != "" && !r.isAnother(next) {
		return nil
	}
	// See acceptDoubted. Some servers count wrongly, so this alone is no proof.
	if n < it.Size && r.over == nil {
		r.doubt = next
		return nil
	}

	r.put(it)
	return nil
}

// refused deals with a message that the server doesn't give.
func (r *retrieval) refused(next request, refused *ReplyError) {
	it := next.Item
	refused.Command = fmt.Sprintf("RETR %d", it.Num)
	if next.peek {
		refused.Command = fmt.Sprintf("TOP %d", it.Num)
	}
	err := classify(refused)
	if next.peek {
		it.Err, r.doubt, r.noTOP = err, next, true
		r.askAgain(it)
		return
	}

	switch {
	case r.over != nil: // this was asked for before we knew
		return
	case refused.reply().Exhausted():
		r.over, r.quota = err, true
		return
	}

	it.Err, r.doubt = err, next
	turn, over := r.streak.Refused(it.N, r.sent)
	if turn {
		// From the other end: see fetch.Streak.
		slices.Reverse(r.m.todo[r.sent:])
	}
	if over || len(r.m.todo)-r.sent+len(r.items)+len(r.late) == 0 && r.streak.AtEnd() {
		r.over = err
	}
}

// askAgain asks for the whole message, after the others.
func (r *retrieval) askAgain(it *fetch.Item) { r.late = append(r.late, int32(it.Num)) }

// put puts a message into the queue. A message without a UIDL is identified by its content, and may be one
// that only needs to be deleted.
func (r *retrieval) put(it *fetch.Item) {
	if it.UID == "" {
		isNew, err := r.m.identify(it)
		if err != nil || !isNew {
			it.Body.Release()
		}
		if err != nil {
			it.Body, it.Err = nil, fetch.Fail(fetch.KindDelivery, fmt.Errorf("message %d: %w", it.Num, err))
		} else if !isNew {
			return
		}
	}

	switch {
	case it.IsFolderData():
		it.Body.Release()
		r.internal = append(r.internal, it)
	case r.m.listing.rows[it.Num-1].adopted && (it.Short || it.IsStandIn()): // it was delivered before
		it.Body.Release()
	default:
		r.q.Put(it)
	}
}
