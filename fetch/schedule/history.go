package schedule

import (
	"maps"
	"slices"
	"strings"
	"time"

	"fetchd/fetch"
	"fetchd/tlsverify"
)

// What is kept of an account's past. There may be ten thousand of them.
const (
	dayHours   = 24
	passesMost = 50
	passText   = 200 // bytes of an error; of the last one more is kept, see failureText
)

// History is what has come from an account, what has failed, and what waits because of that.
type History struct {
	Day     Hour            // sum of the last 24 hours, of which the present one is a part
	Waiting []fetch.Waiting // of States: the first of the messages that are set aside

	// Only of accounts of which StatesWith was asked for the whole.
	Hours  []Hour // oldest first: those of the last 24 in which there was something
	Passes []Pass // oldest first, at most 50: those that changed something, or failed
}

// Hour is what was in an hour.
type Hour struct {
	Start    time.Time `json:"start"`
	Messages int64     `json:"messages"` // delivered
	Bytes    int64     `json:"bytes"`    // of these
	Failures int64     `json:"failures"` // retrievals that failed
}

// Pass is a retrieval, or several in a row that failed in the same way.
type Pass struct {
	At        time.Time    `json:"at"` // end of the last of them
	Delivered int          `json:"messages,omitempty"`
	Bytes     int64        `json:"bytes,omitempty"`       // of the delivered messages
	Deleted   int          `json:"deleted,omitempty"`     // messages, on the server
	Undone    int          `json:"undelivered,omitempty"` // messages that could not be delivered
	Failure   *PassFailure `json:"failure,omitempty"`
}

// PassFailure is why passes failed.
type PassFailure struct {
	Kind  string    `json:"kind"`
	Text  string    `json:"text"`  // of the last one, cut
	Since time.Time `json:"since"` // end of the first one
	Count int       `json:"count"`
}

// past is a History as it is kept: nil, which is as good, before there is anything to tell.
type past struct {
	hours  []hour
	passes []pass
}

// hour is an Hour, numbered from the epoch.
type hour struct {
	number, messages, failures uint32
	bytes                      int64
}

// pass is a Pass; its time is in seconds since the epoch.
type pass struct {
	at, delivered, deleted, undone uint32
	bytes                          int64
	failure                        *PassFailure
}

// with returns the past with a retrieval that ended at a time, and with f if it failed.
func (p *past) with(res fetch.Result, f *Failure, at time.Time) *past {
	if f == nil && res.Delivered+res.Deleted+res.Failed == 0 {
		return p
	}
	if p == nil {
		p = new(past)
	}

	h := p.hour(at)
	h.messages += uint32(res.Delivered)
	h.bytes += res.Bytes
	next := pass{
		at: uint32(at.Unix()), delivered: uint32(res.Delivered), deleted: uint32(res.Deleted),
		undone: uint32(res.Failed), bytes: res.Bytes,
	}
	if f != nil {
		h.failures++
		// Cloned: a part of a text keeps the whole in memory.
		text := strings.Clone(cut(f.Text, passText))
		next.failure = &PassFailure{f.Kind.String(), text, at, 1}
	}
	p.add(next)
	return p
}

// add appends a pass, or makes it one with the last if both failed in the same way: a night without a network
// must not push out all that was before.
func (p *past) add(next pass) {
	last := len(p.passes) - 1
	if last >= 0 && next.delivered+next.deleted == 0 && next.failure.isLike(p.passes[last].failure) {
		before := &p.passes[last]
		next.failure.Since, next.failure.Count = before.failure.Since, before.failure.Count+1
		before.at, before.undone, before.failure = next.at, next.undone, next.failure
		return
	}
	if len(p.passes) == passesMost {
		p.passes = slices.Delete(p.passes, 0, 1)
	}
	p.passes = append(p.passes, next)
}

// isLike tells whether two passes failed in the same way, but for numbers.
func (f *PassFailure) isLike(other *PassFailure) bool {
	return f != nil && other != nil && f.Kind == other.Kind &&
		fetch.WithoutNumbers(f.Text) == fetch.WithoutNumbers(other.Text)
}

func hourOf(t time.Time) uint32 { return uint32(t.Unix() / int64(time.Hour/time.Second)) }

