package rcfile

import (
	"slices"
	"strings"
)

// Scope is where a keyword may stand.
type Scope int

// The scopes.
const (
	Top    Scope = iota // begins a statement: poll, set, include …
	Global              // after "set", or in [global]
	Server              // an option of a poll entry, before its users
	Login               // an option of a user
	Filler              // "no", "here", "there" and the noise words
)

// Kind is what follows a keyword.
type Kind int

// The kinds. A list takes one value or more and accumulates; all others have the last value that is given.
const (
	Flag     Kind = iota // nothing; "no" before it switches it off
	Text                 // one word or quoted text
	Private              // a Text that must not be shown
	Enum                 // one of Keyword.Values
	Count                // a number
	Seconds              // a number of seconds, or 90s 5m 1h30m 2d
	Days                 // a number of days, or a duration
	Bytes                // a number of bytes, or 10k 5M 1G (of 1024)
	TextList             // words
	Codes                // numbers; -1 alone is an empty list
	Names                // local names: ann, a=b, *
	Marker               // no value of its own: a statement or a filler
)

// Verdict is what happens with a keyword or value of fetchmail's.
type Verdict int

// The verdicts.
const (
	Accepted Verdict = iota // does what it says
	Warned                  // accepted, with a warning that says what is different
	Refused                 // an error that says what to use instead
)

// Value is one word of an Enum.
type Value struct {
	Name    string // stored as this
	Aliases []string
	Verdict Verdict
	Note    string // for Warned and Refused: why, and what to use
}

// Keyword is one word of the rc file. The table of them drives the parser, the TOML reader, the printers, the
// dump and the merging of defaults; there is no second list.
type Keyword struct {
	Name    string
	Aliases []string
	Scope   Scope
	Kind    Kind
	Verdict Verdict
	Note    string  // for Warned: what is different
	Values  []Value // of an Enum
	Own     bool    // not a word of fetchmail 6.4's
	Default any     // bool or int: what the dump shows when nothing was said; nil = null
	Help    string  // one line, of a keyword that is an option of the command line too
	Arg     string  // what its value is called there; "" = as Argument says

	traits trait
	dump   string // key in the dump, where it is not Name
	global func(*Globals) any
	server func(*Poll) any
	user   func(*User) any
}

// trait is a peculiarity of a keyword.
type trait int

const (
	anyWord       trait = 1 << iota // the next token is its value whatever it looks like
	oneLine                         // CR and LF are refused: the value goes on the wire
	isPath                          // relative to the rc file's directory
	isCommand                       // run by the shell: the file must be private
	isHost                          // an IPv6 address needs no quotes
	printsSecret                    // a command of which the first line is a secret
	namesSecret                     // says where a secret is: the file must be private
	glued                           // the value may hold "=" without quotes
	anyCase                         // enumerated without regard to case, stored as written
	fusedNo                         // fetchmail knows it as one word with "no"
	tomlOnly                        // a key of the TOML grammar alone
	isDestination                   // KIND:VALUE, where KIND is another keyword
)

func (k *Keyword) has(t trait) bool { return k.traits&t != 0 }

// Argument is what the keyword's value is called in a help text, "" if it has none.
func (k *Keyword) Argument() string {
	switch {
	case k.Arg != "":
		return k.Arg
	case k.has(isPath):
		return "FILE"
	case k.has(isCommand):
		return "COMMAND"
	}

	switch k.Kind {
	case Text, Private:
		return "NAME"
	case Enum:
		return "WORD"
	case Count:
		return "N"
	case Seconds:
		return "SECONDS"
	case Days:
		return "DAYS"
	case Bytes:
		return "SIZE"
	case TextList, Codes, Names:
		return "LIST"
	}
	return ""
}

// Accepted lists the words that an Enum may be, without those that are refused.
func (k *Keyword) Accepted() []string { return slices.Collect(k.valuesOf(Accepted, Warned)) }

