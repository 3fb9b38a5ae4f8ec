package delivery_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"fetchd/delivery"
)

const (
	crashJob      = "FETCHD_CRASH_JOB" // what the child does: a name in crashJobs
	crashDir      = "FETCHD_CRASH_DIR"
	crashStep     = "FETCHD_CRASH_STEP" // the system call at which it is killed
	crashMessages = 200
	crashGroup    = 10
	crashRounds   = 12
)

// TestMain is also the process that gets killed.
func TestMain(m *testing.M) {
	job := os.Getenv(crashJob)
	if job == "" {
		os.Exit(m.Run())
	}
	fmt.Println("started") // the parent counts from here
	if err := crashJobs[job](os.Getenv(crashDir)); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println("ended")
	os.Exit(0)
}

var crashJobs = map[string]func(dir string) error{
	"maildir": crashMaildir, "mda": crashMDA, "mbox": crashMbox, "mbox on a full disk": fillMbox,
	"bsmtp": crashBSMTP, "room": deliverOnSmallDisk,
}

// crashBody is message i. Some go through a file.
func crashBody(i int) string {
	line := fmt.Sprintf("line of message %d\n", i)
	return fmt.Sprintf("Subject: %d\n\n%s", i, strings.Repeat(line, 50+i*97%3000))
}

func crashMessage(uid int) (*delivery.Message, error) {
	spool := delivery.NewSpool(delivery.SpoolOptions{Memory: 32 << 10})
	if _, err := io.WriteString(spool, crashBody(uid)); err != nil {
		return nil, err
	}
	return &delivery.Message{
		Account: "ann@mail.example.org", UIDValidity: 1, UID: fmt.Sprint(uid), Recipients: []string{"ann"},
		Trace: fmt.Appendf(nil, "Received: at %v\n", time.Now()), Repeat: true, Body: spool,
	}, spool.Close()
}

// crashMaildir delivers all messages as a retrieval does that has no record of the earlier ones.
func crashMaildir(dir string) error {
	d := delivery.NewMaildir(delivery.MaildirOptions{Dir: dir})
	for from := 0; from < crashMessages; from += crashGroup {
		var ms []*delivery.Message
		for uid := from; uid < from+crashGroup; uid++ {
			m, err := crashMessage(uid)
			if err != nil {
				return err
			}
			ms = append(ms, m)
		}
		if err := errors.Join(d.DeliverGroup(context.Background(), ms)...); err != nil {
			return err
		}
		for _, m := range ms {
			m.Release()
		}
	}
	return nil
}

// crashMDA delivers one large message to a slow agent.
func crashMDA(dir string) error {
	m, err := crashMessage(2999)
	if err != nil {
		return err
	}
	mda, err := delivery.NewMDA(delivery.MDAOptions{
		Command: "touch started; read first; " +
			"while test ! -e go; do sleep 0.02; done; cat >part && mv part whole",
		Dir: dir,
	})
	if err != nil {
		return err
	}
	return mda.Deliver(context.Background(), m)
}

// startCrash starts this test binary as a process to be killed, and waits until it runs.
func startCrash(t *testing.T, job, dir string, env ...string) (*exec.Cmd, *bufio.Reader) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(append(os.Environ(), crashJob+"="+job, crashDir+"="+dir), env...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(out)
	if line, err := lines.ReadString('\n'); line != "started\n" {
		t.Fatalf("child says %q, %v", line, err)
	}
	return cmd, lines
}

// TestMaildirKilled kills a delivering process again and again, while a mail reader moves what it finds.
func TestMaildirKilled(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "Maildir")
	for round := range crashRounds {
		cmd, _ := startCrash(t, "maildir", dir)
		<-time.After(time.Duration(rand.IntN(15_000*(round+1))) * time.Microsecond)
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		found := uidsIn(t, dir)
		t.Logf("round %d: %d messages", round, len(found))
		readSome(t, dir)
	}
	cmd, lines := startCrash(t, "maildir", dir)
	if line, err := lines.ReadString('\n'); line != "ended\n" {
		t.Fatalf("child says %q, %v", line, err)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	if found := uidsIn(t, dir); len(found) != crashMessages {
		t.Errorf("%d messages, want %d", len(found), crashMessages)
	}
	if left, err := os.ReadDir(filepath.Join(dir, "tmp")); err != nil || len(left) != 0 {
		t.Errorf("left in tmp: %v, %v", left, err)
	}
}

// uidsIn returns which messages are there, and fails for each that is not complete or there twice.
func uidsIn(t *testing.T, dir string) map[int]bool {
	t.Helper()
	found := make(map[int]bool)
	for _, data := range append(filesIn(t, filepath.Join(dir, "new")),
		filesIn(t, filepath.Join(dir, "cur"))...) {
		trace, body, _ := strings.Cut(string(data), "\n")
		var uid int
		if _, err := fmt.Sscanf(body, "Subject: %d", &uid); err != nil {
			t.Fatalf("torn message %.100q", data)
		}
		if body != crashBody(uid) || !strings.HasPrefix(trace, "Received: at ") {
			t.Errorf("message %d is torn: %d bytes", uid, len(data))
		}
		if found[uid] {
			t.Errorf("message %d twice", uid)
		}
		found[uid] = true
	}
	return found
}

// readSome moves some messages from new to cur, as a mail reader does.
func readSome(t *testing.T, dir string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(dir, "new"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	for i, e := range entries {
		if i%3 != 0 {
			continue
		}
		err := os.Rename(filepath.Join(dir, "new", e.Name()), filepath.Join(dir, "cur", e.Name()+":2,S"))
		if err != nil {
			t.Fatal(err)
		}
	}
}

// TestMDAGetsAllOfItWhenWeAreKilled kills us while the agent reads.
func TestMDAGetsAllOfItWhenWeAreKilled(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cmd, _ := startCrash(t, "mda", dir)
	waitFor(t, filepath.Join(dir, "started"))
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	if err := os.WriteFile(filepath.Join(dir, "go"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	waitFor(t, filepath.Join(dir, "whole"))
	got, err := os.ReadFile(filepath.Join(dir, "whole"))
	// Received; the line before it, Return-Path, the agent has read.
	_, body, _ := strings.Cut(string(got), "\n")
	if err != nil || body != crashBody(2999) {
		t.Errorf("the agent got %d bytes, %v", len(got), err)
	}
}

// waitFor waits until a file is there.
func waitFor(t *testing.T, path string) {
	t.Helper()
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	deadline := time.After(20 * time.Second)
	for {
		if _, err := os.Stat(path); err == nil {
			return
		}
		select {
		case <-ticker.C:
		case <-deadline:
			t.Fatalf("%s does not appear", filepath.Base(path))
		}
	}
}
