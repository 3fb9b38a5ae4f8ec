package journal

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// A message that is recorded by itself costs one page of the log: the next one must not be final before.
func TestRecordOfOneMessageIsOnePage(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "state.db")
	now := time.Unix(1700000000, 0)
	j, err := OpenWith(t.Context(), path, Options{Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()

	const frame = 24 + pageSize
	m := startMailbox(t, j, "INBOX")
	for uid := range uint32(100) {
		before := logSize(t, path)
		if err := m.Record(t.Context(), SetOf(uid+1), true, false); err != nil {
			t.Fatal(err)
		}
		if grown := logSize(t, path) - before; grown != frame {
			t.Errorf("UID %d: %d bytes of log, want %d", uid+1, grown, frame)
		}
	}
	if m.box.rows != 0 || m.box.last.uids != "1:100" {
		t.Errorf("%d rows and %+v", m.box.rows, m.box.last)
	}
}

func logSize(t *testing.T, path string) int64 {
	t.Helper()
	info, err := os.Stat(path + "-wal")
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}

// What is recorded within a second is one row where that says the same. It is the same for those that read
// it: here are two journals, and one of them has a clock that goes on with each record.
func TestJoinedRowsSayTheSame(t *testing.T) {
	t.Parallel()
	for seed := range uint64(20) {
		var said [2][]string
		rows := [2]int{}
		for i := range said {
			said[i], rows[i] = writeAtRandom(t, seed, time.Duration(i)*time.Second)
		}
		if !slices.Equal(said[0], said[1]) || rows[0] >= rows[1] {
			t.Errorf("seed %d: %d rows say %q, %d rows %q", seed, rows[0], said[0], rows[1], said[1])
		}
	}
}

// writeAtRandom records what seed says in a mailbox and a maildrop, and returns what a new process reads.
func writeAtRandom(t *testing.T, seed uint64, tick time.Duration) (said []string, rows int) {
	t.Helper()
	ctx, now := t.Context(), time.Unix(1700000000, 0)
	shelf := newShelf()
	clock := func() time.Time { now = now.Add(tick); return now }
	open := func() *Journal { return over(&memoryStore{shelf: shelf}, "memory", clock) }
	must := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}

	j := open()
	m := startMailbox(t, j, "INBOX")
	d, err := j.Maildrop(ctx, "ann")
	must(err)
	must(beginDrop(ctx, d))

	random := rand.New(rand.NewPCG(seed, 4))
	for range 60 {
		uids := SetOf(1+random.Uint32N(40), 1+random.Uint32N(40))
		uidls := []string{fmt.Sprint("u", random.IntN(20))}
		looks := []Trace{{uids.Max(), fmt.Sprint("x", random.IntN(9))}}
		switch random.IntN(8) {
		case 0:
			must(m.Record(ctx, uids, true, false))
			must(d.RecordPending(ctx, uidls, []int64{7}, []string{looks[0].Looks}, false))
		case 1:
			must(m.Acknowledged(ctx, uids))
			must(d.Acknowledged(ctx, uidls))
		case 2:
			must(m.Vacate(ctx, uids, looks))
		case 3:
			must(m.Reopen(ctx, uids))
			must(d.Adopt(ctx, uidls))
		case 4:
			must(m.Adopt(ctx, uids))
		case 5:
			must(m.RecordTraced(ctx, uids, looks, false))
			must(d.Trace(ctx, uidls, []string{looks[0].Looks}))
		default:
			must(m.Record(ctx, uids, false, false))
			must(d.Record(ctx, uidls, false, false))
		}
	}

	j = open()
	m, err = j.Mailbox(ctx, "ann", "INBOX")
	must(err)
	d, err = j.Maildrop(ctx, "ann")
	must(err)
	var all Set
	all.AddRange(1, 40)
	said = append(said, fmt.Sprint(m.Done(), m.Pending(), m.Delivered(), m.Vacant(), m.Traces(all)))
	for i := range 20 {
		uidl := fmt.Sprint("u", i)
		listed := fmt.Sprintf("%+v %q", d.MarkListed([]byte(uidl)), d.Looks(uidl))
		said = append(said, strings.TrimSpace(listed))
	}
	return said, m.box.rows + d.box.rows
}
