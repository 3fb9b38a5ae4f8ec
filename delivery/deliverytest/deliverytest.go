// Package deliverytest has the contract of delivery.Deliverer as a test suite. Every kind runs it:
//
//	deliverytest.Run(t, "maildir", func(t *testing.T) deliverytest.Target { … })
//
// It checks what arrives, not how; a kind has tests of its own for its quirks.
package deliverytest

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"

	"fetchd/delivery"
)

// Target is one empty destination.
type Target struct {
	Deliverer delivery.Deliverer
	// Delivered returns the messages that are at the destination, in any order, read anew at each call.
	Delivered func(t *testing.T) [][]byte
	// Want returns what m with that body, edited if need be, must be like at the destination; nil = its
	// trace and then the body.
	Want func(m *delivery.Message, body []byte) []byte
	// OneCopy says that repeats leave one copy, RepeatOnly that this takes Message.Repeat.
	OneCopy, RepeatOnly bool
	// Refuses tells which bodies the kind can't take: as permanent, and as a whole; nil = it takes all.
	Refuses func(body []byte) bool
	// Break makes the destination fail, with errors of the given class, until the function that it returns
	// is called; nil = nothing fails here.
	Break map[delivery.Class]func(t *testing.T) (repair func())
	// RefuseOne makes the destination refuse "bob" and nobody else, until the function that it returns is
	// called; nil = either all recipients have the message or none.
	RefuseOne func(t *testing.T) (repair func())
}

// Run checks the contract on fresh targets.
func Run(t *testing.T, name string, factory func(t *testing.T) Target) {
	t.Helper()

	for _, part := range []struct {
		name  string
		check func(t *testing.T, target Target)
	}{
		{"bytes", checkBytes},
		{"group", checkGroup},
		{"edited header", checkEdit},
		{"concurrent", checkConcurrent},
		{"same message at once", checkSameAtOnce},
		{"cancelled", checkCancelled},
		{"repeat", checkRepeat},
		{"broken", checkBroken},
		{"held", checkHeld},
		{"partial", checkPartial},
		{"name", checkName},
	} {
		t.Run(name+"/"+part.name, func(t *testing.T) {
			t.Parallel()
			part.check(t, factory(t))
		})
	}
}

func (g Target) want(m *delivery.Message, body []byte) []byte {
	if g.Want != nil {
		return g.Want(m, body)
	}
	return slices.Concat(m.Trace, body)
}

// bodies are those that the kind takes.
func (g Target) bodies() map[string][]byte {
	bodies := Bodies()
	maps.DeleteFunc(bodies, func(_ string, body []byte) bool { return g.Refuses != nil && g.Refuses(body) })
	return bodies
}

// expect compares what is at the destination with want, both in any order.
func (g Target) expect(t *testing.T, want [][]byte) {
	t.Helper()
	got := g.Delivered(t)
	slices.SortFunc(got, bytes.Compare)
	slices.SortFunc(want, bytes.Compare)
	if len(got) != len(want) {
		t.Errorf("%d messages, want %d", len(got), len(want))
		return
	}

	for i := range got {
		if !bytes.Equal(got[i], want[i]) {
			t.Errorf("got %.200q (%d bytes), want %.200q (%d bytes)",
				got[i], len(got[i]), want[i], len(want[i]))
		}
	}
}

// deliverAll delivers as a group or a series if the kind can do that, else one by one.
func (g Target) deliverAll(ctx context.Context, ms []*delivery.Message) []error {
	if group, ok := g.Deliverer.(delivery.GroupDeliverer); ok {
		return group.DeliverGroup(ctx, ms)
	}

	errs := make([]error, len(ms))
	if series, ok := g.Deliverer.(delivery.SeriesDeliverer); ok {
		next := 0
		err := series.DeliverSeries(ctx, ms, func(i int, err error) error {
			if i != next {
				err = fmt.Errorf("message %d ended, want %d", i, next)
			}
			errs[i], next = err, next+1
			return nil
		})
		if err != nil || next != len(ms) {
			return []error{fmt.Errorf("%d of %d messages ended: %w", next, len(ms), err)}
		}
		return errs
	}

	for i, m := range ms {
		errs[i] = g.Deliverer.Deliver(ctx, m)
	}

	return errs
}

