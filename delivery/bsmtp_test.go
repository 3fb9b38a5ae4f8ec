package delivery_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"fetchd/delivery"
	"fetchd/delivery/deliverytest"
	"fetchd/tlsverify/hints"

	"golang.org/x/sys/unix"
)

func TestBSMTPCommands(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, header string
		o            delivery.BSMTPOptions
		recipients   []string
		want         []string
	}{
		{"plain", "", delivery.BSMTPOptions{}, []string{"ann"},
			[]string{"HELO localhost", "MAIL FROM:<bob@example.net>", "RCPT TO:<ann@localhost>", "DATA"}},
		{"ours", "", delivery.BSMTPOptions{Name: "here.example", Domain: "example.org"},
			[]string{"ann", "x@y", "ann"},
			[]string{"HELO here.example", "MAIL FROM:<bob@example.net>", "RCPT TO:<ann@example.org>",
				"RCPT TO:<x@y>", "DATA"}},
		{"a bounce to one", "Return-Path: <>\n", delivery.BSMTPOptions{Recipient: "all@x"},
			[]string{"ann", "bob"},
			[]string{"HELO localhost", "MAIL FROM:<>", "RCPT TO:<all@x>", "DATA"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tt.o.Path = filepath.Join(t.TempDir(), "bsmtp")
			m := deliverytest.NewMessage(t, "1", []byte(tt.header+"\n.\n..x\n"))
			m.Recipients, m.Trace = tt.recipients, nil
			if err := delivery.NewBSMTP(tt.o).Deliver(t.Context(), m); err != nil {
				t.Fatal(err)
			}
			all, err := deliverytest.ReadBSMTP([]byte(readFile(t, tt.o.Path)))
			if err != nil || len(all) != 1 || !slices.Equal(all[0].Commands, tt.want) {
				t.Fatalf("%q, %v", all, err)
			}
			if string(all[0].Text) != "\r\n.\r\n..x\r\n" {
				t.Errorf("%q", all[0].Text)
			}
		})
	}
}

// TestBSMTPMends: wherever a killed process has stopped, its part of a message is removed and nothing else.
func TestBSMTPMends(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "bsmtp")
	d := delivery.NewBSMTP(delivery.BSMTPOptions{Path: path})
	deliver := func(subject string) string {
		t.Helper()
		m := deliverytest.NewMessage(t, "1", mboxBody(subject))
		if err := d.Deliver(t.Context(), m); err != nil {
			t.Fatal(err)
		}
		return readFile(t, path)
	}
	before := deliver("before")
	whole := deliver("torn")
	for n := len(before); n < len(whole); n++ {
		writeFile(t, path, whole[:n])
		got := deliver("torn")
		if got != whole {
			t.Fatalf("after %q: %q", whole[len(before):n], got[len(before):])
		}
	}
}

func TestBSMTPBehindOthers(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, before, err string }{
		{"fetchmail's", "MAIL FROM:<a>\r\nRCPT TO:<b>\r\nDATA\r\nx\r\n.\r\n", ""},
		{"with QUIT", "EHLO a\r\nMAIL FROM:<a>\r\nRCPT TO:<b>\r\nDATA\r\nx\r\n.\r\nQUIT\r\n", ""},
		{"LF", "HELO a\nMAIL FROM:<a>\nRCPT TO:<b>\ndata\nx\n.\n", ""},
		{"torn", "MAIL FROM:<a>\r\nRCPT TO:<b>\r\nDATA\r\nx\r\n", "in the middle of a message"},
		{"torn commands", "EHLO a\r\nMAIL FROM:<a>\r\nRCP", "in the middle of a message"},
		{"something else", "notes\n", "no batched SMTP"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "bsmtp")
			writeFile(t, path, tt.before)
			err := delivery.NewBSMTP(delivery.BSMTPOptions{Path: path}).Deliver(t.Context(),
				mboxMail(t, "x")[0])
			got, ok := strings.CutPrefix(readFile(t, path), tt.before)
			if !ok || (got != "") != (tt.err == "") {
				t.Errorf("%q is behind it", got)
			}

			switch {
			case tt.err == "" && err != nil:
				t.Error(err)
			case tt.err == "":
			case delivery.ClassOf(err) != delivery.Unusable || !strings.Contains(err.Error(), tt.err) ||
				strings.Contains(hints.Of(err), "; "):
				t.Errorf("class %v, %v", delivery.ClassOf(err), err)
			}
		})
	}
}

