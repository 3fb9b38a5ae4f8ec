package foreign

import (
	"bufio"
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// section is one of an ini file as Python's RawConfigParser reads it: names in lower case, and a value goes
// on in lines that are indented.
type section struct {
	name   string
	values map[string]setting
}

// inOrder are the names of settings in the order of the file.
func inOrder(settings map[string]setting) []string {
	return slices.SortedFunc(maps.Keys(settings), func(a, b string) int {
		return cmp.Or(cmp.Compare(settings[a].line, settings[b].line), cmp.Compare(a, b))
	})
}

// readIni reads the sections in the order of the file.
func readIni(text []byte) ([]*section, error) {
	var all []*section
	var current *section
	name := ""

	lines := bufio.NewScanner(bytes.NewReader(text))
	lines.Buffer(nil, maxLine)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimRight(lines.Text(), " \t\r")
		trimmed := strings.TrimLeft(line, " \t")
		switch {
		case trimmed == "" || trimmed[0] == '#' || trimmed[0] == ';':
		// Indented: it goes on with the value before, as Python's configparser reads it.
		case trimmed != line && name != "":
			before := current.values[name]
			current.values[name] = setting{before.value + "\n" + trimmed, before.line}
		case trimmed[0] == '[' && strings.HasSuffix(trimmed, "]"):
			current = &section{trimmed[1 : len(trimmed)-1], map[string]setting{}}
			all, name = append(all, current), ""
		case current == nil:
			return nil, fmt.Errorf("line %d: %.40q stands before the first section", n, trimmed)
		default:
			end := strings.IndexAny(trimmed, "=:")
			if end < 1 {
				return nil, fmt.Errorf("line %d: %.40q has no value", n, trimmed)
			}
			name = strings.ToLower(strings.TrimRight(trimmed[:end], " \t"))
			current.values[name] = setting{strings.TrimLeft(trimmed[end+1:], " \t"), n}
		}
	}
	return all, lines.Err()
}

// tuple reads the strings of a Python tuple, such as ("INBOX", 'Work',). It is not ok if text is something
// else.
func tuple(text string) (items []string, ok bool) {
	rest := strings.TrimSpace(text)
	rest, inside := strings.CutPrefix(rest, "(")
	if inside {
		rest, ok = strings.CutSuffix(rest, ")")
		if !ok {
			return nil, false
		}
	}

	for {
		rest = strings.TrimLeft(rest, " \t\n,")
		if rest == "" {
			return items, true
		}
		item, after, ok := pythonString(rest)
		if !ok {
			return nil, false
		}
		items, rest = append(items, item), after
	}
}

// pythonString reads the string literal at the beginning of text.
func pythonString(text string) (value, rest string, ok bool) {
	quote := text[0]
	if quote != '"' && quote != '\'' {
		return "", "", false
	}

	var b strings.Builder
	for i := 1; i < len(text); i++ {
		switch c := text[i]; {
		case c == quote:
			return b.String(), text[i+1:], true
		case c != '\\' || i+1 == len(text):
			b.WriteByte(c)
		default:
			i++
			// Others than these mean a backslash and themselves to Python, but for numbers, which nobody
			// writes.
			if strings.IndexByte(`\'"`, text[i]) < 0 {
				b.WriteByte('\\')
			}
			b.WriteByte(text[i])
		}
	}
	return "", "", false
}
