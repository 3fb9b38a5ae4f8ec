package logging

import (
	"fmt"
	"io"
	"log/slog"
	"log/syslog"
	"sync"
	"time"

	"fetchd/delivery/ownfile"
	"fetchd/tlsverify/hints"
)

// terminalSink writes as fetchmail does on a terminal: warnings and errors to err, the rest to out.
type terminalSink struct {
	name     string
	bare     bool // no line begins with the name
	mu       sync.Mutex
	out, err io.Writer
	meter    string // the line at the bottom; "" = none
}

func (s *terminalSink) writeLine(l line) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	w := s.out
	if l.level >= slog.LevelWarn {
		w = s.err
	}

	if l.meter {
		return s.setMeter(l.text)
	}
	if meter := s.meter; meter != "" {
		// What is written now takes the place of the meter, which comes below it again.
		_ = s.setMeter("")
		defer func() { _ = s.setMeter(meter) }()
	}

	prefix := s.name + ": "
	if l.bare || s.bare {
		prefix = ""
	}

	// One write for both lines, so that another process on the terminal can't come between them.
	text := prefix + l.text + "\n"
	if l.hint != "" {
		text += prefix + "hint: " + l.hint + "\n"
	}

	_, err := io.WriteString(w, text)
	return err
}

// eraseLine empties the line that the cursor is in (ECMA-48: CR, EL).
const eraseLine = "\r\x1b[K"

// setMeter replaces the line at the bottom of the terminal.
func (s *terminalSink) setMeter(text string) error {
	if text == "" && s.meter == "" {
		return nil
	}
	s.meter = text
	_, err := io.WriteString(s.out, eraseLine+text)
	return err
}

// fileSink appends to a log file, with time stamps. It can be opened again after the file was moved away.
type fileSink struct {
	name string
	path string
	now  func() time.Time

	mu   sync.Mutex // guards what follows
	file io.WriteCloser
	torn bool // the last line has no end, as the disk was full in the middle of it
}

// openLogfile opens or creates (0600) the log file. The caller closes it.
func openLogfile(name, path string) (*fileSink, error) {
	s := &fileSink{name: name, path: path, now: time.Now}
	return s, s.Reopen()
}

// Reopen opens the file again, for log rotation; if that fails, the old one stays in use. A file that
// somebody else put there, for us to write into or to wait for its reader, is refused.
func (s *fileSink) Reopen() error {
	f, err := ownfile.Append(s.path)
	if err != nil {
		return hints.Errorf("--logfile names another", "open the log file: %w", err)
	}
	s.mu.Lock()
	// Opened before the old one is given up: if that fails, the log goes on where it was.
	old := s.file
	s.file = f
	s.mu.Unlock()
	if old != nil {
		return old.Close()
	}
	return nil
}

func (s *fileSink) writeLine(l line) error {
	_, err := s.Write([]byte(s.now().Format("2006-01-02T15:04:05-07:00") + " " + s.name + ": " + l.whole() +
		"\n"))
	return err
}

// Write implements io.Writer for the JSON format. p is a line.
func (s *fileSink) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	text := p
	if s.torn {
		text = append([]byte{'\n'}, p...)
	}

	n, err := s.file.Write(text)
	if n > 0 {
		s.torn = n < len(text)
	}
	return min(n, len(p)), err
}

func (s *fileSink) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.file.Close()
}

// syslogSink writes to the system log.
type syslogSink struct{ w *syslog.Writer }

// openSyslog connects to the system log with facility mail, at its usual socket if none is named. The caller
// closes it.
func openSyslog(name, socket string) (*syslogSink, error) {
	network := ""
	if socket != "" {
		network = "unixgram"
	}
	w, err := syslog.Dial(network, socket, syslog.LOG_MAIL|syslog.LOG_INFO, name)
	if err != nil {
		return nil, fmt.Errorf("reach the system log: %w", err)
	}
	return &syslogSink{w}, nil
}

func (s *syslogSink) writeLine(l line) error {
	switch {
	case l.level >= slog.LevelError:
		return s.w.Err(l.whole())
	case l.level >= slog.LevelWarn:
		return s.w.Warning(l.whole())
	case l.level >= slog.LevelInfo:
		return s.w.Info(l.whole())
	}
	return s.w.Debug(l.whole())
}

func (s *syslogSink) Close() error { return s.w.Close() }
