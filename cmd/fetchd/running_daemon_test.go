package main

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"fetchd/cmd/internal/demo"
)

// runningDaemon is the real program, a daemon in the foreground, and the service manager that it reports to.
type runningDaemon struct {
	t       *testing.T
	dir     string // its home, where the rc file is
	cmd     *exec.Cmd
	log     lockedBuffer
	manager *net.UnixConn
	ended   chan struct{} // closed when the process is gone
	state   *os.ProcessState
}

// lockedBuffer is what a program has written so far.
type lockedBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// newDaemon prepares a daemon with the rc file rc. It is for changes before start.
func newDaemon(t *testing.T, rc string) *runningDaemon {
	t.Helper()
	d := &runningDaemon{t: t, dir: newPlace(t), ended: make(chan struct{})}
	d.write("rc", rc)
	socket := filepath.Join(d.dir, "notify")
	var err error
	d.manager, err = net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.manager.Close() })

	d.cmd = exec.Command("fetchd", "-f", "rc", "-N", "-d", "300", "--pidfile", "pid")
	d.cmd.Dir, d.cmd.Stdout, d.cmd.Stderr = d.dir, &d.log, &d.log
	d.cmd.Env = []string{
		"HOME=" + d.dir, "TMPDIR=" + d.dir, "PATH=" + os.Getenv("PATH"), "NOTIFY_SOCKET=" + socket,
		"WATCHDOG_USEC=200000",
	}
	return d
}

// write puts a file beside the rc file, or that itself.
func (d *runningDaemon) write(name, text string) {
	d.t.Helper()
	path := filepath.Join(d.dir, name)
	err := os.WriteFile(path+".new", []byte(text), 0o600)
	if err == nil {
		err = os.Rename(path+".new", path)
	}
	if err != nil {
		d.t.Fatal(err)
	}
}

// start runs the daemon and waits until it is ready.
func (d *runningDaemon) start() {
	d.t.Helper()
	d.launch()
	d.await("READY=1")
}

// launch runs the program. The test's end is that of the program at the latest.
func (d *runningDaemon) launch() {
	d.t.Helper()
	if err := d.cmd.Start(); err != nil {
		d.t.Fatal(err)
	}
	go func() {
		_ = d.cmd.Wait()
		d.state = d.cmd.ProcessState
		close(d.ended)
	}()
	d.t.Cleanup(func() {
		_ = d.cmd.Process.Kill()
		<-d.ended
	})
}

// await reads what the manager is told until a message begins with state.
func (d *runningDaemon) await(state string) {
	d.t.Helper()
	buf := make([]byte, 4096)
	if err := d.manager.SetReadDeadline(time.Now().Add(waitFileTimeout)); err != nil {
		d.t.Fatal(err)
	}
	for {
		n, err := d.manager.Read(buf)
		if err != nil {
			d.t.Fatalf("never told the manager %s: %v\n%s", state, err, d.log.String())
		}
		if strings.HasPrefix(string(buf[:n]), state) {
			return
		}
	}
}

func (d *runningDaemon) signal(s unix.Signal) {
	d.t.Helper()
	if err := d.cmd.Process.Signal(s); err != nil {
		d.t.Fatal(err)
	}
}

// says waits until the log has text.
func (d *runningDaemon) says(text string) {
	d.t.Helper()
	if !within(waitFileTimeout, func() bool { return strings.Contains(d.log.String(), text) }) {
		d.t.Fatalf("it never says %q:\n%s", text, d.log.String())
	}
}

// endsWithin waits for the end of the process.
func (d *runningDaemon) endsWithin(limit time.Duration) {
	d.t.Helper()
	select {
	case <-d.ended:
	case <-time.After(limit):
		d.signal(unix.SIGQUIT) // it says where it stands
		<-d.ended
		d.t.Errorf("still there after %v:\n%s", limit, d.log.String())
	}
}

// status is what "fetchd status" says of accounts, none = all, and its exit status.
func (d *runningDaemon) status(accounts ...string) string {
	cmd := exec.Command("fetchd", append([]string{"status", "-f", "rc", "--pidfile", "pid"}, accounts...)...)
	cmd.Dir, cmd.Env = d.dir, d.cmd.Env
	out, _ := cmd.CombinedOutput()
	return fmt.Sprintf("%s\nstatus %d", out, cmd.ProcessState.ExitCode())
}

// mails is how many messages are in the Maildir "mail".
func (d *runningDaemon) mails() int {
	entries, _ := os.ReadDir(filepath.Join(d.dir, "mail", "new"))
	return len(entries)
}

// demoAccount is an entry for the account of servers, whose password is written down as words say.
func (d *runningDaemon) demoAccount(servers *demo.Servers, words string) string {
	d.write("root.pem", string(servers.Root))
	return fmt.Sprintf(
		"poll mail via localhost proto imap port %d user ann %s ssl sslcertfile root.pem maildir mail keep\n",
		servers.IMAPPort, words)
}

// startServers are servers with one account and n messages.
func startServers(t *testing.T, n int) *demo.Servers {
	t.Helper()
	servers, err := demo.Start(demo.Messages()[:n])
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = servers.Close() })
	return servers
}