// recent are the hours of the day before a time.
func (p *past) recent(at time.Time) []hour {
	if p == nil {
		return nil
	}
	n := hourOf(at)
	list := p.hours
	for len(list) > 0 && list[0].number+dayHours <= n {
		list = list[1:]
	}
	// Those of a clock that was far ahead would be recent for as long.
	for len(list) > 0 && list[len(list)-1].number > n+dayHours {
		list = list[:len(list)-1]
	}
	return list
}

// hour is that of a time; those of the day before it are dropped.
func (p *past) hour(at time.Time) *hour {
	p.hours = append(p.hours[:0], p.recent(at)...)
	// A clock that was put back begins no hour again.
	n := hourOf(at)
	if last := len(p.hours) - 1; last < 0 || p.hours[last].number < n {
		p.hours = append(p.hours, hour{number: n})
	}
	return &p.hours[len(p.hours)-1]
}

// tell returns the History at a time, with hours and passes if that is wanted; nil = there is none.
func (p *past) tell(at time.Time, whole bool) *History {
	if p == nil {
		return nil
	}

	h := new(History)
	for _, one := range p.recent(at) {
		hour := one.tell()
		h.Day.add(hour)
		if whole {
			h.Hours = append(h.Hours, hour)
		}
	}
	if whole {
		for _, one := range p.passes {
			h.Passes = append(h.Passes, one.tell())
		}
	}
	return h
}

func (h hour) tell() Hour {
	start := time.Unix(int64(h.number)*int64(time.Hour/time.Second), 0)
	return Hour{start, int64(h.messages), h.bytes, int64(h.failures)}
}

func (h *Hour) add(more Hour) {
	h.Messages += more.Messages
	h.Bytes += more.Bytes
	h.Failures += more.Failures
}

func (p pass) tell() Pass {
	out := Pass{
		At: time.Unix(int64(p.at), 0), Delivered: int(p.delivered), Bytes: p.bytes, Deleted: int(p.deleted),
		Undone: int(p.undone),
	}
	if p.failure != nil {
		f := *p.failure
		out.Failure = &f
	}
	return out
}

// keep is the opposite of tell; what is too much is left out.
func (h *History) keep() *past {
	if h == nil || len(h.Hours)+len(h.Passes) == 0 {
		return nil
	}

	p := new(past)
	for _, one := range h.Hours[max(0, len(h.Hours)-dayHours):] {
		p.hours = append(p.hours, hour{
			hourOf(one.Start), uint32(one.Messages), uint32(one.Failures), one.Bytes,
		})
	}
	for _, one := range h.Passes[max(0, len(h.Passes)-passesMost):] {
		p.passes = append(p.passes, pass{
			uint32(one.At.Unix()), uint32(one.Delivered), uint32(one.Deleted), uint32(one.Undone),
			one.Bytes, one.Failure,
		})
	}
	return p
}

// Past is what outlives a process of what is known of an account.
type Past struct {
	History *History
	Seen    tlsverify.Seen
}

// recall fills the record of an account that is new to this process.
func (r *record) recall(from func(*fetch.Account) Past, a *fetch.Account) {
	if from != nil {
		p := from(a)
		r.past, r.state.Seen = p.History.keep(), p.Seen
	}
}

// At returns the History as it is told later.
func (h *History) At(later time.Time) *History { return h.keep().tell(later, true) }

// With returns the History with one more retrieval, for those that keep it without a Scheduler; nil = none.
func (h *History) With(o Outcome, at time.Time) *History {
	var f *Failure
	if o.Err != nil {
		f = &Failure{Kind: fetch.KindOf(o.Err), Text: FailureText(o.Err)}
	}
	return h.keep().with(o.Result, f, at).tell(at, true)
}

// Hours adds up what was in each hour of the last day, over all accounts, oldest first.
func (s *Scheduler) Hours() []Hour {
	sums := map[uint32]Hour{}
	now := time.Now()
	for _, r := range s.allRecords() {
		r.addHours(sums, now)
	}

	hours := slices.Collect(maps.Values(sums))
	slices.SortFunc(hours, func(a, b Hour) int { return a.Start.Compare(b.Start) })
	return hours
}

func (r *record) addHours(sums map[uint32]Hour, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, h := range r.past.recent(now) {
		sum := h.tell()
		sum.add(sums[h.number])
		sums[h.number] = sum
	}
}
