package process

import (
	"net"
	"path/filepath"
	"strings"
	"testing"
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
			failed("kim@h", fetch.KindNetwork),
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
