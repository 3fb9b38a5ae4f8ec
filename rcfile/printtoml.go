package rcfile

import (
	"bufio"
	"encoding/hex"
	"fmt"
	"strings"
	"unicode/utf8"
)

// tomlSyntax writes TOML.
type tomlSyntax struct{ *bufio.Writer }

func (s tomlSyntax) line(text string) { _, _ = s.WriteString(text + "\n") }

func (s tomlSyntax) globals(g *Globals) {
	head := "[global]"
	for i := range globalWords {
		if values := valuesOf(globalWords[i].global(g)); values != nil {
			if head != "" {
				s.line(head)
			}
			head = ""
			s.pair(&globalWords[i], values)
		}
	}
}

func (s tomlSyntax) pair(k *Keyword, values []any) {
	if values == nil {
		return
	}

	list := make([]string, len(values))
	for i, v := range values {
		list[i] = fmt.Sprint(v)
		if text, ok := v.(string); ok {
			list[i] = tomlText(text)
		}
	}

	switch {
	case k.Name == "envelope" && values[0] == "":
		s.line("envelope = false")
	case k.Kind == TextList || k.Kind == Codes:
		s.line(k.Name + " = [" + strings.Join(list, ", ") + "]")
	default:
		s.line(k.Name + " = " + list[0])
	}
}

func (s tomlSyntax) poll(p *Poll) {
	s.line("\n[[poll]]\nname = " + tomlText(p.Name))
	if !p.Active {
		s.line("active = false")
	}

	for i := range serverWords {
		if k := &serverWords[i]; k.Name != "port" {
			s.pair(k, valuesOf(k.server(p)))
		}
	}

	for i := range p.Users {
		s.line("\n[[poll.user]]")
		s.user(&p.Users[i])
	}
}

func (s tomlSyntax) user(u *User) {
	for i := range loginWords {
		if k := &loginWords[i]; k.Kind == Names {
			s.locals(u)
		} else {
			s.pair(k, valuesOf(k.user(u)))
		}
	}
}

func (s tomlSyntax) locals(u *User) {
	var list []string
	for _, n := range u.Locals {
		// A server's name with "=" in it would be split at the wrong place.
		switch plain := !strings.Contains(n.Server, "="); {
		case plain && n.Server == n.Local && n.Local != "*" && utf8.ValidString(n.Local):
			list = append(list, tomlText(n.Local))
		case plain && utf8.ValidString(n.Server+n.Local) && n != (LocalName{"*", "*"}):
			list = append(list, tomlText(n.Server+"="+n.Local))
		default:
			list = append(list, "["+tomlText(n.Server)+", "+tomlText(n.Local)+"]")
		}
	}

	if u.Wildcard {
		list = append(list, `"*"`)
	}
	if list != nil {
		s.line("is = [" + strings.Join(list, ", ") + "]")
	}
}

// tomlText writes text as a basic string, or as {hex = "…"} if it isn't UTF-8.
func tomlText(s string) string {
	if !utf8.ValidString(s) {
		return `{hex = "` + hex.EncodeToString([]byte(s)) + `"}`
	}

	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteString(`\` + string(r))
		case r < ' ' || r == 0x7f:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}

	b.WriteByte('"')
	return b.String()
}
