package rcfile

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/url"
	"strings"
	"unicode/utf8"
)

// DumpOptions say what Dump shows.
type DumpOptions struct {
	ShowSecrets bool // passwords, and the commands that print them, as they are, not as ***
}

// Dump writes the configuration as JSON: {"globals": {…}, "polls": [{… "users": [{…}]}]}. What was not
// said is null, or the default for flags and numbers. Text that isn't UTF-8 is {"hex": "…"}.
func Dump(w io.Writer, c *Config, options DumpOptions) error {
	d := dumper{options}
	polls := []any{}
	for i := range c.Polls {
		polls = append(polls, d.poll(&c.Polls[i]))
	}

	var globals object
	for i := range globalWords {
		globals = d.add(globals, &globalWords[i], globalWords[i].global(&c.Globals))
	}

	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(object{{"globals", globals}, {"polls", polls}})
}

// DumpPoll writes one of the polls that Dump writes, on lines of any length.
func DumpPoll(w io.Writer, p *Poll, options DumpOptions) error {
	text, err := dumper{options}.poll(p).MarshalJSON()
	if err == nil {
		_, err = w.Write(text)
	}
	return err
}

// object is a JSON object that keeps its order.
type object []member

type member struct {
	key   string
	value any
}

// MarshalJSON implements json.Marshaler.
func (o object) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	err := writeJSON(&b, o)
	return b.Bytes(), err
}

// writeJSON writes a value, and what is in it right behind: encoding/json would check, and copy, the text of
// an object once for each object that it is in.
func writeJSON(b *bytes.Buffer, value any) error {
	switch v := value.(type) {
	case object:
		return writeSeries(b, '{', '}', len(v), func(i int) error {
			if err := writeJSON(b, v[i].key); err != nil {
				return err
			}
			b.WriteByte(':')
			return writeJSON(b, v[i].value)
		})
	case []any:
		return writeSeries(b, '[', ']', len(v), func(i int) error { return writeJSON(b, v[i]) })
	}

	encoder := json.NewEncoder(b)
	encoder.SetEscapeHTML(false)
	return encoder.Encode(value)
}

// writeSeries writes n values, each of which write writes.
func writeSeries(b *bytes.Buffer, begin, end byte, n int, write func(i int) error) error {
	b.WriteByte(begin)
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		if err := write(i); err != nil {
			return err
		}
	}
	b.WriteByte(end)
	return nil
}

type dumper struct{ DumpOptions }

func (d dumper) poll(p *Poll) object {
	o := object{{"name", textValue(p.Name)}, {"active", p.Active}}
	for i := range serverWords {
		o = d.add(o, &serverWords[i], serverWords[i].server(p))
	}
	users := []any{}
	for i := range p.Users {
		users = append(users, d.user(&p.Users[i]))
	}
	return append(o, member{"users", users})
}

func (d dumper) user(u *User) object {
	var o object
	for i := range loginWords {
		k := &loginWords[i]
		o = d.add(o, k, k.user(u))
		if k.Name == "is" {
			o = append(o, member{"wildcard", u.Wildcard})
		}
	}
	return o
}

// add appends the member or members of k.
func (d dumper) add(o object, k *Keyword, slot any) object {
	key := k.dump
	switch key {
	case "-":
		return o
	case "":
		key = k.Name
	}

	switch k.Name {
	case "protocol", "auth":
		if text := slot.(*Opt[string]); !text.Set {
			return append(o, member{key, map[string]string{"protocol": "auto", "auth": "any"}[k.Name]})
		}
	case "bad-header":
		return append(o, member{key, slot.(*Opt[string]).Value != "reject"})
	case "envelope":
		if slot.(*Opt[string]).Value == "" {
			return append(o, member{key, nil})
		}
	case "sslfingerprint": // fetchmail has one, and the last one said
		all := *slot.(*[]Opt[string])
		var last any
		if len(all) > 0 {
			last = textValue(all[len(all)-1].Value)
		}
		return append(o, member{key, last}, member{"sslfingerprints", d.value(k, slot)})
	}

	return append(o, member{key, d.value(k, slot)})
}

// value is the JSON value of a field.
func (d dumper) value(k *Keyword, slot any) any {
	switch s := slot.(type) {
	case *Opt[bool]:
		if s.Set {
			return s.Value
		}
	case *Opt[int]:
		if s.Set {
			return s.Value
		}
	case *Opt[string]:
		// Such a command may hold what opens a store of passwords, if not the password itself.
		if s.Set && k.has(printsSecret) && !d.ShowSecrets {
			return redacted
		} else if s.Set {
			return d.text(s.Value)
		}
	case *Opt[Secret]:
		if s.Set && d.ShowSecrets {
			return textValue(s.Value.Reveal())
		} else if s.Set {
			return redacted
		}
	default:
		return d.list(slot)
	}

	return k.Default
}

func (d dumper) list(slot any) []any {
	list := []any{}
	switch s := slot.(type) {
	case *[]string:
		for _, v := range *s {
			list = append(list, textValue(v))
		}
	case *[]Opt[string]:
		for _, v := range *s {
			list = append(list, d.text(v.Value))
		}
	case *[]int:
		for _, v := range *s {
			list = append(list, v)
		}
	case *[]LocalName:
		for _, v := range *s {
			list = append(list, []any{textValue(v.Server), textValue(v.Local)})
		}
	}

	return list
}

// text is the JSON value of a text. An address with a password in it is refused where it is used, and not
// shown here either.
func (d dumper) text(s string) any {
	if i := strings.Index(s, "://"); i >= 0 && !d.ShowSecrets {
		u, err := url.Parse("x" + s[i:])
		if err != nil {
			return s[:i] + "://" + redacted
		}
		if _, holds := u.User.Password(); holds {
			u.User = nil
			return s[:i] + "://" + redacted + "@" + strings.TrimPrefix(u.String(), "x://")
		}
	}
	return textValue(s)
}

func textValue(s string) any {
	if utf8.ValidString(s) {
		return s
	}
	return map[string]string{"hex": hex.EncodeToString([]byte(s))}
}
