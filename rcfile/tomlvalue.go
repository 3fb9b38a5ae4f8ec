package rcfile

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// words turns a value, or for a list each element, into words.
func (t *tomlReader) words(k *Keyword, v any, n *node) []word {
	list, isList := v.([]any)
	if !isList {
		list = []any{v}
	} else if k.Kind != TextList && k.Kind != Codes && k.Name != "include" {
		t.mismatch(k.Name, wantOne, v, n)
		return nil
	}

	var all []word
	for i, v := range list {
		at := n
		if isList {
			at = n.element(i)
		}
		if w, ok := t.word(k, v, at); ok {
			all = append(all, w)
		}
	}

	return all
}

func (t *tomlReader) word(k *Keyword, v any, n *node) (word, bool) {
	numeric := k.Kind == Count || k.Kind == Seconds || k.Kind == Days || k.Kind == Bytes || k.Kind == Codes
	w := word{pos: n.value, quoted: !numeric}
	text, isText := plainText(v)
	number, isNumber := v.(int64)

	switch {
	// A service is a name or a number, and TOML writes numbers without quotes.
	case isNumber && (numeric || k.Name == "service"):
		w.text = strconv.FormatInt(number, 10)
	case isText:
		w.text = text
	case numeric:
		t.mismatch(k.Name, wantNumber, v, n)
		return w, false
	default:
		t.mismatch(k.Name, wantText, v, n)
		return w, false
	}

	if strings.IndexByte(w.text, 0) >= 0 {
		t.err(n.value, "the text holds a NUL character", "no value can hold one")
		return w, false
	}

	return w, true
}

// plainText returns text, also when it is written {hex = "…"} because it isn't UTF-8.
func plainText(v any) (string, bool) {
	if m, ok := v.(tomlTable); ok && len(m) == 1 {
		digits, _ := m["hex"].(string)
		text, err := hex.DecodeString(digits)
		return string(text), err == nil && digits != ""
	}
	text, ok := v.(string)
	return text, ok
}

// locals reads local names: "ann", "server=local", ["server", "local"], "*".
func (t *tomlReader) locals(u *User, k *Keyword, v any, n *node) {
	list, ok := v.([]any)
	if !ok {
		list, n = []any{v}, &node{list: []*node{n}}
	}

	for i, v := range list {
		at := n.element(i)
		pair, isPair := v.([]any)
		if !isPair {
			if w, ok := t.word(k, v, at); ok {
				t.addName(u, splitName(w.text))
			}
			continue
		}
		if len(pair) != 2 {
			t.err(at.value, "a pair of names has two elements", `write ["name on the server", "local name"]`)
			continue
		}

		server, ok1 := t.word(k, pair[0], at.element(0))
		local, ok2 := t.word(k, pair[1], at.element(1))
		if ok1 && ok2 {
			t.addName(u, LocalName{server.text, local.text})
		}
	}
}

func splitName(text string) LocalName {
	if server, local, ok := strings.Cut(text, "="); ok {
		return LocalName{server, local}
	}
	return LocalName{text, text}
}

// mismatch reports a value of the wrong type.
func (t *tomlReader) mismatch(key, want string, v any, n *node) {
	hint := wanted(key, want)
	if _, ok := v.(tomlTable); ok && key == "user" {
		hint = "write [[poll.user]] for a table"
	}
	t.errf(n.value, hint, "%q wants %s, not %s", key, want, typeName(v))
}

// The types that values may have to be.
const (
	wantText   = "text in quotes"
	wantOne    = "one value"
	wantNumber = "a number"
	wantFlag   = "true or false"
)

// wanted is how a value of a type is written.
func wanted(key, want string) string {
	switch want {
	case wantText:
		return "write " + key + ` = "…"`
	case wantOne:
		return "write it without [ and ]"
	case wantNumber:
		return "write digits, without quotes"
	}
	return "write " + key + " = true or " + key + " = false"
}

func typeName(v any) string {
	switch v.(type) {
	case string:
		return "text"
	case bool:
		return "true or false"
	case int64:
		return "a number"
	case float64:
		return "a fraction"
	case time.Time:
		return "a date"
	case []any, []tomlTable:
		return "an array"
	case tomlTable:
		return "a table"
	}
	return fmt.Sprintf("%T", v)
}
