package rcfile

import "strings"

// doubt warns of a value of k that does what it says, and probably not what was meant.
func (r *reporter) doubt(k *Keyword, w word) {
	r.doubtEscape(k, w)
	isText := k.Kind == Private || k.Kind == Text && !k.has(isCommand)
	if k.Scope == Login && isText && isVariable(k, w.text) {
		r.warnf(w.pos, "write the value itself; passwordeval runs a command",
			"the $NAME in %q is not replaced: rc files have no variables", k.Name)
	}
}

// isVariable tells whether the whole of a value, or the beginning of a path, has the form $NAME or ${NAME}.
// Shells let names have small letters too, which passwords also have.
func isVariable(k *Keyword, text string) bool {
	name, ok := strings.CutPrefix(text, "$")
	if !ok {
		return false
	}

	rest := strings.TrimLeft(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789")
	if inner, braces := strings.CutPrefix(name, "{"); braces {
		_, rest, ok = strings.Cut(inner, "}")
	}

	return ok && len(name)-len(rest) > 1 && (rest == "" || k.has(isPath) && rest[0] == '/')
}

// doubtPath warns of a local name that is a directory in programs which deliver to one.
func (r *reporter) doubtPath(w word) {
	if strings.HasPrefix(w.text, "/") || strings.HasPrefix(w.text, "~/") {
		r.warnf(w.pos, `write "maildir" or "mbox" before a path`, "%q is taken as a local name", clip(w.text))
	}
}

// doubtLine warns of a value that any word can be, if it is a keyword of the next line: the value itself was
// forgotten, most likely.
func (p *parser) doubtLine(k *Keyword, w word) {
	if _, ok := p.keyword(w, false); ok && !w.hidden && w.pos.Line > p.head.Line {
		p.warnf(w.pos, "write the value, or quote it if this is it",
			"the keyword %q of the next line is taken as the value of %q", w.text, k.Name)
	}
}
