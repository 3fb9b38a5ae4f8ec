package rcfile

// Error is one mistake, or one warning, in an rc file. Parse joins all that it finds with errors.Join.
type Error struct {
	Pos Pos
	Msg string // what is wrong, with the culprit quoted
	// Hint is what the user can do ("did you mean \"poll\"?"); may be empty.
	Hint string
}

// Error gives FILE:LINE:COL: message; hint.
func (e *Error) Error() string {
	s := e.Pos.String()
	if s != "" {
		s += ": "
	}
	s += e.Msg
	if e.Hint != "" {
		s += "; " + e.Hint
	}
	return s
}
