package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"fetchd/cmd/fetchd/internal/exit"
	"fetchd/cmd/fetchd/internal/process"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"
)

func TestMain(m *testing.M) {
	// Under nohup, daemons would inherit that SIGHUP is ignored. For what is started from here a Notify
	// undoes it, as long as it lasts.
	if strings.HasSuffix(os.Args[0], ".test") && signal.Ignored(unix.SIGHUP) {
		signal.Notify(make(chan os.Signal, 1), unix.SIGHUP)
	}
	testscript.Main(m, map[string]func(){
		"fetchd": startedByTest, "fetchmail": startedByTest, "demo": showDemo,
	})
}

// startedByTest is main for the programs that tests start. Each has a place of its own, the directory TMPDIR,
// which its test holds: there is root's lock file, so that no test meets a daemon of this machine or of
// another test, and the system log; when the test lets go of it, or is killed, the program ends, detached
// or not.
func startedByTest() {
	place := os.Getenv("TMPDIR")
	go func() {
		err := awaitRelease(place)
		fmt.Fprintf(os.Stderr, "no test holds the place %q: %v\n", place, err)
		os.Exit(int(exit.Internal))
	}()
	mailServer := cmp.Or(os.Getenv("MAILSERVER"), "localhost/1") // nobody listens there
	os.Exit(int(start(surroundings{
		runDir: place, mailServer: mailServer, systemLog: filepath.Join(place, "systemlog"),
		dns: namesIn(os.Getenv("SRV")), sites: http.NewFileTransport(http.Dir(filepath.Join(place, "sites"))),
	})))
}

// namesIn are the only SRV records that a program sees which a test starts: words like imaps=HOST:PORT, for
// whatever domain.
type namesIn string

// LookupSRV implements check.SRVResolver.
func (n namesIn) LookupSRV(_ context.Context, service, _, name string) (string, []*net.SRV, error) {
	for record := range strings.FieldsSeq(string(n)) {
		host, port, err := net.SplitHostPort(strings.TrimPrefix(record, service+"="))
		number, perr := strconv.ParseUint(port, 10, 16)
		if strings.HasPrefix(record, service+"=") && err == nil && perr == nil {
			return "", []*net.SRV{{Target: host + ".", Port: uint16(number)}}, nil
		}
	}
	return "", nil, &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
}

// holdPlace makes dir a place for programs until release is called or this process ends.
func holdPlace(dir string) (release func() error, err error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	return f.Close, unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
}

// newPlace returns a place that the test holds to its end.
func newPlace(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	release, err := holdPlace(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = release() })
	return dir
}

// awaitRelease returns when nobody holds dir.
func awaitRelease(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	err = unix.EINTR
	for errors.Is(err, unix.EINTR) {
		err = unix.Flock(int(f.Fd()), unix.LOCK_SH)
	}
	return err
}

// A daemon that a failed test left behind ends with it.
func TestStartedProgramEndsWithItsTest(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	release, err := holdPlace(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = release() }()
	rc := "poll 127.0.0.1 proto imap port 1 user ann password x\n"
	if err := os.WriteFile(filepath.Join(dir, "rc"), []byte(rc), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("fetchd", "-f", "rc", "-d", "300", "--pidfile", "pid", "-L", "log")
	cmd.Dir, cmd.Env = dir, []string{"HOME=" + dir, "TMPDIR=" + dir}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v:\n%s", err, out)
	}

	holder, err := process.LockHolder(filepath.Join(dir, "pid"))
	if err != nil || holder == nil {
		t.Fatalf("no daemon runs: %v, %v", holder, err)
	}
	if err := release(); err != nil {
		t.Fatal(err)
	}
	if !within(waitFileTimeout, func() bool {
		h, err := process.LockHolder(filepath.Join(dir, "pid"))
		return h == nil && err == nil
	}) {
		t.Errorf("process %d is still there", holder.PID)
		_ = unix.Kill(holder.PID, unix.SIGKILL)
	}
}

// No test may wake or end a daemon of this machine, so root's lock file is in the test's place as well.
func TestStartedProgramHasItsOwnLock(t *testing.T) {
	t.Parallel()
	dir := newPlace(t)
	cmd := exec.Command("fetchd", "-f", "/dev/null", "-p", "imap", "-V", "h.invalid")
	cmd.Env = []string{"HOME=" + dir, "TMPDIR=" + dir}
	out, err := cmd.CombinedOutput()
	if want := "Lock file: " + dir + "/"; err != nil || !strings.Contains(string(out), want) {
		t.Errorf("%v, want %s:\n%s", err, want, out)
	}
}
