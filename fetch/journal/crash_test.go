package journal_test

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"fetchd/fetch/journal"
)

// accountsEach is how many accounts a child has.
const accountsEach = 3

// crashWriter records in several accounts at once, and says so after each call that returned. It goes on
// until killed.
func crashWriter(t *testing.T, path, first string) {
	ctx := context.WithoutCancel(t.Context())
	j, err := journal.Open(ctx, path)
	must(t, err)
	base, err := strconv.Atoi(first)
	must(t, err)
	var wg sync.WaitGroup
	for a := base; a < base+accountsEach; a++ {
		wg.Go(func() { crashMailbox(ctx, t, j, a) })
		wg.Go(func() { crashMaildrop(ctx, t, j, a) })
	}
	wg.Wait()
}

func crashMailbox(ctx context.Context, t *testing.T, j *journal.Journal, a int) {
	m, err := j.Mailbox(ctx, fmt.Sprint("account", a), "INBOX")
	for err == nil {
		err = begin(ctx, m, 1)
		for range 30 {
			uid := m.Done().Max() + 2
			if err == nil {
				err = m.Record(ctx, journal.SetOf(uid), true, uid%16 == 0)
			}
			fmt.Printf("mailbox %d %d\n", a, uid)
			if err == nil && uid%3 == 0 {
				err = m.Acknowledged(ctx, journal.SetOf(uid))
				fmt.Printf("acknowledged %d %d\n", a, uid)
			}
		}
		if err == nil {
			err = m.End(ctx, m.Done().Max())
		}
	}
	t.Error(err)
}

func crashMaildrop(ctx context.Context, t *testing.T, j *journal.Journal, a int) {
	d, err := j.Maildrop(ctx, fmt.Sprint("account", a))
	next := 1
	for d.Done(fmt.Sprint("u", next)) {
		next++
	}
	for err == nil {
		err = beginDrop(ctx, d)
		for range 30 {
			if err == nil {
				err = d.Record(ctx, []string{fmt.Sprint("u", next)}, false, next%16 == 0)
			}
			fmt.Printf("maildrop %d %d\n", a, next)
			next++
		}
		if err == nil {
			err = d.End(ctx, false)
		}
	}
	t.Error(err)
}

// TestKilled kills two processes that write to one journal, at random moments, again and again. What they
// had said to be recorded is there.
func TestKilled(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "fetchd.db")
	said := [2]map[string]bool{{}, {}}
	for round := range 10 {
		var wg sync.WaitGroup
		for i := range said {
			// The first rounds hit the making of the journal; from then on the life begins with the first
			// record.
			life := time.Duration(rand.IntN(100)) * time.Millisecond
			wg.Go(func() { readUntilKilled(t, path, i*accountsEach, round < 4, life, said[i]) })
		}
		wg.Wait()
		for i := range said {
			checkSaid(t, path, i*accountsEach, said[i])
		}
	}
	t.Logf("%d and %d records said and found", len(said[0]), len(said[1]))
	if len(said[0]) < 50 || len(said[1]) < 50 {
		t.Error("that is too few")
	}
}

func readUntilKilled(t *testing.T, path string, first int,
	early bool, life time.Duration, said map[string]bool) {
	cmd := child(t, "writer", path, strconv.Itoa(first))
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Error(err)
		return
	}
	in := bufio.NewReader(out)
	for kill := (*time.Timer)(nil); ; {
		if early && kill == nil {
			kill = time.AfterFunc(life, func() { _ = cmd.Process.Kill() })
			defer kill.Stop()
		}
		line, err := in.ReadString('\n')
		if err != nil {
			break // a line cut off was not said
		}
		said[line[:len(line)-1]] = true
		early = true
	}
	_ = cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != -1 {
		t.Errorf("the child ended by itself with status %d", code)
	}
}

func checkSaid(t *testing.T, path string, first int, said map[string]bool) {
	t.Helper()
	j, err := journal.Open(t.Context(), path)
	must(t, err)
	defer j.Close()

	for a := first; a < first+accountsEach; a++ {
		m, err := j.Mailbox(t.Context(), fmt.Sprint("account", a), "INBOX")
		must(t, err)
		d, err := j.Maildrop(t.Context(), fmt.Sprint("account", a))
		must(t, err)
		done, pending := m.Done(), m.Pending()
		for line := range said {
			var account, uid int
			if n, _ := fmt.Sscanf(line, "mailbox %d %d", &account, &uid); n == 2 &&
				account == a && !done.Contains(uint32(uid)) {
				t.Errorf("lost: %s", line)
			}
			if n, _ := fmt.Sscanf(line, "acknowledged %d %d", &account, &uid); n == 2 &&
				account == a && pending.Contains(uint32(uid)) {
				t.Errorf("lost: %s", line)
			}

			n, _ := fmt.Sscanf(line, "maildrop %d %d", &account, &uid)
			if n == 2 && account == a && !d.Done(fmt.Sprint("u", uid)) {
				t.Errorf("lost: %s", line)
			}
		}
	}
}
