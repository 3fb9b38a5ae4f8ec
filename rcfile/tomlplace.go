package rcfile

import "strings"

// node is a table, array or value of a TOML text, with the places of its key and its value. The TOML library
// checks the text and gives the values, but for most mistakes no place; the nodes give the places.
type node struct {
	key, value Pos
	table      map[string]*node
	list       []*node
}

// at returns the node of a key; a key that can't be found has the place of its table.
func (n *node) at(key string) *node {
	if child, ok := n.table[key]; ok {
		return child
	}
	return &node{key: n.key, value: n.value}
}

// element returns the node of the i-th element.
func (n *node) element(i int) *node {
	if i < len(n.list) {
		return n.list[i]
	}
	return &node{key: n.key, value: n.value}
}

// child returns the node of a key, made if it is new.
func (n *node) child(key string, pos Pos) *node {
	if n.table == nil {
		n.table = map[string]*node{}
	}
	if n.table[key] == nil {
		n.table[key] = &node{key: pos, value: pos}
	}
	return n.table[key]
}

// last returns the table that a header's key part leads into: of an array of tables, the latest.
func (n *node) last() *node {
	if len(n.list) > 0 {
		return n.list[len(n.list)-1]
	}
	return n
}

// places reads text, which the TOML library has accepted.
func places(file, text string) *node {
	s := &placer{lexer{file: file, text: text, line: 1}}
	root := &node{key: s.here(), value: s.here()}
	table := root
	for s.skip("\n"); s.at < len(s.text); s.skip("\n") {
		if s.text[s.at] != '[' {
			s.pair(table)
			continue
		}
		pos := s.here()
		depth := len(s.text[s.at:]) - len(strings.TrimLeft(s.text[s.at:], "["))
		s.at += depth
		table = root
		for _, part := range s.path() {
			table = table.last().child(part, pos)
		}
		// [[name]] begins one more element of a list.
		if depth == 2 {
			table.list = append(table.list, &node{key: pos, value: pos})
		}
		table = table.last()
		s.at += lineLength(s.text[s.at:])
	}

	return root
}

// placer goes through TOML text. Each of its steps moves forward, whatever the text.
type placer struct{ lexer }

func (s *placer) here() Pos { return s.pos(s.at) }

// skip passes blanks, comments and the bytes in also.
func (s *placer) skip(also string) {
	for s.at < len(s.text) {
		switch c := s.text[s.at]; {
		case c == '#':
			s.at += lineLength(s.text[s.at:])
		case c == '\n' && strings.Contains(also, "\n"):
			s.newline(s.at)
			s.at++
		case c == ' ' || c == '\t' || c == '\r' || c != '\n' && strings.IndexByte(also, c) >= 0:
			s.at++
		default:
			return
		}
	}
}

// pair reads KEY = VALUE.
func (s *placer) pair(table *node) {
	from, pos := s.at, s.here()
	target := table
	for _, part := range s.path() {
		target = target.child(part, pos)
	}
	s.skip("=")
	s.read(target)
	if s.at == from {
		s.at++
	}
}

// path reads a dotted key.
func (s *placer) path() []string {
	var parts []string
	for s.at < len(s.text) {
		s.skip("")
		start := s.at
		if s.at < len(s.text) && (s.text[s.at] == '"' || s.text[s.at] == '\'') {
			s.quotedText()
			parts = append(parts, strings.Trim(s.text[start:s.at], s.text[start:start+1]))
		} else {
			for s.at < len(s.text) && isBareKey(s.text[s.at]) {
				s.at++
			}
			parts = append(parts, s.text[start:s.at])
		}
		s.skip("")
		if s.at >= len(s.text) || s.text[s.at] != '.' {
			return parts
		}
		s.at++
	}

	return parts
}

func isBareKey(c byte) bool {
	return c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z' || c == '-' || c == '_'
}

// read reads a value.
func (s *placer) read(n *node) {
	n.value = s.here()
	if s.at >= len(s.text) {
		return
	}

	switch s.text[s.at] {
	case '"', '\'':
		s.quotedText()
	case '[':
		s.group(']', func() {
			n.list = append(n.list, &node{key: s.here()})
			s.read(n.list[len(n.list)-1])
		})
	case '{':
		s.group('}', func() { s.pair(n) })
	default:
		for s.at < len(s.text) && strings.IndexByte(",]}#\n", s.text[s.at]) < 0 {
			s.at++
		}
	}
}

// group reads elements up to the closing mark.
func (s *placer) group(closing byte, element func()) {
	s.at++
	for s.skip("\n,"); s.at < len(s.text) && s.text[s.at] != closing; s.skip("\n,") {
		from := s.at
		element()
		if s.at == from {
			s.at++
		}
	}
	s.at = min(s.at+1, len(s.text))
}

// quotedText passes a string of any of the four kinds.
func (s *placer) quotedText() {
	mark := s.text[s.at : s.at+1]
	if triple := strings.Repeat(mark, 3); strings.HasPrefix(s.text[s.at:], triple) {
		mark = triple
	}

	for s.at += len(mark); s.at < len(s.text); s.at++ {
		switch {
		case strings.HasPrefix(s.text[s.at:], mark):
			s.at += len(mark)
			for len(mark) == 3 && s.at < len(s.text) && s.text[s.at] == mark[0] {
				s.at++ // quote marks at the very end of the text
			}
			return
		case s.text[s.at] == '\\' && mark[0] == '"':
			s.at++
			if s.at < len(s.text) && s.text[s.at] == '\n' {
				s.newline(s.at)
			}
		case s.text[s.at] == '\n':
			s.newline(s.at)
		}
	}

	s.at = len(s.text)
}