func TestBSMTPFails(t *testing.T) {
	t.Parallel()
	for _, call := range []string{"lock", "make", "write", "half", "fsync"} {
		t.Run(call, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "bsmtp")
			d := delivery.NewBSMTP(delivery.BSMTPOptions{Path: path})
			m := mboxMail(t, "x")[0]
			if err := d.Deliver(t.Context(), m); err != nil {
				t.Fatal(err)
			}
			before := readFile(t, path)
			delivery.Interpose(d, failing(map[string]int{call: 1}, unix.ENOSPC))
			if err := d.Deliver(t.Context(), m); !errors.Is(err, unix.ENOSPC) ||
				delivery.ClassOf(err) != delivery.Unusable {
				t.Error(err)
			}
			if now := readFile(t, path); now != before {
				t.Errorf("%d bytes instead of %d", len(now), len(before))
			}
			if err := d.Deliver(t.Context(), m); err != nil || len(batchesIn(t, path)) != 2 {
				t.Error(err)
			}
		})
	}
}

// TestBSMTPOutput: after a part of a message nothing more is printed.
func TestBSMTPOutput(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	d := delivery.NewBSMTP(delivery.BSMTPOptions{Path: delivery.BSMTPOutput, Output: &out})
	for range 2 {
		if err := d.Deliver(t.Context(), mboxMail(t, "x")[0]); err != nil {
			t.Fatal(err)
		}
	}
	if all, err := deliverytest.ReadBSMTP(out.Bytes()); err != nil || len(all) != 2 {
		t.Errorf("%q, %v", all, err)
	}

	full := &limited{w: &out, left: 50}
	d = delivery.NewBSMTP(delivery.BSMTPOptions{Path: delivery.BSMTPOutput, Output: full})
	for range 2 {
		if err := d.Deliver(t.Context(), mboxMail(t, "x")[0]); delivery.ClassOf(err) != delivery.Unusable {
			t.Error(err)
		}
		full.left = 1 << 20
	}
}

type limited struct {
	w    io.Writer
	left int
}

func (l *limited) Write(p []byte) (int, error) {
	n := min(len(p), l.left)
	l.left -= n
	if n, err := l.w.Write(p[:n]); n < len(p) {
		return n, errors.Join(err, unix.ENOSPC)
	}
	return n, nil
}

// crashBSMTP delivers two messages, and kills itself at the step that it is told.
func crashBSMTP(dir string) error {
	d := delivery.NewBSMTP(delivery.BSMTPOptions{Path: filepath.Join(dir, "bsmtp")})
	killAtStep(d)
	return deliverTwo(d)
}

func deliverTwo(d delivery.Deliverer) error {
	for uid := range 2 {
		m, err := crashMessage(uid)
		if err != nil {
			return err
		}
		defer m.Release()
		if err := d.Deliver(context.Background(), m); err != nil {
			return err
		}
	}
	return nil
}

// TestBSMTPKilled kills a delivering process between each two of its steps: nothing is torn, and one message
// at most comes twice.
func TestBSMTPKilled(t *testing.T) {
	t.Parallel()
	step := 1
	for ; !t.Failed(); step++ {
		dir := t.TempDir()
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), crashJob+"=bsmtp", crashDir+"="+dir, crashStep+"="+strconv.Itoa(step))
		if cmd.Run() == nil {
			break
		}

		path := filepath.Join(dir, "bsmtp")
		if err := deliverTwo(delivery.NewBSMTP(delivery.BSMTPOptions{Path: path})); err != nil {
			t.Fatalf("step %d: %v", step, err)
		}
		all := batchesIn(t, path)
		if n := len(all); n < 2 || n > 4 {
			t.Errorf("step %d: %d messages", step, n)
		}
		for uid := range 2 {
			want := fmt.Sprintf("Subject: %d\r\n", uid)
			isThere := func(text []byte) bool { return bytes.Contains(text, []byte(want)) }
			if !slices.ContainsFunc(all, isThere) {
				t.Errorf("step %d: message %d is missing", step, uid)
			}
		}
	}
	if step < 15 {
		t.Errorf("killed only %d times", step)
	}
}
