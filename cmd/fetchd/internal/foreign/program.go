package foreign

import (
	"path/filepath"
	"slices"
)

// Program is one whose configuration can be read. To add one, add a row to programs.
type Program struct {
	Name string

	// Places are where it keeps its configuration, given the home directory and the one for settings; the
	// first is the usual one.
	Places func(home, etc string) []string

	// Read reads a file of it. dir is the directory that it was in, where some keep their records.
	Read func(text []byte, dir string) (Configuration, error)
}

var programs = []Program{
	{
		Name: "fdm",
		Places: func(home, _ string) []string {
			return []string{filepath.Join(home, ".fdm.conf"), "/etc/fdm.conf"}
		},
		Read: func(text []byte, _ string) (Configuration, error) { return convertFdm(text) },
	},
	{
		Name: "getmail",
		Places: func(home, etc string) []string {
			return []string{
				filepath.Join(etc, "getmail", "getmailrc"), filepath.Join(home, ".getmail", "getmailrc"),
			}
		},
		Read: func(text []byte, dir string) (Configuration, error) {
			a, err := convertGetmail(text, dir)
			return Configuration{Accounts: []Account{a}}, err
		},
	},
	{
		Name: "mpop",
		Places: func(home, etc string) []string {
			return []string{filepath.Join(home, ".mpoprc"), filepath.Join(etc, "mpop", "config")}
		},
		Read: func(text []byte, _ string) (Configuration, error) { return convertMpop(text) },
	},
}

// Names are those of the programs that can be read.
func Names() []string {
	var names []string
	for _, p := range programs {
		names = append(names, p.Name)
	}
	return names
}

// Find returns the program of that name.
func Find(name string) (p Program, ok bool) {
	i := slices.IndexFunc(programs, func(p Program) bool { return p.Name == name })
	if i < 0 {
		return Program{}, false
	}
	return programs[i], true
}
