package main

import (
	"io"
	"log/slog"
	"time"

	"fetchd/fetch"
)

// logger is the program's log with what it needs to end.
type logger struct {
	*slog.Logger
	level  slog.Level
	file   *fileSink // nil = none
	closer io.Closer // nil = nothing to close
	hidden *concealed
}

// Close ends the log; what is said afterwards is lost.
func (l *logger) Close() error {
	if l.closer == nil {
		return nil
	}
	return l.closer.Close()
}

// logTarget says where the log goes and how.
type logTarget struct {
	name     string
	out, err io.Writer // the terminal
	file     string    // "" = none
	syslog   bool
	socket   string // of the system log; "" = the usual one
	detached bool   // there is no terminal
	json     bool
	silent   bool
	verbose  int
}

func (t *logTarget) level() slog.Level {
	switch {
	case t.verbose > 1:
		return slog.LevelDebug
	case t.verbose == 1:
		return levelTrace
	case t.silent:
		return slog.LevelError
	}
	return slog.LevelInfo
}

// openLog makes the log: the file if there is one, else the system log, else the terminal.
func openLog(t logTarget) (*logger, error) {
	l := &logger{level: t.level(), hidden: new(concealed)}
	var sink lineSink = &terminalSink{name: t.name, out: t.out, err: t.err}
	w := t.out
	switch {
	case t.file != "":
		f, err := openLogfile(t.name, t.file)
		if err != nil {
			return nil, err
		}
		l.file, l.closer, sink, w = f, f, f, f
	case t.syslog:
		s, err := openSyslog(t.name, t.socket)
		if err != nil && !t.detached { // mail is worth more than the place of its log
			t.syslog = false
			l, lerr := openLog(t)
			if lerr == nil {
				l.Warn(err.Error())
			}
			return l, lerr
		}
		if err != nil {
			return nil, err
		}
		l.closer, sink, t.json = s, s, false
	case t.detached:
		sink, w = &terminalSink{out: io.Discard, err: io.Discard}, io.Discard
	}
	var h slog.Handler = &textHandler{sink: sink, level: l.level}
	if t.json {
		h = slog.NewJSONHandler(jsonEscaper{w}, &slog.HandlerOptions{Level: l.level, ReplaceAttr: jsonAttr})
	}
	h = &concealHandler{Handler: h, hidden: l.hidden}
	l.Logger = slog.New(&verdictHandler{h, l.level <= levelTrace, &saidBefore{last: map[string]time.Time{}}})
	return l, nil
}

// jsonAttr writes what the JSON log would otherwise show as a structure or a bare number.
func jsonAttr(_ []string, a slog.Attr) slog.Attr {
	switch v := a.Value.Any().(type) {
	case describer:
		return slog.String(a.Key, description(v))
	case slog.Level:
		if v == levelTrace {
			return slog.String(a.Key, "TRACE")
		}
	case fetch.Kind:
		return slog.String(a.Key, v.String())
	case status:
		return slog.Int(a.Key, int(v))
	}
	return a
}
