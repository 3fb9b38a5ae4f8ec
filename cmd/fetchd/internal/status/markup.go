package status

import (
	"fmt"
	"html"
	"strings"
)

// markup is HTML that grows piece by piece. Nobody who adds to it can forget to escape a text.
type markup struct{ text strings.Builder }

// trusted is HTML of our own. Nothing from elsewhere is ever made one.
type trusted string

// add appends a piece: the pattern, with the values in the places that fmt's verbs mark. A place stands
// between tags or inside a quoted attribute, but in no style, script or event attribute. There each value
// that is neither a number nor trusted is text, whatever it says.
func (m *markup) add(pattern string, values ...any) {
	for i, v := range values {
		switch v := v.(type) {
		case int, trusted:
		default:
			values[i] = escapeHTML(fmt.Sprint(v))
		}
	}
	fmt.Fprintf(&m.text, pattern, values...)
}

// escapeHTML is the text as HTML has it. No escape could show a NUL, so another character stands for it.
func escapeHTML(text string) string {
	return html.EscapeString(strings.ReplaceAll(text, "\x00", "\uFFFD"))
}

// when is the attribute or class if it applies, and nothing otherwise.
func when(applies bool, attribute trusted) trusted {
	if applies {
		return attribute
	}
	return ""
}
