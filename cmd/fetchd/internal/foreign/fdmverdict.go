package foreign

import (
	"path"
	"regexp"
	"slices"
	"strings"
)

// verdict is whether a condition holds for all messages of a folder.
type verdict int

const (
	never verdict = iota
	maybe         // it depends on the message
	always
)

// fdmMail is what is known of a message before it is there: where it comes from.
type fdmMail struct {
	account, folder string
	action          string // that is performed
}

// decision is what the rules do with the messages of a folder.
type decision struct {
	items   []fdmItem
	unsure  []int // lines of the rules that depend on the message
	matched verdict
	calls   int // of actions, by one rule
}

// decide follows the rules for the messages of a folder.
func (f *fdmFile) decide(m fdmMail) *decision {
	d := &decision{}
	f.follow(f.rules, m, d)
	return d
}

// follow tells whether one of the rules was the last.
func (f *fdmFile) follow(rules []*fdmRule, m fdmMail, d *decision) (isLast bool) {
	for _, r := range rules {
		holds := d.holds(r.conditions, m)
		switch {
		case holds == never:
			continue
		case holds == maybe:
			d.unsure = append(d.unsure, r.line)
			d.matched = max(d.matched, maybe)
			continue
		case len(r.nested) > 0:
			if f.follow(r.nested, m, d) {
				return true
			}
			continue
		}

		d.matched, d.calls = always, 0
		f.perform(r.items, r.users, m, d)
		if !r.continues {
			return true
		}
	}
	return false
}

// holds tells whether the conditions hold. They are taken one after the other: "and" does not bind more than
// "or".
func (d *decision) holds(conditions []fdmCondition, m fdmMail) verdict {
	result := never
	for _, c := range conditions {
		this := d.one(c, m)
		if c.not {
			this = always - this
		}
		switch c.operator {
		case "and":
			result = min(result, this)
		case "or":
			result = max(result, this)
		default:
			result = this
		}
	}
	return result
}

func (d *decision) one(c fdmCondition, m fdmMail) verdict {
	is := false
	switch c.kind {
	case "all":
		is = true
	case "matched":
		return d.matched
	case "unmatched":
		return always - d.matched
	case "account":
		is = slices.ContainsFunc(c.names, func(name string) bool { return isFdmMatch(name, m.account) })

	case "string":
		text, known := m.replace(c.names[0], "")
		expression := c.names[1]
		if !c.isCase {
			expression = "(?i)" + expression
		}
		re, err := regexp.Compile(expression)
		if !known || err != nil {
			return maybe
		}
		is = re.MatchString(text)

	default:
		return maybe
	}

	if is {
		return always
	}
	return never
}

// isFdmMatch tells whether a name matches, which may hold wildcards.
func isFdmMatch(pattern, name string) bool {
	is, err := path.Match(pattern, name)
	return is && err == nil || pattern == name
}

// perform adds what the items do, and those of the actions that they call.
func (f *fdmFile) perform(items []fdmItem, users []string, m fdmMail, d *decision) {
	for _, item := range items {
		if item.verb != "action" {
			item.users, item.action = users, m.action
			d.items = append(d.items, item)
			continue
		}
		if d.calls == maxFdmCalls {
			continue
		}

		d.calls++
		for _, name := range item.names {
			name, _ := m.replace(name, "")
			for _, a := range f.actions {
				if isFdmMatch(name, a.name) {
					m.action = a.name
					f.perform(a.items, slices.Concat(users, a.users), m, d)
				}
			}
		}
	}
}

// maxFdmCalls bounds the calls of actions by one rule, as fdm does.
const maxFdmCalls = 5

// replace replaces the tags of a text, such as %a and %[account]. It is not known what stands for those that
// depend on the message or on the time. home stands for the home directory; "" = it is not known.
func (m fdmMail) replace(text, home string) (replaced string, known bool) {
	var b strings.Builder
	known = true
	for rest := text; rest != ""; {
		before, tag, found := strings.Cut(rest, "%")
		b.WriteString(before)
		if !found {
			break
		}

		name, after := tag, ""
		if inside, isLong := strings.CutPrefix(tag, "["); isLong {
			name, after, found = strings.Cut(inside, "]")
			name = strings.TrimPrefix(name, ":")
		} else if tag != "" {
			name, after = tag[:1], tag[1:]
		}
		value, is := m.tag(name, home)
		if !is || !found {
			known = false
			value = "%" + strings.TrimSuffix(tag, after)
		}
		b.WriteString(value)
		rest = after
	}
	return b.String(), known
}

// tag is what stands for a tag.
func (m fdmMail) tag(name, home string) (value string, known bool) {
	switch name {
	case "%":
		return "%", true
	case "a", "account":
		return m.account, true
	case "t", "action":
		return m.action, m.action != ""
	case "folder":
		return m.folder, true
	case "h", "home":
		return home, home != ""
	}
	return "", false
}