// checkBytes delivers each odd body alone.
func checkBytes(t *testing.T, target Target) {
	var want [][]byte
	for name, body := range Bodies() {
		m := NewMessage(t, name, body)
		err := target.Deliverer.Deliver(t.Context(), m)
		m.Release() // a deliverer keeps nothing of it
		if target.Refuses != nil && target.Refuses(body) {
			if delivery.ClassOf(err) != delivery.Permanent {
				t.Errorf("%s: %v, want a permanent refusal", name, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		want = append(want, target.want(m, body))
	}
	target.expect(t, want)
}

// checkGroup delivers all odd bodies together in groups of several sizes.
func checkGroup(t *testing.T, target Target) {
	var ms []*delivery.Message
	var want [][]byte
	for name, body := range target.bodies() {
		m := NewMessage(t, name, body)
		ms, want = append(ms, m), append(want, target.want(m, body))
	}

	if errs := target.deliverAll(t.Context(), nil); len(errs) != 0 {
		t.Errorf("no messages: %v", errs)
	}

	for _, group := range [][]*delivery.Message{ms[:1], ms[1:4], ms[4:]} {
		errs := target.deliverAll(t.Context(), group)
		if err := errors.Join(errs...); err != nil || len(errs) != len(group) {
			t.Errorf("%d results for %d messages: %v", len(errs), len(group), err)
		}
	}

	target.expect(t, want)
}

// checkEdit delivers each odd body with another header, twice: the second time is a repeat.
func checkEdit(t *testing.T, target Target) {
	var want [][]byte
	head := []byte("From: bob@example.net\nX-Edited: yes\n\n")
	for name, body := range target.bodies() {
		m := NewMessage(t, name, body)
		skip := int64(len(m.Body.Header()))
		m.Edit = &delivery.HeaderEdit{Head: head, Skip: skip}
		for range 2 {
			if err := errors.Join(target.deliverAll(t.Context(), []*delivery.Message{m})...); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			if !m.Repeat || !target.OneCopy {
				want = append(want, target.want(m, slices.Concat(head, body[skip:])))
			}
			m.Repeat = true
		}
	}

	target.expect(t, want)
}

// checkConcurrent delivers groups of several accounts at the same time.
func checkConcurrent(t *testing.T, target Target) {
	const accounts, each = 4, 12
	var want [][]byte
	var wg sync.WaitGroup
	for a := range accounts {
		var ms []*delivery.Message
		for i := range each {
			body := fmt.Appendf(nil, "Subject: %d\n\nof %d\n", i, a)
			m := NewMessage(t, fmt.Sprint(i), body)
			m.Account = fmt.Sprint("account ", a)
			ms, want = append(ms, m), append(want, target.want(m, body))
		}

		wg.Go(func() {
			if err := errors.Join(target.deliverAll(t.Context(), ms[:each/2])...); err != nil {
				t.Error(err)
			}
			for _, m := range ms[each/2:] {
				if err := target.Deliverer.Deliver(t.Context(), m); err != nil {
					t.Error(err)
				}
			}
		})
	}

	wg.Wait()

	target.expect(t, want)
}

// checkSameAtOnce delivers one message from several goroutines. Some may fail temporarily; no copy is
// incomplete.
func checkSameAtOnce(t *testing.T, target Target) {
	body := append([]byte("Subject: x\n\n"), bytes.Repeat([]byte("0123456789\n"), 5000)...)
	m := NewMessage(t, "1", body)
	var wg sync.WaitGroup
	var mu sync.Mutex
	delivered := 0

	for range 4 {
		wg.Go(func() {
			err := target.Deliverer.Deliver(t.Context(), m)
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				delivered++
			} else if delivery.ClassOf(err) != delivery.Temporary {
				t.Error(err)
			}
		})
	}

	wg.Wait()

	if delivered == 0 {
		t.Error("nobody could deliver it")
	}
	if target.OneCopy && !target.RepeatOnly {
		delivered = 1
	}

	target.expect(t, slices.Repeat([][]byte{target.want(m, body)}, delivered))
}

func checkCancelled(t *testing.T, target Target) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	small := NewMessage(t, "1", []byte("\nx\n"))
	large := NewMessage(t, "2", bytes.Repeat([]byte("x"), 2*delivery.SpoolMemory))
	for i, err := range target.deliverAll(ctx, []*delivery.Message{small, large}) {
		if !errors.Is(err, context.Canceled) || delivery.ClassOf(err) != delivery.Temporary {
			t.Errorf("message %d: %v", i, err)
		}
	}
	target.expect(t, nil)
}

func checkRepeat(t *testing.T, target Target) {
	body := []byte("Subject: x\n\nbody\n")
	m := NewMessage(t, "1", body)
	copies := [][]byte{}
	for i := range 3 {
		m.Repeat = i > 0
		if err := target.Deliverer.Deliver(t.Context(), m); err != nil {
			t.Fatal(err)
		}
		if i == 0 || !target.OneCopy {
			copies = append(copies, target.want(m, body))
		}
	}

	target.expect(t, copies)

	other := []byte("Subject: another under the same UID\n\n")
	m2 := NewMessage(t, "1", other)
	m2.Repeat = true
	if err := target.Deliverer.Deliver(t.Context(), m2); err != nil {
		t.Fatal(err)
	}

	target.expect(t, append(copies, target.want(m2, other)))
}

// checkBroken makes the destination fail in all its ways; after the repair each message is there once.
func checkBroken(t *testing.T, target Target) {
	var want [][]byte
	classes := make([]delivery.Class, 0, len(target.Break))
	for class := range target.Break {
		classes = append(classes, class)
	}

	slices.SortFunc(classes, cmp.Compare[delivery.Class])
	for _, class := range classes {
		body := fmt.Appendf(nil, "Subject: %d\n\n", class)
		ms := []*delivery.Message{
			NewMessage(t, fmt.Sprint(class), body), NewMessage(t, fmt.Sprint(class, "+"), body),
		}

		repair := target.Break[class](t)
		for i, err := range target.deliverAll(t.Context(), ms) {
			if err == nil || delivery.ClassOf(err) != class {
				t.Errorf("class %d, message %d: class %d, %v", class, i, delivery.ClassOf(err), err)
			}
		}

		repair()
		target.expect(t, want)
		if err := errors.Join(target.deliverAll(t.Context(), ms)...); err != nil {
			t.Errorf("after the repair: %v", err)
		}

		want = append(want, target.want(ms[0], body), target.want(ms[1], body))
		target.expect(t, want)
	}
}

// checkHeld delivers messages that are no longer ours: nothing of them arrives until they are ours again.
func checkHeld(t *testing.T, target Target) {
	lost := errors.New("somebody else has the account")
	var ms []*delivery.Message
	var want [][]byte
	for _, uid := range []string{"1", "2", "3"} {
		body := []byte("Subject: " + uid + "\n\nbody\n")
		m := NewMessage(t, uid, body)
		if uid != "2" {
			m.Lease = func() error { return lost }
		} else {
			want = append(want, target.want(m, body))
		}
		ms = append(ms, m)
	}

	for i, err := range target.deliverAll(t.Context(), ms) {
		if held := i != 1; held != errors.Is(err, lost) || !held && err != nil {
			t.Errorf("message %d: %v", i, err)
		}
	}

	target.expect(t, want)

	for _, i := range []int{0, 2} {
		ms[i].Lease = nil
		if err := target.Deliverer.Deliver(t.Context(), ms[i]); err != nil {
			t.Error(err)
		}
		want = append(want, target.want(ms[i], []byte(fmt.Sprintf("Subject: %d\n\nbody\n", i+1))))
	}

	target.expect(t, want)
}

// checkPartial delivers to two recipients, one of which is refused: the error says who has the message, and
// after that only the other gets it.
func checkPartial(t *testing.T, target Target) {
	if target.RefuseOne == nil {
		return
	}

	body := []byte("Subject: x\n\nbody\n")
	m := NewMessage(t, "1", body)
	m.Recipients = []string{"ann", "bob"}
	repair := target.RefuseOne(t)
	err := target.Deliverer.Deliver(t.Context(), m)
	partial, ok := errors.AsType[*delivery.PartialError](err)
	if !ok || !slices.Equal(partial.Delivered, []string{"ann"}) {
		t.Fatalf("%v, want one that says that ann has it", err)
	}

	target.expect(t, [][]byte{target.want(m, body)})

	repair()
	m.Recipients = []string{"bob"}
	if err := target.Deliverer.Deliver(t.Context(), m); err != nil {
		t.Error(err)
	}

	target.expect(t, [][]byte{target.want(m, body), target.want(m, body)})
}

func checkName(t *testing.T, target Target) {
	if name := target.Deliverer.String(); name == "" || len(name) > 300 {
		t.Errorf("name for the log: %.300q", name)
	}
}
