package rcfile

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"
)

type tomlTable = map[string]any

// parseTOML reads text, which holds no NUL and no byte order mark, into b.
func (b *builder) parseTOML(name, text string) {
	if i := tooDeep(text); i >= 0 {
		b.err(placeOf(name, []byte(text), i), "brackets or keys are nested too deep",
			"a quote mark or bracket is missing before")
		return
	}

	root := tomlTable{}
	if _, err := toml.Decode(text, &root); err != nil {
		b.tomlSyntax(name, text, err)
		return
	}

	t := &tomlReader{b}
	n := places(name, text)
	// Unknown keys are reported first: a misspelled table would otherwise be silently missing.
	t.known(root, n, "", "include", "global", "defaults", "poll")
	// Before the includes and the entries, which inherit them.
	if d, ok := t.table(root, n, "defaults"); ok {
		t.readDefaults(d, n.at("defaults"))
	}

	t.includes(root["include"], n.at("include"))
	if g, ok := t.table(root, n, "global"); ok {
		t.known(g, n.at("global"), "global", names(globalWords)...)
		t.options(entry{globals: &b.cfg.Globals}, globalWords, g, n.at("global"))
	}

	polls, ok := tables(root["poll"])
	if root["poll"] != nil && !ok {
		b.err(n.at("poll").key, `"poll" is not an array of tables`, "write [[poll]]")
	}

	for i, p := range polls {
		t.readPoll(p, n.at("poll").element(i))
	}
}

// tooDeep finds where more brackets are open, or more keys joined by dots, than an rc file can need, or -1:
// the library would recurse for each bracket, and keep a copy of all keys before it for each key.
func tooDeep(text string) int {
	const limit = 1000
	depth, dots := 0, 0
	for i := range len(text) {
		switch text[i] {
		case '[', '{':
			depth++
		case ']', '}':
			depth = max(depth-1, 0)
		case '.':
			dots++
		case '=', ',', '\n':
			dots = 0
		}
		if depth > limit || dots > limit {
			return i
		}
	}
	return -1
}

// tomlSyntax reports what the library found, but not a piece of a secret that lacks its quotes.
func (b *builder) tomlSyntax(name, text string, err error) {
	pos, msg := Pos{File: name, Line: 1, Col: 1}, err.Error()
	hint := `each line is KEY = VALUE, with text in quotes; see fetchmailrc(5) for examples`
	if e, ok := errors.AsType[toml.ParseError](err); ok {
		pos.Line, msg = max(e.Position.Line, 1), e.Message
		line := lineAt(text, pos.Line)
		pos.Col = min(max(e.Position.Col, 1), len(line)+1)
		key, _, _ := strings.Cut(line, "=")
		// a table in braces holds several
		for _, key := range []string{key, e.LastKey[strings.LastIndexByte(e.LastKey, '.')+1:]} {
			if f, ok := words.lookup(strings.Trim(key, " \t\"'"), false); ok && f.Kind == Private &&
				!strings.HasPrefix(msg, "Key ") {
				msg = fmt.Sprintf("the value of %q is not valid text", f.Name)
				hint = "put it in quotes, '…' if it holds a backslash"
			}
		}
	}

	switch {
	case strings.HasSuffix(msg, "has already been defined."):
		msg, hint = strings.TrimSuffix(msg, "."), "keep one of them"
	case strings.HasPrefix(msg, "invalid UTF-8"):
		hint = `save the file as UTF-8; other bytes are written {hex = "…"}`
	case strings.HasPrefix(msg, "expected value but found"):
		hint = `text stands in quotes in TOML; for fetchmail's grammar write "poll NAME", without "="`
	}
	b.err(pos, msg, hint)
}

// lineAt returns the n-th line of text without its end, or "".
func lineAt(text string, n int) string {
	for line := range strings.Lines(text) {
		if n--; n == 0 {
			return strings.TrimRight(line, "\r\n")
		}
	}
	return ""
}

// tomlReader takes decoded TOML apart.
type tomlReader struct{ *builder }

func names(lists ...[]Keyword) []string {
	var all []string
	for _, list := range lists {
		for _, k := range list {
			all = append(append(all, k.Name), k.Aliases...)
		}
	}
	return all
}

// known reports the keys of a table that don't belong there.
func (t *tomlReader) known(table tomlTable, n *node, where string, allowed ...string) {
	for _, key := range slices.Sorted(maps.Keys(table)) {
		if slices.Contains(allowed, key) {
			continue
		}
		hint := suggest(key, slices.Values(allowed))
		if hint == "" {
			hint = belongs(key)
		}
		if where == "" {
			t.errf(n.at(key).key, hint, "unknown key %q", clip(key))
		} else {
			t.errf(n.at(key).key, hint, "unknown key %q in %s", clip(key), where)
		}
	}
}

// belongs tells in which table a key would be right.
func belongs(key string) string {
	for where, list := range map[string][]Keyword{"[global]": globalWords, "[[poll]]": serverWords,
		"[[poll.user]]": loginWords} {
		if slices.Contains(names(list), key) && key != "properties" {
			return "it belongs in " + where
		}
	}
	if key == "server" || key == "host" {
		return `write name = "the server"`
	}
	return "see fetchmailrc(5) for the keys there are"
}