// Keywords returns every word that an rc file may hold, with its kind and verdict, in the order of the
// manual. The result is a copy.
func Keywords() []Keyword { return slices.Clone(keywords) }

// KeywordOf returns a copy of the first keyword of that name, which must exist.
func KeywordOf(name string) Keyword {
	i := 0
	for keywords[i].Name != name {
		i++
	}
	return keywords[i]
}

// keywords is the one table; it is never changed.
var keywords = slices.Concat(
	scoped(Top, topWords), scoped(Global, globalWords),
	scoped(Server, serverWords), scoped(Login, loginWords), fillers())

func scoped(s Scope, words []Keyword) []Keyword {
	for i := range words {
		words[i].Scope = s
	}
	return words
}

// topWords begin a statement.
var topWords = []Keyword{
	{Name: "poll", Aliases: []string{"server"}, Kind: Marker},
	{Name: "skip", Kind: Marker},
	{Name: "defaults", Kind: Marker},
	{Name: "set", Kind: Marker},
	{Name: "include", Kind: Marker, Own: true},
	{Name: "global", Kind: Marker, Own: true, traits: tomlOnly},
	{Name: "name", Kind: Marker, Own: true, traits: tomlOnly},
	{Name: "active", Kind: Marker, Own: true, traits: tomlOnly},
}

func fillers() []Keyword {
	var words []Keyword
	for _, name := range []string{"no", "here", "there", "and", "with", "has", "wants", "options"} {
		words = append(words, Keyword{Name: name, Kind: Marker, Scope: Filler})
	}
	return words
}

// isNoise tells whether fetchmail ignores the word.
func isNoise(word string) bool {
	switch word {
	case "and", "with", "has", "wants", "options":
		return true
	}
	return false
}

// found is what a word means.
type found struct {
	*Keyword
	negated bool // the word is fused with "no"
	foreign bool // fetchmail 6.4 takes the word as plain text
}

// index finds the meaning of a word; words after "set" have one of their own.
type index struct{ set, entry map[string]found }

// words is the index of keywords; it is never changed.
var words = newIndex(keywords)

func newIndex(table []Keyword) index {
	// With room for the negated words, so that they need not grow at each start of the program.
	x := index{map[string]found{}, make(map[string]found, 2*len(table))}
	for i := range table {
		k := &table[i]
		for _, name := range append([]string{k.Name}, k.Aliases...) {
			x.add(name, found{Keyword: k, foreign: k.Own})
			if k.Kind == Flag || k.Name == "envelope" {
				// fetchmail's lexer knows "nokeep" as one word, beside "no keep".
				x.add("no"+name, found{Keyword: k, negated: true, foreign: !k.has(fusedNo)})
			}
		}
	}
	return x
}

func (x index) add(name string, f found) {
	switch {
	case f.has(tomlOnly):
		return
	case f.Scope == Global:
		x.set[name] = f
		// Known outside of "set" too, so that a misplaced one is named and not called unknown.
		if _, taken := x.entry[name]; !taken {
			x.entry[name] = f
		}
	case f.Scope == Top:
		x.set[name], x.entry[name] = f, f
	default:
		x.entry[name] = f
	}
}

// lookup finds the keyword that an unquoted word spells.
func (x index) lookup(word string, inSet bool) (found, bool) {
	if inSet {
		f, ok := x.set[word]
		return f, ok
	}
	f, ok := x.entry[word]
	return f, ok
}

// value finds the Value that text spells: all in lower or all in upper case.
func (k *Keyword) value(text string) (Value, bool) {
	lower := strings.ToLower(text)
	if !k.has(anyCase) && text != lower && text != strings.ToUpper(text) {
		return Value{}, false
	}
	for _, v := range k.Values {
		if v.Name == lower || slices.Contains(v.Aliases, lower) {
			return v, true
		}
	}
	return Value{}, false
}
