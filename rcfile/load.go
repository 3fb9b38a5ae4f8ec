package rcfile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"fetchd/delivery/ownfile"
	"fetchd/tlsverify/hints"
)

// Loader reads configurations from files. The zero Loader is what the daemon uses.
type Loader struct {
	Format Format
	Stdin  io.Reader // what the path "-" means; nil is os.Stdin

	// SkipPermissions leaves out the check that others can neither write the files nor read the secrets in
	// them (fetchmail's --version does). Nothing that was read in this way may be acted on.
	SkipPermissions bool
	// Credentials is a directory whose files pass without that check, "" = none: whoever filled it is
	// responsible for them.
	Credentials string
	// AsWritten leaves relative paths and a leading ~ as they stand in the file (for a conversion into one
	// beside it); what an included file of another directory says gets its directory.
	AsWritten bool
	// Opened is told of each file, and directory of files, before it is opened: what changes there may change
	// the configuration. nil = nobody wants to know.
	Opened func(path string)
	// Partial returns what could be read of a file with mistakes, beside the error: to look for further
	// mistakes in it, not to act on it.
	Partial bool
}

// Load reads the rc file at path, or standard input for "-", and what it includes. It fails with an *Error
// for each mistake, joined; with a *PermissionError where others could write a file, or read its secrets;
// or with the error of opening a file, which for a missing one is fs.ErrNotExist.
func Load(path string, format Format) (*Config, error) { return Loader{Format: format}.Load(path) }

// The bounds keep a wrong path or a circle of includes from eating the machine.
const (
	maxFileSize = 64 << 20
	maxIncludes = 8    // one within the other
	maxTimes    = 1000 // the same file: forty lines in each of eight would read it 40⁸ times
)

// Load is the function Load with the options of l.
func (l Loader) Load(path string) (*Config, error) {
	run := &loading{Loader: l, builder: newBuilder(), times: map[string]int{}}
	err := run.file(path, Pos{})
	if err == nil {
		err = run.builder.permission
	}
	if err != nil {
		return nil, err
	}

	cfg, err := run.builder.finish()
	if err != nil && l.Partial {
		cfg = run.builder.config()
	}
	if cfg != nil {
		resolvePaths(cfg, func(o *Opt[string]) bool {
			return l.AsWritten && (strings.HasPrefix(o.Value, "~/") ||
				directory(o.Pos.File) == directory(path))
		})
	}

	return cfg, err
}

// loading is one run of Load.
type loading struct {
	Loader
	builder *builder
	open    []string // the files being read, outermost first

	times map[string]int // how often each file was included
}

// file reads one file, included at the given place if that is set.
func (l *loading) file(path string, from Pos) error {
	if path == "-" && from.Line == 0 {
		in := l.Stdin
		if in == nil {
			in = os.Stdin
		}
		text, err := readAll(in, "standard input")
		l.parse("stdin", text, l.Format)
		return err
	}

	f, err := l.openFile(path)
	if err != nil {
		return hints.Errorf("check the path, and who may read it", "rc file: %w", err)
	}
	defer func() { _ = f.Close() }()

	err = mustBeFile(f)
	// Before it is read: what somebody else could have written is not even parsed.
	if err == nil && l.checks(path) {
		err = checkWriters(f)
	}
	if err != nil {
		return err
	}

	text, err := readAll(f, path)
	if err != nil {
		return err
	}

	format := l.Format
	if from.Line > 0 {
		// An included file has a grammar of its own, whatever --rcformat says of the first one.
		format = Auto
	}

	// Who may read it depends on what it holds, so that comes after the parsing; on the open file, not on its
	// name.
	return l.checked(f, func() { l.parse(path, text, format) })
}

func (l *loading) openFile(path string) (*os.File, error) {
	if l.Opened != nil {
		l.Opened(path)
	}
	// Without O_NONBLOCK a FIFO would hang before it could be refused.
	return os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
}

// checks tells whether the file at path must be safe from others.
func (l *loading) checks(path string) bool {
	return !l.SkipPermissions && (l.Credentials == "" || filepath.Dir(path) != filepath.Clean(l.Credentials))
}

