// Package logging is the program's log: as text in fetchmail's words, or as JSON, on the terminal, in a file
// or in the system log. It conceals passwords and makes text from servers safe to print.
package logging

import (
	"context"
	"io"
	"log/slog"
	"time"

	"fetchd/cmd/fetchd/internal/exit"
	"fetchd/fetch"
)

// Logger is the program's log. The caller closes it.
type Logger struct {
	*slog.Logger
	Level  slog.Level // records below it are not shown
	Hidden *Secrets

	Place   string // where the log is, in words; "" = nowhere, or on the terminal
	Unasked bool   // whoever started the program has named no place; set by the caller

	file     *fileSink // nil = none
	closer   io.Closer // nil = nothing to close
	meter    lineSink  // where a meter may be that is to be taken away; nil = nowhere
	backlog  *backlog  // nil = each line is waited for
	patience time.Duration
}

// NewWarnings returns a Logger that writes warnings and errors to w, a line each, and drops the rest.
func NewWarnings(w io.Writer) *Logger {
	h := &textHandler{sink: &terminalSink{bare: true, out: w, err: w}, level: slog.LevelWarn}
	return &Logger{Logger: slog.New(h), Level: slog.LevelWarn, Hidden: new(Secrets)}
}

// OnTerminal returns a Logger that shows what l would say of warnings and errors on a terminal, whose error
// output w is.
func (l *Logger) OnTerminal(name string, w io.Writer) *Logger {
	h := &textHandler{sink: &terminalSink{name: name, out: w, err: w}, level: slog.LevelWarn}
	return &Logger{Logger: slog.New(&concealHandler{Handler: h, hidden: l.Hidden}), Level: slog.LevelWarn,
		Hidden: l.Hidden}
}

// Reopen opens the log file again, for log rotation; if that fails, the old one stays in use. Without a log
// file it does nothing.
func (l *Logger) Reopen() error {
	if l.file == nil {
		return nil
	}
	return l.file.Reopen()
}

// Close ends the log; later records are lost. See Target.Patience for how long it takes.
func (l *Logger) Close() error {
	// What comes next on the terminal begins at the beginning of a line.
	if l.meter != nil {
		_ = l.meter.writeLine(line{meter: true})
	}
	if l.backlog != nil && !l.backlog.close(l.patience) {
		return nil // what hangs would not be closed either
	}
	if l.closer == nil {
		return nil
	}
	return l.closer.Close()
}

// Target says where the log goes and how.
type Target struct {
	Name     string
	Out, Err io.Writer // the terminal
	File     string    // "" = none
	Syslog   bool
	Socket   string // of the system log; "" = the usual one
	Detached bool   // there is no terminal
	// JournalStream is what the environment says of the stream to systemd's journal; see IsJournal.
	JournalStream string
	JSON          bool
	Silent        bool
	// Columns is asked how wide the terminal is, 0 = unknown; nil = Out and Err are none.
	Columns func() int
	Verbose int

	// Patience above 0 has lines written in the background, so that whoever logs never waits for a reader
	// that hangs: its lines are dropped and counted. Close waits so long for one that takes none. 0 = each
	// line is waited for.
	Patience time.Duration
}

func (t *Target) level() slog.Level {
	switch {
	case t.Verbose > 1:
		return slog.LevelDebug
	case t.Verbose == 1:
		return LevelTrace
	case t.Silent:
		return slog.LevelError
	}
	return slog.LevelInfo
}

// Open makes the log: the file if there is one, else the system log, else systemd's journal or the terminal.
func Open(t Target) (*Logger, error) {
	l := &Logger{Level: t.level(), Hidden: new(Secrets)}
	var sink lineSink = &terminalSink{name: t.Name, out: t.Out, err: t.Err}
	w, isTerminal := t.Out, false
	switch {
	case t.File != "":
		f, err := openLogfile(t.Name, t.File)
		if err != nil {
			return nil, err
		}
		l.file, l.closer, sink, w, l.Place = f, f, f, f, t.File
	case t.Syslog:
		s, err := openSyslog(t.Name, t.Socket)
		if err != nil && !t.Detached { // retrieving mail matters more than where the log goes
			t.Syslog = false
			l, lerr := Open(t)
			if lerr == nil {
				l.Warn(err.Error())
			}
			return l, lerr
		}
		if err != nil {
			return nil, err
		}
		// The system log has its own form of a record, and a JSON text in it helps nobody.
		l.closer, sink, t.JSON, l.Place = s, s, false, "the system log, facility mail"
	case t.Detached:
		sink, w = &terminalSink{out: io.Discard, err: io.Discard}, io.Discard
	case IsJournal(t.Err, t.JournalStream):
		sink = journalSink{t.Err}
	default:
		isTerminal = true
	}

	if t.Patience > 0 {
		// The note about missing lines goes past the backlog, which may be full then.
		direct := t.handler(sink, w)
		l.patience, l.backlog = t.Patience, newBacklog(func(n int64, why error) error {
			return noteMissing(direct, n, why)
		})
		sink, w = backlogSink{l.backlog, sink}, backlogWriter{l.backlog, w}
	}

	h := t.handler(sink, w)
	if isTerminal && t.Columns != nil && !t.JSON && l.Level == slog.LevelInfo {
		h, l.meter = newMeter(h, sink, t.Columns), sink
	}
	// Concealing comes before wording: once a name is part of a line, our words and the server's can't be
	// told apart.
	h = &concealHandler{Handler: h, hidden: l.Hidden}
	// Outermost, as it makes records of its own, which the others must see as well.
	l.Logger = slog.New(&verdictHandler{h, l.Level <= LevelTrace, new(SaidBefore)})
	return l, nil
}

// noteMissing says at h that n lines are missing; why is what kept them from being written, nil = a reader
// that is too slow.
func noteMissing(h slog.Handler, n int64, why error) error {
	text := "the reader of the log is too slow: " + Counted(n, "line") + " dropped"
	if why != nil {
		text = "the log has a gap: " + Counted(n, "line") + " could not be written: " + why.Error()
	}
	if ctx := context.Background(); h.Enabled(ctx, slog.LevelWarn) {
		return h.Handle(ctx, slog.NewRecord(time.Now(), slog.LevelWarn, text, 0))
	}
	return nil
}

// handler words records for sink, or in JSON for w.
func (t *Target) handler(sink lineSink, w io.Writer) slog.Handler {
	if t.JSON {
		return slog.NewJSONHandler(jsonEscaper{w}, &slog.HandlerOptions{Level: t.level(),
			ReplaceAttr: jsonAttr})
	}
	return &textHandler{sink: sink, level: t.level()}
}

// jsonAttr gives a readable form to values that the JSON log would show as a structure or a bare number.
func jsonAttr(_ []string, a slog.Attr) slog.Attr {
	switch v := a.Value.Any().(type) {
	case describer:
		return slog.String(a.Key, description(v))
	case slog.Level:
		if v == LevelTrace {
			return slog.String(a.Key, "TRACE")
		}
	case fetch.Kind:
		return slog.String(a.Key, v.String())
	case exit.Status:
		return slog.Int(a.Key, int(v))
	}
	return a
}
