package main

import (
	"context"
	"errors"
)

// poll is the program's main work.
func (p *program) poll(context.Context, *commandLine) status {
	return p.fail(exitInternal, errors.New("polling comes with the engine"))
}