// checked parses and then checks who may read the file against what it held.
func (l *loading) checked(f *os.File, parse func()) error {
	b, outer := l.builder, l.builder.cfg
	// A Config of its own, so that the secrets of this file alone decide about this file.
	b.cfg = &Config{Globals: outer.Globals}
	parse()
	inner := b.cfg
	inner.defaults, b.cfg = b.defaults, outer
	if l.checks(f.Name()) && len(b.errs) == 0 {
		if err := checkReaders(f, inner); err != nil {
			return err
		}
	}

	b.warnings = append(b.warnings, inner.warnings...)
	outer.Globals = inner.Globals
	if outer.Polls == nil {
		outer.Polls = inner.Polls
		return nil
	}

	outer.Polls = append(outer.Polls, inner.Polls...)
	return nil
}

func readAll(r io.Reader, name string) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxFileSize+1))
	if err != nil {
		return nil, fmt.Errorf("read rc file %s: %w", name, err)
	}
	if len(text) > maxFileSize {
		return nil, fmt.Errorf("read rc file %s: larger than %d MB; is it the right file?", name,
			maxFileSize>>20)
	}
	return text, nil
}

// parse reads text with the includes in it; the defaults of the file end with it.
func (l *loading) parse(name string, text []byte, format Format) {
	b := l.builder
	defaults, had, include := b.defaults, b.hasDefaults, b.include
	b.hasDefaults = false
	b.include = func(w word) { l.include(w, name) }
	l.open = append(l.open, name)
	b.parse(name, text, format)
	l.open = l.open[:len(l.open)-1]
	if len(l.open) > 0 {
		// Defaults hold to the end of their file: an included one must not change what follows the include.
		b.defaults = defaults
	}
	b.hasDefaults, b.include = had, include
}

// include reads the file or the directory that w names, seen from the file name.
func (l *loading) include(w word, name string) {
	path := resolve(w.text, name)
	files, err := l.included(w, path)
	if _, ok := errors.AsType[*PermissionError](err); ok {
		l.builder.permission = err
		return
	}
	if err != nil {
		l.builder.errf(w.pos, "give a file or directory that exists", "include: %v", err)
		return
	}

	// The include may stand between entries while one is still being put together.
	saved := l.builder.poll
	for _, file := range files {
		l.includeOne(w, file)
	}

	l.builder.poll = saved
}

func (l *loading) includeOne(w word, file string) {
	switch {
	case slices.Contains(l.open, file):
		l.builder.errf(w.pos, "remove one of the include lines", "%s includes itself", file)
		return
	case len(l.open) > maxIncludes:
		l.builder.err(w.pos, "includes are nested too deep", "name the files in one place")
		return
	}

	if l.times[file]++; l.times[file] > maxTimes {
		l.builder.errf(w.pos, "name it in one place", "%s is included more than %d times", file, maxTimes)
		return
	}

	err := l.file(file, w.pos)
	// Kept as it is: Load promises this type, and nothing is used of what else is read.
	if _, ok := errors.AsType[*PermissionError](err); ok {
		l.builder.permission = err
		return
	}
	if err != nil {
		l.builder.errf(w.pos, "check the path, and who may read it", "include: %v", err)
	}
}

// included lists the files that path means: itself, or those in it where it is a directory, in which nobody
// else may be able to make one.
func (l *loading) included(w word, path string) ([]string, error) {
	f, err := l.openFile(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	if info, err := f.Stat(); err != nil || !info.IsDir() {
		return []string{path}, err
	}
	if !l.SkipPermissions {
		if err := ownfile.CheckDir(f); err != nil {
			return nil, asPermission(err)
		}
	}

	list, err := f.ReadDir(-1)
	return l.rcFiles(w, path, list), err
}

// rcFiles picks from a directory's list the names that end in .rc or .toml, in the order of the alphabet.
func (l *loading) rcFiles(w word, path string, list []fs.DirEntry) []string {
	slices.SortFunc(list, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	var files []string
	for _, e := range list {
		ending := filepath.Ext(e.Name())
		if e.Type()&fs.ModeDir == 0 && !strings.HasPrefix(e.Name(), ".") &&
			(ending == ".rc" || ending == ".toml") {
			files = append(files, filepath.Join(path, e.Name()))
		}
	}

	if len(files) == 0 && len(list) > 0 {
		l.builder.warnf(w.pos, "give its files such names",
			"include: nothing in %s has a name that ends in .rc or .toml", path)
	}
	return files
}
