package process

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"fetchd/fetch"
	"fetchd/fetch/schedule"
)

func TestNotifier(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "notify")
	manager, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer manager.Close()
	env := map[string]string{"NOTIFY_SOCKET": path, "WATCHDOG_USEC": "4000000"}
	n, err := NewNotifier(func(name string) string { return env[name] })
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	if n.every != 2*time.Second {
		t.Errorf("a sign of life every %s, want half of the watchdog's 4 s", n.every)
	}
	n.Ready()
	n.Alive(schedule.New(schedule.Options{}))
	n.Reloading()
	n.Stopping()
	for _, want := range []string{"READY=1", "WATCHDOG=1\nSTATUS=0 accounts", "RELOADING=1\nMONOTONIC_USEC=", "STOPPING=1"} {
		buf := make([]byte, 1000)
		got, err := manager.Read(buf)
		if err != nil || !strings.HasPrefix(string(buf[:got]), want) {
			t.Errorf("got %q, %v, want %q", buf[:got], err, want)
		}
	}
}

// A scheduler that stands still gives no sign of life.
func TestStalledSchedulerIsNotAlive(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		resume := make(chan struct{})
		s := schedule.New(schedule.Options{Log: slog.New(slog.DiscardHandler), Done: func(schedule.Outcome) { <-resume }})
		ctx, cancel := context.WithCancel(t.Context())
		a := &fetch.Account{Name: "ann@h", Log: slog.New(slog.DiscardHandler)}
		a.Connect = func(context.Context, *fetch.Account) (fetch.Session, error) { return nil, errors.New("no server") }
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			s.Run(ctx, []*fetch.Account{a})
		}()
		synctest.Wait()
		if got := signOfLife(s); !strings.HasPrefix(got, "WATCHDOG=1\n") {
			t.Errorf("at first: %q", got)
		}
		time.Sleep(10 * time.Minute)
		if got, want := signOfLife(s), "STATUS=stands still at ann@h"; got != want {
			t.Errorf("%q, want %q", got, want)
		}
		cancel()
		close(resume)
		<-ended
	})
}

// A manager that reads nothing stops nobody.
func TestHungServiceManager(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "notify")
	manager, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer manager.Close()
	n, err := NewNotifier(func(name string) string { return map[string]string{"NOTIFY_SOCKET": path}[name] })
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()

	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for range 50 { // the kernel keeps some ten for it
			n.send("STATUS=" + strings.Repeat("x", 10_000))
		}
	}()
	select {
	case <-ended:
	case <-time.After(30 * time.Second):
		t.Error("waits for the manager")
	}
}

func TestNoServiceManager(t *testing.T) {
	t.Parallel()
	n, err := NewNotifier(func(string) string { return "" })
	if n != nil || err != nil {
		t.Fatalf("%v, %v", n, err)
	}
	n.Ready()
	n.Alive(nil)
	n.Reloading()
	if tick, stop := n.Tick(); tick != nil {
		t.Error("the nil notifier ticks")
	} else {
		stop()
	}
	n.Close()
}

func TestStatusLine(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 22, 4, 5, 6, 0, time.Local)
	failed := func(name string, kind fetch.Kind) schedule.State {
		return schedule.State{Account: name, Failing: true, Failure: schedule.Failure{Kind: kind, Since: at}}
	}
	got := statusLine(schedule.Status{
		Accounts: 9, Last: at, Next: at.Add(time.Minute),
		Failing: []schedule.State{
			failed("ann@h", fetch.KindAuth),
			failed("bob@h", fetch.KindTLS),
			failed("joe@h", fetch.KindNetwork),
			failed("kim@h", fetch.KindGrant),
		},
	})
	if want := "9 accounts, 4 failing (ann@h: login refused since Nov 22 04:05; bob@h: certificate refused since Nov 22 04:05; " +
		"joe@h: backing off since Nov 22 04:05; …), last poll 04:05:06, next poll 04:06:06"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestOneIsSingular(t *testing.T) {
	t.Parallel()
	for n, want := range map[int]string{0: "0 accounts", 1: "1 account", 2: "2 accounts"} {
		if line := statusLine(schedule.Status{Accounts: n}); line != want {
			t.Errorf("%q, want %q", line, want)
		}
	}
}
