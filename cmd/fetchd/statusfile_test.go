package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"fetchd/cmd/fetchd/internal/status"
	"fetchd/fetch"
	"fetchd/fetch/schedule"
)

// A daemon that is killed, or whose machine loses its power, has left behind what came since its start.
func TestKilledDaemonLeavesItsStatus(t *testing.T) {
	t.Parallel()
	servers := startServers(t, 3)
	d := newDaemon(t, "")
	d.write("rc", d.demoAccount(servers, `password "`+servers.Password+`"`)+
		"poll gone via localhost proto imap port 1 user bob password x ssl maildir mail\n")
	d.start()
	file := filepath.Join(d.dir, ".local", "state", "fetchd", "journal.db.status")
	saved := func() bool {
		text, _ := os.ReadFile(file)
		return strings.Contains(string(text), `"messages_24h":3`) && strings.Contains(string(text), "refused")
	}
	if !within(waitFileTimeout, saved) {
		t.Fatalf("it never saves its status:\n%s", d.log.String())
	}
	if err := d.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-d.ended

	got := d.status("ann", "bob")
	for _, want := range []string{
		"no daemon runs", "\nok                   ann@mail: ", "last 24 hours: 3 messages, ",
		"\nfailing              bob@gone", " network: localhost:1: connection refused", "\nstatus 1",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
}

// outcome is that of a retrieval from an account.
func outcome(name string, delivered int, err error) schedule.Outcome {
	return schedule.Outcome{Account: &fetch.Account{Name: name},
		Result: fetch.Result{Delivered: delivered}, Err: err}
}

// What brings nothing new is not written, and of many accounts only those are that have news.
func TestStatusFileIsWrittenForNews(t *testing.T) {
	t.Parallel()
	idle, mail := outcome("ann@h", 0, nil), outcome("ann@h", 2, nil)
	failed := outcome("ann@h", 0, errors.New("no route"))
	repeats, recovered := failed, idle
	repeats.Repeats, recovered.Recovered = true, true

	for name, tt := range map[string]struct {
		o    schedule.Outcome
		want bool
	}{
		"idle": {idle, false}, "mail": {mail, true}, "failed": {failed, true},
		"failed again": {repeats, false}, "recovered": {recovered, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := newStatusFile(filepath.Join(t.TempDir(), "status"))
				saves := 0
				go f.keep(t.Context(), func() { saves++ })
				f.note(tt.o, false)
				<-time.After(time.Hour)
				synctest.Wait()
				if got := saves == 1; got != tt.want || saves > 1 {
					t.Errorf("saved %d times", saves)
				}
			})
		})
	}
}

// So many changes as there may be: the file is written once in a while, and does not grow without bound.
func TestStatusFileIsBounded(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "status")
	f := newStatusFile(path)
	account := status.Account{Name: "ann@h", State: strings.Repeat("x", 100<<10)}
	largest := int64(0)

	for n := range 50 {
		account.Messages = int64(n)
		f.note(outcome("ann@h", 1, nil), false)
		err := f.save(func(func(string) bool) status.Report {
			return status.Report{Accounts: []status.Account{account, {Name: "bob@h"}}}
		})

		info, statErr := os.Stat(path)
		if err := errors.Join(err, statErr); err != nil {
			t.Fatal(err)
		}
		largest = max(largest, info.Size())
		r, err := status.Load(path)
		if err != nil || len(r.Accounts) != 2 || r.Accounts[0].Messages != int64(n) {
			t.Fatalf("%v, %v", r.Accounts, err)
		}
	}

	if most := int64(statusGrowth + 400<<10); largest > most {
		t.Errorf("%d bytes", largest)
	}
}
