package rcfile

import (
	"os"
	"path/filepath"
	"strings"
)

// resolvePaths makes the relative paths of c absolute: they are seen from the directory of the file that says
// them. What came from standard input, or is to be left alone, stays as it is, but for a leading ~/, which is
// the home directory.
func resolvePaths(c *Config, leave func(*Opt[string]) bool) {
	for i := range globalWords {
		globalWords[i].resolve(globalWords[i].global(&c.Globals), leave)
	}
	for i := range c.Polls {
		for n := range serverWords {
			serverWords[n].resolve(serverWords[n].server(&c.Polls[i]), leave)
		}
		for j := range c.Polls[i].Users {
			expandSockets(c.Polls[i].Users[j].SMTPHosts, leave)
			for n := range loginWords {
				if k := &loginWords[n]; k.has(isPath | isDestination) {
					k.resolve(k.user(&c.Polls[i].Users[j]), leave)
				}
			}
		}
	}
}

func (k *Keyword) resolve(slot any, leave func(*Opt[string]) bool) {
	if list, ok := slot.(*[]Opt[string]); ok && k.has(isDestination) {
		resolveDestinations(*list, leave)
		return
	}

	s, ok := slot.(*Opt[string])
	if ok && k.has(isDestination) {
		resolveDestination(s, leave)
		return
	}
	if !ok || !k.namesFile(s.Value) || !s.Set || leave(s) {
		return
	}
	s.Value = resolve(s.Value, s.Pos.File)
}

// resolveDestinations makes the paths in destinations absolute.
func resolveDestinations(list []Opt[string], leave func(*Opt[string]) bool) {
	for i := range list {
		resolveDestination(&list[i], leave)
	}
}

func resolveDestination(o *Opt[string], leave func(*Opt[string]) bool) {
	if kind, value := kindOf(o.Value); kind.namesFile(value) && !leave(o) {
		o.Value = strings.TrimSuffix(o.Value, value) + resolve(value, o.Pos.File)
	}
}

// expandSockets replaces ~/ where an SMTP host is a socket.
func expandSockets(hosts []string, leave func(*Opt[string]) bool) {
	for i, host := range hosts {
		if o := Some(host); !leave(&o) {
			hosts[i] = ExpandHome(host)
		}
	}
}

// namesFile tells whether a value of the keyword is a path.
func (k *Keyword) namesFile(value string) bool {
	isOutput := k.Name == "bsmtp" && value == "-"
	return k.has(isPath) && value != "" && !isOutput
}

// kindOf returns the keyword that the first word of a destination is, and what follows; a keyword without
// a name if it is no destination.
func kindOf(destination string) (kind *Keyword, value string) {
	name, value, _ := strings.Cut(destination, ":")
	if f, ok := words.lookup(name, false); ok && f.Scope == Login && !f.negated {
		return f.Keyword, value
	}
	return &Keyword{}, ""
}

// resolve gives the path that is meant in the given file.
func resolve(path, file string) string {
	path = ExpandHome(path)
	if filepath.IsAbs(path) || file == "stdin" {
		return path
	}
	dir, err := filepath.Abs(filepath.Dir(file))
	if err != nil {
		return path
	}
	return filepath.Join(dir, path)
}

// directory is where the relative paths in the file are seen from.
func directory(file string) string { return resolve(".", file) }

// ExpandHome replaces a leading ~/ by the home directory, as the shell does where it sees one.
func ExpandHome(path string) string {
	if rest, ok := strings.CutPrefix(path, "~/"); ok {
		if dir, err := os.UserHomeDir(); err == nil {
			return filepath.Join(dir, rest)
		}
	}
	return path
}
