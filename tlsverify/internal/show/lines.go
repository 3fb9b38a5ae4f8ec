package show

import (
	"fmt"
	"io"
)

// Lines writes lines to W until the first error, which is Err.
type Lines struct {
	W   io.Writer
	Err error
}

// Printf writes one line.
func (l *Lines) Printf(format string, args ...any) {
	if l.Err == nil {
		_, l.Err = fmt.Fprintf(l.W, format+"\n", args...)
	}
}
