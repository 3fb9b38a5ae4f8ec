package logging

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"fetchd/fetch"
	"fetchd/tlsverify/hints"
)

// journalFile is a file that stands for the stream to the journal, and what JOURNAL_STREAM says of it.
func journalFile(t *testing.T) (f *os.File, stream string) {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "journal"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	var st syscall.Stat_t
	if err := syscall.Fstat(int(f.Fd()), &st); err != nil {
		t.Fatal(err)
	}
	return f, fmt.Sprintf("%d:%d", st.Dev, st.Ino)
}

// Under systemd each line has its priority, and a hint stays with its line.
func TestJournal(t *testing.T) {
	t.Parallel()
	f, stream := journalFile(t)
	l, err := Open(Target{Name: "fetchd", Out: os.Stdout, Err: f, JournalStream: stream, Verbose: 2})
	if err != nil {
		t.Fatal(err)
	}
	l.Error(fetch.EventQueryFailed, "account", "ann@h", "err", hints.Errorf("look there", "it\nbroke"))
	l.Warn("careful", "account", "ann@h")
	l.Info(fetch.EventNoMail, "account", "ann@h")
	l.Debug("inner workings")
	want := "<3>ann@h: it; broke; hint: look there\n<4>WARNING: ann@h: careful\n<6>No mail for ann at h\n" +
		"<7>inner workings\n"
	if got, err := os.ReadFile(f.Name()); err != nil || string(got) != want {
		t.Errorf("%q, %v, want %q", got, err, want)
	}
}

// The variable is inherited by programs that write elsewhere.
func TestIsJournal(t *testing.T) {
	t.Parallel()
	f, stream := journalFile(t)
	other, _ := journalFile(t)
	closed, closedStream := journalFile(t)
	if err := closed.Close(); err != nil {
		t.Fatal(err)
	}
	for name, got := range map[string]bool{
		"itself":           IsJournal(f, stream),
		"not another file": !IsJournal(other, stream),
		"not without it":   !IsJournal(f, ""),
		"not a closed one": !IsJournal(closed, closedStream),
		"no file":          !IsJournal(nil, stream),
		"no wrapped file":  !IsJournal(errorWriter{errors.New("x")}, stream),
	} {
		if !got {
			t.Error(name)
		}
	}
}

type errorWriter struct{ err error }

func (w errorWriter) Write([]byte) (int, error) { return 0, w.err }
