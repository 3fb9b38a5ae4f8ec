package rcfile

import "fetchd/tlsverify/hints"

// Error is one mistake, or one warning, in an rc file. Parse joins all that it finds with errors.Join.
type Error struct {
	Pos  Pos
	Msg  string // what is wrong, with the culprit quoted
	Next string // what the user can do ("did you mean \"poll\"?"); may be empty
}

// Error gives FILE:LINE:COL: message; hint: what to do.
func (e *Error) Error() string {
	s := e.Pos.String()
	if s != "" {
		s += ": "
	}
	return hints.Text(s+e.Msg, e.Next)
}

// Hint is the next step, "" if there is none.
func (e *Error) Hint() string { return e.Next }
