package cli

// Subcommand is a word that stands before the options and makes the program do something else than poll.
type Subcommand struct {
	Name    string
	Args    string // for --help
	Summary string
	Options []Option // its own; the value of one without a set function is in CommandLine.Own

	// Words are what its arguments may be, divided by blanks, for completion; nil = anything.
	Words func() string
}

func (s *Subcommand) words() string {
	if s.Words == nil {
		return ""
	}
	return s.Words()
}
