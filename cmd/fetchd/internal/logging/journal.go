package logging

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"syscall"
)

// IsJournal tells whether w is the stream to systemd's journal that stream names, which is what the variable
// JOURNAL_STREAM holds: device and inode. The variable alone tells nothing: what a service starts inherits
// it, with streams of its own.
func IsJournal(w io.Writer, stream string) bool {
	f, ok := w.(*os.File)
	if !ok || stream == "" {
		return false
	}
	info, err := f.Stat()
	if err != nil {
		return false
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && fmt.Sprintf("%d:%d", st.Dev, st.Ino) == stream
}

// JournalPrefix begins a line of that level for systemd's journal, see sd-daemon(3). The journal knows the
// program's name by itself.
func JournalPrefix(level slog.Level) string {
	switch {
	case level >= slog.LevelError:
		return "<3>"
	case level >= slog.LevelWarn:
		return "<4>"
	case level >= slog.LevelInfo:
		return "<6>"
	}
	return "<7>"
}

// journalSink writes to systemd's journal, a line for each with its hint.
type journalSink struct{ w io.Writer }

func (s journalSink) writeLine(l line) error {
	_, err := io.WriteString(s.w, JournalPrefix(l.level)+l.whole()+"\n")
	return err
}