// table returns the table of a key.
func (t *tomlReader) table(parent tomlTable, n *node, key string) (tomlTable, bool) {
	v, there := parent[key]
	m, ok := v.(tomlTable)
	if there && !ok {
		t.errf(n.at(key).key, "write ["+key+"]", "%q is not a table", key)
	}
	return m, ok
}

// tables returns an array of tables.
func tables(v any) ([]tomlTable, bool) {
	switch list := v.(type) {
	case []tomlTable:
		return list, true
	case []any:
		var all []tomlTable
		for _, e := range list {
			m, ok := e.(tomlTable)
			if !ok {
				return nil, false
			}
			all = append(all, m)
		}
		return all, true
	}
	return nil, false
}

func (t *tomlReader) includes(v any, n *node) {
	if v == nil {
		return
	}
	for _, w := range t.words(topKeyword("include"), v, n) {
		t.includeFile(w)
	}
}

func topKeyword(name string) *Keyword { return words.entry[name].Keyword }

func (t *tomlReader) readDefaults(table tomlTable, n *node) {
	table, n = t.flattenAppend(table, n)
	t.known(table, n, "[defaults]", names(serverWords, loginWords)...)
	t.poll = Poll{Pos: n.key, Users: []User{{Pos: n.key}}}
	t.options(entry{poll: &t.poll}, serverWords, table, n)
	t.options(entry{user: &t.poll.Users[0]}, loginWords, table, n)
	t.setDefaults()
}

func (t *tomlReader) readPoll(table tomlTable, n *node) {
	table, n = t.flattenAppend(table, n)
	t.poll = Poll{Pos: n.key, Active: true}
	e := entry{poll: &t.poll}
	t.header(table, n)
	t.builder.entry = t.poll.Pos
	t.options(e, serverWords, table, n)
	users, several := tables(table["user"])
	allowed := append(names(serverWords), "name", "active", "user")
	// Without [[poll.user]] the table of the poll holds the words of its only user.
	if !several {
		allowed = append(allowed, names(loginWords)...)
		t.poll.Users = []User{{Pos: t.poll.Pos}}
		t.options(entry{user: &t.poll.Users[0]}, loginWords, table, n)
	}

	t.known(table, n, "[[poll]]", allowed...)
	for i, u := range users {
		t.readUser(u, n.at("user").element(i), len(users))
	}

	t.add()
}

// header reads what the first words of a poll entry say in the other grammar.
func (t *tomlReader) header(table tomlTable, n *node) {
	const hint = `write name = "the server"`
	if v, there := table["name"]; !there {
		t.err(n.key, "[[poll]] without a name", hint)
	} else if w, ok := t.word(&Keyword{Name: "name"}, v, n.at("name")); ok {
		t.poll.Name, t.poll.Pos = w.text, w.pos
	}
	if v, there := table["active"]; there {
		var ok bool
		if t.poll.Active, ok = v.(bool); !ok {
			t.mismatch("active", wantFlag, v, n.at("active"))
		}
	}
}

func (t *tomlReader) readUser(table tomlTable, n *node, of int) {
	table, n = t.flattenAppend(table, n)
	t.known(table, n, "[[poll.user]]", names(loginWords)...)
	t.poll.Users = append(t.poll.Users, User{Pos: n.key})
	u := &t.poll.Users[len(t.poll.Users)-1]
	t.options(entry{user: u}, loginWords, table, n)
	if of > 1 && !u.Remote.Set && len(u.Locals) == 0 && !u.Wildcard {
		t.err(n.key, `one of several users has neither "user" nor "is"`, "say which account it is")
	}
}

// options stores the values of the keywords that are in the table.
func (t *tomlReader) options(e entry, list []Keyword, table tomlTable, n *node) {
	for i := range list {
		k, said := &list[i], ""
		for _, name := range append([]string{k.Name}, k.Aliases...) {
			v, ok := table[name]
			switch _, service := table["service"]; {
			case !ok:
			case k.Name == "port" && service:
				t.err(n.at(name).key, `"port" and "service" are the same`, "keep one of them")
			case said != "":
				t.errf(n.at(name).key, "keep one of them", "%q and %q are the same", said, name)
			default:
				said = name
				t.option(e, k, v, n.at(name))
			}
		}
	}
}

func (t *tomlReader) option(e entry, k *Keyword, v any, n *node) {
	if on, ok := v.(bool); ok && k.Kind == Flag {
		t.setFlag(e.slot(k), k, on, n.value)
		return
	} else if ok && !on && k.Name == "envelope" {
		e.poll.Envelope = Opt[string]{Set: true, Pos: n.value}
		return
	}

	switch {
	case k.Kind == Flag:
		t.mismatch(k.Name, wantFlag, v, n)
	case k.Kind == Names:
		t.locals(e.user, k, v, n)
	default:
		emptyList(e.slot(k))
		t.empties = true
		for _, w := range t.words(k, v, n) {
			t.setWord(e.slot(k), k, w)
		}
	}
}

// emptyList makes a list said, so that an empty one beats the defaults.
func emptyList(slot any) {
	switch s := slot.(type) {
	case *[]string:
		*s = []string{}
	case *[]int:
		*s = []int{}
	case *[]Opt[string]:
		*s = []Opt[string]{}
	}
}
