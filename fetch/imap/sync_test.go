package imap

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"fetchd/fetch"
	"fetchd/fetch/journal"
)

// Without a durable record the server is told nothing that makes it forget a message.
func TestSyncFails(t *testing.T) {
	t.Parallel()
	one := func(caps string) string {
		return selected(caps, 10, "1") + "C: ~^T3 UID FETCH 1 \n" + fetched(1, "ab") + "S: T3 OK" + bye
	}
	const pending = "input/output error"
	kept := pass{selected("", 10, "1") + "C: ~^T3 UID FETCH 1 \n" + fetched(1, "ab") +
		"S: T3 OK\nC: T4 UID STORE 1 +FLAGS.SILENT (\\Seen)\nS: T4 OK" + bye, "1=ab", ""}
	unanswered := pass{selected("", 10, "1") + "C: ~^T3 UID FETCH 1 \n" + fetched(1, "ab") +
		"S: T3 OK\nC: ~^T4 UID STORE 1 \nCLOSE", "1=ab", "delete what was"}
	tests := []struct {
		name   string
		keep   bool
		moveTo string
		before *pass // while the disk is sound
		after  func(*fetch.Account)
		pass   pass
	}{
		{name: "delete", pass: pass{one("UIDPLUS"), "1=ab", pending}},
		{name: "delete without UIDPLUS", pass: pass{one(""), "1=ab", pending}},
		{name: "move", moveTo: "Done", pass: pass{one("MOVE"), "1=ab", pending}},
		{name: "copy", moveTo: "Done", pass: pass{one("UIDPLUS"), "1=ab", pending}},
		{name: "keep and move", keep: true, moveTo: "Done", pass: pass{one("MOVE"), "1=ab", pending}},
		{name: "keep and copy", keep: true, moveTo: "Done", pass: pass{one("UIDPLUS"), "1=ab", pending}},
		{name: "keep", keep: true, pass: kept},
		{name: "delivered earlier", before: &unanswered,
			pass: pass{left("UIDPLUS", false, 1, "ab") + bye, "", pending}},
		{name: "kept earlier, flush", keep: true,
			before: &kept, after: func(a *fetch.Account) { a.Flush = true },
			pass: pass{selected("UIDPLUS", 10, "") + "C: T3 UID SEARCH UID 1\n" +
				"S: * SEARCH 1\nS: T3 OK" + bye, "", pending}},
	}

	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var broken error
				path := filepath.Join(t.TempDir(), "state.db")
				j, err := journal.OpenWith(t.Context(), path,
					journal.Options{Sync: func(*os.File) error { return broken }})
				if err != nil {
					t.Fatal(err)
				}
				defer j.Close()
				r := newRig(t, nil)
				r.Journal, r.Keep, r.MoveTo = j, tt.keep, tt.moveTo
				if tt.before != nil {
					expect(t, r, *tt.before)
				}
				if tt.after != nil {
					tt.after(r.Account)
				}

				broken = errors.New("input/output error")
				got, _, err := r.run(tt.pass.script)
				if got != tt.pass.got || (err == nil) != (tt.pass.err == "") {
					t.Errorf("delivered %q, %v", got, err)
				}
				if err != nil && (!errors.Is(err, broken) || fetch.KindOf(err) != fetch.KindJournal) {
					t.Errorf("error of kind %v: %v", fetch.KindOf(err), err)
				}
			})
		})
	}
}

// Messages that are recorded one by one have their records synced together, before the server is told to
// forget them: a sync may take longer than their delivery.
func TestOneSyncForManyRecords(t *testing.T) {
	t.Parallel()
	remove := func(tag int, set string, expunged int) string {
		return fmt.Sprintf("C: T%d UID STORE %s +FLAGS.SILENT (\\Seen \\Deleted)\nC: T%d UID EXPUNGE %s\n"+
			"S: T%d OK\n%sS: T%d OK\n", tag, set, tag+1, set,
			tag, strings.Repeat("S: * 1 EXPUNGE\n", expunged), tag+1)
	}
	script := selected("UIDPLUS", 10, "1 2 3") + "C: ~^T3 UID FETCH 1:3 \n" +
		fetched(1, "a") + fetched(2, "b") + fetched(3, "c") + "S: T3 OK\n"

	for _, tt := range []struct {
		name   string
		atOnce int // see Account.Expunge
		told   string
		syncs  int
	}{
		{"all in one command", 0, remove(4, "1:3", 3), 1},
		{"two at once", 2, remove(4, "1:2", 2) + remove(6, "3", 1), 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var syncs atomic.Int32
				sync := func(*os.File) error { syncs.Add(1); return nil }
				path := filepath.Join(t.TempDir(), "state.db")
				j, err := journal.OpenWith(t.Context(), path, journal.Options{Sync: sync})
				if err != nil {
					t.Fatal(err)
				}
				defer j.Close()

				r := newRig(t, nil)
				r.Journal, r.Expunge = j, tt.atOnce
				expect(t, r, pass{script + tt.told + bye, "1=a 2=b 3=c", ""})
				if got := int(syncs.Load()); got != tt.syncs {
					t.Errorf("%d syncs, want %d", got, tt.syncs)
				}
			})
		})
	}
}
