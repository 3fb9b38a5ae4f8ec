package rcfile

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// Fprint writes c in the given grammar (Auto is Fetchmailrc) so that Parse gives an Equal Config. Secrets are
// written as they are. Defaults are merged into the entries; comments and includes of the original are gone.
func Fprint(w io.Writer, c *Config, format Format) error {
	out := bufio.NewWriter(w)
	var p syntax = rcSyntax{out}
	if format == TOML {
		p = tomlSyntax{out}
	}
	p.globals(&c.Globals)
	for i := range c.Polls {
		p.poll(&c.Polls[i])
	}
	return out.Flush()
}

// syntax writes the parts of a Config in one grammar.
type syntax interface {
	globals(*Globals)
	poll(*Poll)
}

// rcSyntax writes fetchmail's grammar.
type rcSyntax struct{ *bufio.Writer }

func (s rcSyntax) globals(g *Globals) {
	for i := range globalWords {
		k := &globalWords[i]
		if text := s.option(k, k.global(g)); text != "" {
			s.line("set " + text)
		}
	}
}

func (s rcSyntax) line(text string) { _, _ = s.WriteString(text + "\n") }

func (s rcSyntax) poll(p *Poll) {
	head := "poll "
	if !p.Active {
		head = "skip "
	}

	s.line("\n" + head + escape(p.Name))
	for i := range serverWords {
		switch k := &serverWords[i]; {
		case k.Name == "port":
		// fetchmail's grammar has it only as a part of envelope.
		case k.Name == "envskip" && p.Envelope.Value != "" && p.EnvSkip.Set:
		case k.Name == "envelope" && p.Envelope.Value != "" && p.EnvSkip.Set:
			s.line("\tenvelope " + strconv.Itoa(p.EnvSkip.Value) + " " + escape(p.Envelope.Value))
		default:
			s.indented(s.option(k, k.server(p)))
		}
	}

	for i := range p.Users {
		s.user(&p.Users[i])
	}
}

func (s rcSyntax) indented(text string) {
	if text != "" {
		s.line("\t" + text)
	}
}

func (s rcSyntax) user(u *User) {
	locals := s.locals(u)
	switch {
	case u.Remote.Set:
		s.line("\tuser " + escape(u.Remote.Value) + " there")
	case locals != "":
		s.line("\tuser" + locals + " here")
	}

	if u.Remote.Set && locals != "" {
		s.line("\tis" + locals + " here")
	}

	for i := range loginWords {
		if k := &loginWords[i]; k.Name != "user" && k.Kind != Names {
			s.indented(s.option(k, k.user(u)))
		}
	}
}

func (s rcSyntax) locals(u *User) string {
	var b strings.Builder
	for _, n := range u.Locals {
		b.WriteString(" " + escape(n.Server))
		// "*" alone would be the wildcard; "*=*" is a name.
		if n.Local != n.Server || n.Local == "*" {
			b.WriteString("=" + escape(n.Local))
		}
	}
	if u.Wildcard {
		b.WriteString(" *")
	}
	return b.String()
}

// bare tells whether fetchmail wants the value without quotes.
func (k *Keyword) bare() bool {
	return k.Kind == Enum && !k.has(anyCase|glued)
}

// option writes a keyword with what it says, or "" for nothing said.
func (s rcSyntax) option(k *Keyword, slot any) string {
	switch v := slot.(type) {
	case *Opt[bool]:
		if v.Set && !v.Value {
			return "no " + k.Name
		} else if v.Set {
			return k.Name
		}
		return ""
	case *Opt[string]:
		if v.Set && v.Value == "" && k.Name == "envelope" {
			return "no envelope"
		}
	}

	var values []string
	for _, v := range valuesOf(slot) {
		if text, ok := v.(string); ok && !k.bare() {
			values = append(values, escape(text))
		} else {
			values = append(values, fmt.Sprint(v))
		}
	}

	if values == nil {
		return ""
	}

	return k.Name + " " + strings.Join(values, " ")
}
