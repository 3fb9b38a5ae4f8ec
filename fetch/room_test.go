package fetch_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"fetchd/delivery"
	"fetchd/fetch"
	"fetchd/fetch/fetchtest"
)

// disk is a destination with little room, which takes messages in groups.
type disk struct {
	delivery.Deliverer
	mu    sync.Mutex
	room  int64
	tried int // that did not fit
}

func (d *disk) free(room int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.room, d.tried = room, 0
}

func (d *disk) HasRoom() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.room > 0
}

func (d *disk) DeliverGroup(ctx context.Context, ms []*delivery.Message) []error {
	errs := make([]error, len(ms))
	for i, m := range ms {
		errs[i] = d.Deliver(ctx, m)
	}
	return errs
}

func (d *disk) Deliver(ctx context.Context, m *delivery.Message) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if size := m.Body.Size(); size > d.room {
		d.tried++
		class := delivery.Temporary
		if d.room == 0 {
			class = delivery.Unusable
		}
		return &delivery.Error{Class: class, Err: fmt.Errorf("write %s: %w", m.UID, unix.ENOSPC)}
	}
	return d.Deliverer.Deliver(ctx, m)
}

// diskRig is an account whose mail goes to a disk.
func diskRig(t *testing.T, protocol fetch.Protocol) (*rig, *disk, *events) {
	t.Helper()
	r, _, e := pickyRig(t, protocol)
	d := &disk{Deliverer: r.a.Deliverer.(*picky).Deliverer}
	r.a.Deliverer = d
	return r, d, e
}

// asked is how often the server was asked for messages: for one over POP3, for a batch over IMAP.
func (r *rig) asked() int {
	return strings.Count(r.heard(), "BODY.PEEK[]") + strings.Count(r.heard(), "> RETR ")
}

// A disk that is full ends the retrieval at once, with one line for all of it, and the server is not asked
// for anything until there is room.
func TestFullDiskEndsTheRetrieval(t *testing.T) {
	t.Parallel()
	for protocol, most := range map[fetch.Protocol]int{fetch.IMAP: 5, fetch.POP3: 1024} {
		t.Run(protocol.String(), func(t *testing.T) {
			t.Parallel()
			r, d, e := diskRig(t, protocol)
			r.a.Refusals = new(fetch.Refusals)
			r.append(t, "INBOX", numbered(20_000)...)
			ret := fetch.NewRetriever(r.a)
			defer ret.Close()

			_, first := ret.Retrieve(t.Context())
			if delivery.ClassOf(first) != delivery.Unusable || fetch.KindOf(first) != fetch.KindDelivery {
				t.Fatal(first)
			}
			if n := strings.Count(first.Error(), "no space left"); n != 1 {
				t.Errorf("said %d times: %v", n, first)
			}
			if asked := r.asked(); asked == 0 || asked > most || d.tried > 512 {
				t.Errorf("asked for %d, tried to write %d", asked, d.tried)
			}
			e.expect(t, "ERROR "+fetch.EventFailed, 1)

			before := r.heard()
			if _, err := ret.Retrieve(t.Context()); err == nil || err.Error() != first.Error() {
				t.Errorf("the second time: %v", err)
			}
			if r.heard() != before {
				t.Error("the server is bothered though there is no room")
			}

			d.free(1 << 30)
			r.a.FetchLimit = 300
			if res, err := ret.Retrieve(t.Context()); err != nil || res.Delivered != 300 {
				t.Errorf("with room: %+v, %v", res, err)
			}
		})
	}
}

// oneByOne is a disk that takes no groups.
type oneByOne struct{ disk *disk }

func (d oneByOne) HasRoom() bool  { return d.disk.HasRoom() }
func (d oneByOne) String() string { return d.disk.String() }

func (d oneByOne) Deliver(ctx context.Context, m *delivery.Message) error {
	return d.disk.Deliver(ctx, m)
}

// Messages too large for what is left of a disk are not all fetched in vain, and those behind forty of them
// come with the fifth retrieval at the latest, however few come at a time: 5, 5, 10 and 20 are tried before.
func TestLargeMessagesOnANearlyFullDisk(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name     string
		protocol fetch.Protocol
		groups   bool
	}{
		{"IMAP", fetch.IMAP, true},
		{"IMAP, one by one", fetch.IMAP, false},
		{"POP3", fetch.POP3, true},
		{"POP3, one by one", fetch.POP3, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r, d, _ := diskRig(t, tt.protocol)
			if !tt.groups {
				r.a.Deliverer = oneByOne{d}
			}

			large := fmt.Appendf(nil, "Subject: large\r\n\r\n%s", strings.Repeat("of some size\r\n", 1000))
			var messages [][]byte
			for i := range 40 {
				messages = append(messages, fmt.Appendf(nil, "X: %d\r\n%s", i, large))
			}
			small := numbered(3)
			r.append(t, "INBOX", append(messages, small...)...)
			d.free(8 << 10)

			for pass := 0; len(r.delivered(t)) < len(small) && pass < 5; pass++ {
				_, _ = r.pass(t)
			}
			r.wants(t, small)

			d.free(1 << 30)
			for range 2 {
				_, _ = r.pass(t)
			}
			r.wants(t, append(messages, small...))
		})
	}
}

// A few large messages in between end nothing.
func TestSomeLargeMessagesOnANearlyFullDisk(t *testing.T) {
	t.Parallel()
	r, d, _ := diskRig(t, fetch.POP3)
	var messages, small [][]byte
	for i, m := range numbered(20) {
		if i%2 == 0 {
			m = fmt.Appendf(m, "%s\r\n", strings.Repeat("of some size\r\n", 1000))
		} else {
			small = append(small, m)
		}
		messages = append(messages, m)
	}
	r.append(t, "INBOX", messages...)
	d.free(8 << 10)
	res, err := r.fails(t, fetch.KindDelivery)
	if delivery.ClassOf(err) == delivery.Unusable ||
		res.Delivered != len(small) || res.Deleted != len(small) {
		t.Errorf("%+v, %v", res, err)
	}
	r.wants(t, small)
}

// A message that the temporary files have no room for counts as one that doesn't fit where it goes.
func TestFullSpool(t *testing.T) {
	t.Parallel()
	r, _ := rigOn(t, fetchtest.StartPOPServer(t, fetchtest.POPOptions{NoPipelining: true}))
	r.a.SpoolDir = t.TempDir() + "/missing"
	large := fmt.Appendf(nil, "Subject: large\r\n\r\n%s", strings.Repeat("of some size\r\n", 50_000))
	var messages [][]byte
	for range 30 {
		messages = append(messages, large)
	}
	r.append(t, "INBOX", append(messages, numbered(2)...)...)
	if _, err := r.fails(t, fetch.KindDelivery); delivery.ClassOf(err) != delivery.Unusable {
		t.Errorf("%v", err)
	}
	if n := r.asked(); n > 10 {
		t.Errorf("asked for %d messages", n)
	}
	for range 10 {
		_, _ = r.pass(t)
	}
	r.wants(t, numbered(2))
}
