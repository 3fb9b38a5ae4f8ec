package delivery_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"fetchd/delivery"
	"fetchd/delivery/deliverytest"

	"golang.org/x/sys/unix"
)

func TestMaildirContract(t *testing.T) {
	t.Parallel()
	deliverytest.Run(t, "maildir", func(t *testing.T) deliverytest.Target {
		dir := filepath.Join(t.TempDir(), "Maildir")
		return deliverytest.Target{
			Deliverer: delivery.NewMaildir(delivery.MaildirOptions{Dir: dir}),
			Delivered: func(t *testing.T) [][]byte { return filesIn(t, filepath.Join(dir, "new")) },
			OneCopy:   true,
			Break: map[delivery.Class]func(t *testing.T) func(){
				delivery.Unusable: func(t *testing.T) func() { return replaceByFile(t, dir) },
			},
		}
	})
}

// replaceByFile puts a file where the directory was, or would be, until the function it returns is called.
func replaceByFile(t *testing.T, dir string) (repair func()) {
	t.Helper()
	had := os.Rename(dir, dir+".away") == nil
	if err := os.WriteFile(dir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := os.Remove(dir); err != nil {
			t.Error(err)
		}
		if had {
			if err := os.Rename(dir+".away", dir); err != nil {
				t.Error(err)
			}
		}
	}
}

func TestMboxContract(t *testing.T) {
	t.Parallel()
	deliverytest.Run(t, "mbox", func(t *testing.T) deliverytest.Target {
		path := filepath.Join(t.TempDir(), "mbox")
		return deliverytest.Target{
			Deliverer:  delivery.NewMbox(path),
			Delivered:  func(t *testing.T) [][]byte { return messagesIn(t, path) },
			Want:       deliverytest.InMbox,
			OneCopy:    true,
			RepeatOnly: true,
			Break: map[delivery.Class]func(t *testing.T) func(){
				delivery.Unusable: func(t *testing.T) func() { return replaceByDirectory(t, path) },
			},
		}
	})
}

// mboxKey is what the first Received: line of a message in an mbox has more than its trace.
var mboxKey = regexp.MustCompile(`\n\tid fetchd-[0-9a-v]{24}`)

// messagesIn returns the messages of an mbox, which may be missing, without their keys.
func messagesIn(t *testing.T, path string) [][]byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) && !errors.Is(err, unix.EISDIR) {
		t.Fatal(err)
	}
	all, err := deliverytest.ReadMbox(data)
	if err != nil {
		t.Fatal(err)
	}
	for i, m := range all {
		all[i] = mboxKey.ReplaceAll(m, nil)
	}
	return all
}

// replaceByDirectory puts a directory where the file was, or would be, until the function it returns is
// called.
func replaceByDirectory(t *testing.T, path string) (repair func()) {
	t.Helper()
	repair = replaceByFile(t, path)
	if err := errors.Join(os.Remove(path), os.Mkdir(path, 0o700)); err != nil {
		t.Fatal(err)
	}
	return repair
}

func TestBSMTPContract(t *testing.T) {
	t.Parallel()
	deliverytest.Run(t, "bsmtp", func(t *testing.T) deliverytest.Target {
		path := filepath.Join(t.TempDir(), "bsmtp")
		return deliverytest.Target{
			Deliverer: delivery.NewBSMTP(delivery.BSMTPOptions{Path: path}),
			Delivered: func(t *testing.T) [][]byte { return batchesIn(t, path) },
			Want:      sentAs,
			Break: map[delivery.Class]func(t *testing.T) func(){
				delivery.Unusable: func(t *testing.T) func() { return replaceByDirectory(t, path) },
			},
		}
	})
}

// batchesIn returns the messages of a file of batched SMTP, which may be missing.
func batchesIn(t *testing.T, path string) [][]byte {
	t.Helper()
	all, err := deliverytest.ReadBSMTP([]byte(contentOf(path)))
	if err != nil {
		t.Fatal(err)
	}
	var texts [][]byte
	for _, mail := range all {
		texts = append(texts, mail.Text)
	}
	return texts
}

func TestMDAContract(t *testing.T) {
	t.Parallel()
	const agent = `if test -f status; then
			s=$(cat status); if test "$s" = 127; then no-such-agent; fi; exit "$s"
		fi
		f=$(mktemp out/tmp.XXXXXX) && cat >"$f" && : %T %F`

	deliverytest.Run(t, "mda", func(t *testing.T) deliverytest.Target {
		dir := t.TempDir()
		if err := os.Mkdir(filepath.Join(dir, "out"), 0o700); err != nil {
			t.Fatal(err)
		}

		mda, err := delivery.NewMDA(delivery.MDAOptions{Command: agent, Dir: dir})
		if err != nil {
			t.Fatal(err)
		}

		exits := func(status int) func(t *testing.T) func() {
			return func(t *testing.T) func() { return writeStatus(t, filepath.Join(dir, "status"), status) }
		}
		return deliverytest.Target{
			Deliverer: mda,
			Delivered: func(t *testing.T) [][]byte { return filesIn(t, filepath.Join(dir, "out")) },
			Want: func(m *delivery.Message, body []byte) []byte {
				sender, ok := delivery.SenderOf(body)
				if !ok {
					sender = m.Sender
				}
				return bytes.Join([][]byte{[]byte("Return-Path: <" + sender + ">\n"), m.Trace, body}, nil)
			},
			Break: map[delivery.Class]func(t *testing.T) func(){
				delivery.Temporary: exits(75), delivery.Permanent: exits(67), delivery.Unusable: exits(127),
			},
		}
	})
}

// writeStatus tells the agent to exit with that status, until the function it returns is called.
func writeStatus(t *testing.T, path string, status int) (repair func()) {
	t.Helper()
	if err := os.WriteFile(path, fmt.Append(nil, status), 0o600); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := os.Remove(path); err != nil {
			t.Error(err)
		}
	}
}

// filesIn returns the content of all files of a directory, which may be missing.
func filesIn(t *testing.T, dir string) [][]byte {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	var files [][]byte
	for _, e := range entries {
		data, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, data)
	}
	return files
}

func TestMaildirFoldersContract(t *testing.T) {
	t.Parallel()
	deliverytest.Run(t, "maildir folders", func(t *testing.T) deliverytest.Target {
		dir := filepath.Join(t.TempDir(), "Maildir")
		d := delivery.NewMaildirFolders(delivery.MaildirOptions{Dir: dir, KeepFlags: true, KeepDate: true})
		return deliverytest.Target{
			Deliverer: d,
			Delivered: func(t *testing.T) [][]byte { return filesIn(t, filepath.Join(dir, "new")) },
			OneCopy:   true,
			Break: map[delivery.Class]func(t *testing.T) func(){
				delivery.Unusable: func(t *testing.T) func() { return replaceByFile(t, dir) },
			},
		}
	})
}
