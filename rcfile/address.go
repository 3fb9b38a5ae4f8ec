package rcfile

import (
	"net/netip"
	"strings"
)

// address gives w, the token that was read last, the colons around it if it is a piece of an IPv6 address, in
// brackets or not, with or without a port behind a slash. fetchmail, for which a colon is a blank, takes the
// pieces for hosts, which can't be meant.
func (l *lexer) address(w word) word {
	begin := l.at - len(w.text)
	if w.quoted || w.end || begin < 0 || l.text[begin:l.at] != w.text {
		return w
	}

	for begin > 0 && l.text[begin-1] == ':' {
		begin--
	}
	end := len(l.text)
	if n := strings.IndexAny(l.text[l.at:], blanks+",;="); n >= 0 {
		end = l.at + n
	}

	text := l.text[begin:end]
	host, _, _ := strings.Cut(text, "/")
	if strings.HasPrefix(host, "[") && strings.HasSuffix(host, "]") {
		host = host[1 : len(host)-1]
	}
	if ip, err := netip.ParseAddr(host); err != nil || !ip.Is6() {
		return w
	}

	w.pos.Col -= l.at - len(w.text) - begin
	w.text, w.before, w.after = text, 0, 0
	if begin > 0 {
		w.before = l.text[begin-1]
	}
	if end < len(l.text) {
		w.after = l.text[end]
	}
	l.at = end

	return w
}
