package delivery_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"fetchd/delivery"
	"fetchd/delivery/deliverytest"

	"golang.org/x/sys/unix"
)

const (
	mboxMessages = 20
	mboxGroupOf  = 10
	earlierMail  = "From x@y Sat Nov  7 00:02:03 2026\nSubject: earlier\n\nx\n\n"
)

// crashMbox delivers all messages as a retrieval does that has no record of the earlier ones, and kills
// itself at the step that it is told.
func crashMbox(dir string) error {
	d := delivery.NewMbox(filepath.Join(dir, "mbox"))
	killAtStep(d)
	return deliverCrashMessages(d)
}

// killAtStep has the process kill itself at the step that it is told.
func killAtStep(d delivery.Deliverer) {
	last, err := strconv.Atoi(os.Getenv(crashStep))
	if err != nil {
		return
	}
	step := 0
	delivery.Interpose(d, func(string) error {
		if step++; step == last {
			_ = unix.Kill(os.Getpid(), unix.SIGKILL)
		}
		return nil
	})
}

func deliverCrashMessages(d delivery.GroupDeliverer) error {
	for from := 0; from < mboxMessages; from += mboxGroupOf {
		var ms []*delivery.Message
		for uid := from; uid < from+mboxGroupOf; uid++ {
			m, err := crashMessage(uid)
			if err != nil {
				return err
			}
			defer m.Release()
			ms = append(ms, m)
		}
		if err := errors.Join(d.DeliverGroup(context.Background(), ms)...); err != nil {
			return err
		}
	}
	return nil
}

// TestMboxKilled kills a delivering process between each two of its steps, and in the middle of its writes.
// What it leaves is an mbox that others can read; who delivers the messages again leaves each once.
func TestMboxKilled(t *testing.T) {
	t.Parallel()
	want := map[string]int{} // messages by file
	for step := 1; !t.Failed(); step++ {
		left, ok := killMboxAt(t, step)
		if !ok {
			break
		}
		want[left] = strings.Count("\n\n"+readFile(t, left), "\n\nFrom ")
		want[filepath.Join(filepath.Dir(left), "mbox")] = 1 + mboxMessages
	}
	if len(want) < 2*mboxMessages/mboxGroupOf*10 {
		t.Errorf("killed only %d times", len(want)/2)
	}
	checkByPython(t, want)
}

// killMboxAt returns a copy of what was left, and whether there was such a step.
func killMboxAt(t *testing.T, step int) (left string, ok bool) {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, "mbox")
	left = filepath.Join(dir, "left")
	writeFile(t, path, earlierMail)

	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), crashJob+"=mbox", crashDir+"="+dir, crashStep+"="+strconv.Itoa(step))
	out, err := cmd.Output()
	if err == nil {
		return left, false // it has come to its end
	}
	if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || status.Signal() != unix.SIGKILL {
		t.Fatalf("step %d: %v, %s", step, err, out)
	}

	text := readFile(t, path)
	writeFile(t, left, text)
	if !strings.HasPrefix(text, earlierMail) {
		t.Errorf("step %d: what was there before has changed", step)
	}

	if err := deliverCrashMessages(delivery.NewMbox(path)); err != nil {
		t.Errorf("step %d: %v", step, err)
	}
	checkCrashMbox(t, fmt.Sprint("step ", step), path)
	return left, true
}

// checkCrashMbox checks that each message is there once, behind one that was there before.
func checkCrashMbox(t *testing.T, when, path string) {
	data, err := os.ReadFile(path)
	if err != nil {
		t.Error(err)
	}
	all, err := deliverytest.ReadMbox(data)
	if err != nil {
		t.Errorf("%s: %v", when, err)
	}

	count := map[string]int{}
	for i, m := range all {
		if _, body, ok := strings.Cut(string(m), "\n"); ok && i > 0 {
			count[body]++
		}
	}
	for uid := range mboxMessages {
		if n := count[crashBody(uid)]; n != 1 {
			t.Errorf("%s: message %d is there %d times", when, uid, n)
		}
	}
	if len(all) != 1+mboxMessages {
		t.Errorf("%s: %d messages", when, len(all))
	}
}

// checkByPython reads the files with Python's mailbox, if there is one, and compares the numbers of messages.
func checkByPython(t *testing.T, want map[string]int) {
	t.Helper()
	python, err := exec.LookPath("python3")
	if err != nil {
		return
	}
	const script = `import mailbox, sys
for path in sys.argv[1:]:
	print(sum(1 for m in mailbox.mbox(path, create=False) if m.get_from()))`
	paths := slices.Sorted(maps.Keys(want))
	out, err := exec.Command(python, append([]string{"-c", script}, paths...)...).CombinedOutput()
	got := strings.Fields(string(out))
	if err != nil || len(got) != len(paths) {
		t.Fatalf("python3 says %.200q, %v", out, err)
	}
	for i, path := range paths {
		if got[i] != strconv.Itoa(want[path]) {
			t.Errorf("%s: python3 finds %s messages, want %d", path, got[i], want[path])
		}
	}
}

// TestMboxTwoWriters: two processes deliver the same messages into one file. Neither disturbs the other, and
// each finds what the other has delivered.
func TestMboxTwoWriters(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "mbox")
	writeFile(t, path, earlierMail)
	var ends []func() error
	for range 2 {
		cmd, lines := startCrash(t, "mbox", dir)
		ends = append(ends, func() error {
			line, err := lines.ReadString('\n')
			if line != "ended\n" {
				err = fmt.Errorf("child says %q, %w", line, err)
			}
			return errors.Join(err, cmd.Wait())
		})
	}
	for _, end := range ends {
		if err := end(); err != nil {
			t.Error(err)
		}
	}
	checkCrashMbox(t, "in the end", path)
}

// fillMbox delivers into an mbox on a small disk of its own until that is full, and checks what is there.
func fillMbox(dir string) error {
	if err := mountSmallDisk(dir); err != nil {
		return err
	}
	path := filepath.Join(dir, "mbox")
	d := delivery.NewMbox(path)
	delivered := 0
	for uid := 0; ; uid++ {
		m, err := crashMessage(uid)
		if err != nil {
			return err
		}
		err = d.Deliver(context.Background(), m)
		if errors.Is(err, unix.ENOSPC) && delivery.ClassOf(err) == delivery.Unusable {
			break
		}
		if err != nil {
			return err
		}
		delivered++
	}

	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	all, err := deliverytest.ReadMbox(data)
	if err != nil || len(all) != delivered || delivered == 0 {
		return fmt.Errorf("%d messages of %d, %w", len(all), delivered, err)
	}
	return nil
}

// TestMboxFullDisk: a full disk leaves whole messages.
func TestMboxFullDisk(t *testing.T) {
	t.Parallel()
	inPrivateMounts(t, "mbox on a full disk")
}
