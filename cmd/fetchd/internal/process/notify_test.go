package process

import (
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// serviceManager listens for notifications at path.
func serviceManager(t *testing.T) (manager *net.UnixConn, path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "notify")
	manager, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { manager.Close() })
	return manager, path
}

func TestNotifier(t *testing.T) {
	t.Parallel()
	manager, path := serviceManager(t)
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
	n.Alive("", "2 accounts")
	n.Reloading()
	n.Stopping()

	for _, want := range []string{"READY=1", "WATCHDOG=1\nSTATUS=2 accounts", "RELOADING=1\nMONOTONIC_USEC=",
		"STOPPING=1"} {
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
	if got, want := signOfLife("ann@h", "2 accounts"), "STATUS=stands still at ann@h"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// A manager that reads nothing stops nobody.
func TestHungServiceManager(t *testing.T) {
	t.Parallel()
	_, path := serviceManager(t)
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
	n.Alive("", "")
	n.Reloading()
	if tick, stop := n.Tick(); tick != nil {
		t.Error("the nil notifier ticks")
	} else {
		stop()
	}
	n.Close()
}
