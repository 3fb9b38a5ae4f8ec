package rcfile

import (
	"bytes"
	"slices"
	"strings"
)

// Format is a grammar.
type Format int

// The grammars. Auto decides by the name (.toml) or else the first significant token of the text.
const (
	Auto Format = iota
	Fetchmailrc
	TOML
)

// String names the grammar as --rcformat does.
func (f Format) String() string { return [...]string{"auto", "fetchmailrc", "toml"}[f] }

// Parse reads text in the given grammar; name stands in positions. It reads no file: "include" is an error.
// The error joins every *Error that was found, in the order of their places; the Config is nil then.
func Parse(name string, text []byte, format Format) (*Config, error) {
	b := newBuilder()
	b.parse(name, text, format)
	return b.finish()
}

func newBuilder() *builder { return &builder{reporter: &reporter{}, cfg: &Config{}} }

func (b *builder) finish() (*Config, error) {
	if err := b.join(); err != nil {
		return nil, err
	}
	return b.config(), nil
}

// config is what was read.
func (b *builder) config() *Config {
	b.cfg.defaults, b.cfg.format = b.defaults, b.format
	b.cfg.warnings = b.warnings
	return b.cfg
}

// parse reads one file.
func (b *builder) parse(name string, text []byte, format Format) {
	text = bytes.TrimPrefix(text, []byte("\ufeff"))
	if i := bytes.IndexByte(text, 0); i >= 0 {
		b.err(placeOf(name, text, i), "the file holds a NUL byte", "save it as plain text, in UTF-8")
		return
	}
	if format == Auto {
		format = detect(name, text)
	}
	if b.format == Auto { // the outermost file comes first
		b.format = format
	}

	// A file may have a hundred thousand entries, and growing step by step would copy them again and again.
	b.cfg.Polls = slices.Grow(b.cfg.Polls, lines(text))
	if format == TOML {
		b.parseTOML(name, string(text))
		return
	}

	b.parseFetchmailrc(name, string(text))
}

func placeOf(name string, text []byte, offset int) Pos {
	before := text[:offset]
	return Pos{File: name, Line: bytes.Count(before, []byte("\n")) + 1,
		Col: offset - bytes.LastIndexByte(before, '\n')}
}

// detect tells the grammar: a table header or KEY = VALUE begins TOML.
func detect(name string, text []byte) Format {
	if strings.HasSuffix(name, ".toml") {
		return TOML
	}
	l := lexer{reporter: &reporter{}, text: string(text), line: 1}
	first := l.next()
	if !first.quoted && strings.HasPrefix(first.text, "[") || !first.equals && l.next().equals {
		return TOML
	}
	return Fetchmailrc
}
