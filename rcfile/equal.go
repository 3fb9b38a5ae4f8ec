package rcfile

import "slices"

// Equal tells whether two configurations say the same, wherever they say it; warnings don't count.
func Equal(a, b *Config) bool {
	if len(a.Polls) != len(b.Polls) || !sameValues(globalWords, func(k *Keyword) (any, any) {
		return k.global(&a.Globals), k.global(&b.Globals)
	}) {
		return false
	}

	for i := range a.Polls {
		p, q := &a.Polls[i], &b.Polls[i]
		if p.Name != q.Name || p.Active != q.Active || len(p.Users) != len(q.Users) ||
			!sameValues(serverWords, func(k *Keyword) (any, any) { return k.server(p), k.server(q) }) {
			return false
		}
		for j := range p.Users {
			u, v := &p.Users[j], &q.Users[j]
			if u.Wildcard != v.Wildcard || !slices.Equal(u.Locals, v.Locals) ||
				!sameValues(loginWords, func(k *Keyword) (any, any) { return k.user(u), k.user(v) }) {
				return false
			}
		}
	}

	return true
}

func sameValues(list []Keyword, slots func(*Keyword) (any, any)) bool {
	for i := range list {
		a, b := slots(&list[i])
		if !slices.Equal(valuesOf(a), valuesOf(b)) {
			return false
		}
	}
	return true
}

// valuesOf lists the strings, ints and bools that a field holds.
func valuesOf(slot any) []any {
	var all []any
	switch s := slot.(type) {
	case *Opt[bool]:
		all = one(s)
	case *Opt[int]:
		all = one(s)
	case *Opt[string]:
		all = one(s)
	case *Opt[Secret]:
		if s.Set {
			all = []any{s.Value.Reveal()}
		}
	case *[]string:
		for _, v := range *s {
			all = append(all, v)
		}
	case *[]int:
		for _, v := range *s {
			all = append(all, v)
		}
	case *[]Opt[string]:
		for _, v := range *s {
			all = append(all, v.Value)
		}
	}

	return all
}

func one[T any](o *Opt[T]) []any {
	if !o.Set {
		return nil
	}
	return []any{o.Value}
}
