//go:build !linux

package delivery

import (
	"errors"
	"os"
)

// memoryFile is an error: there are no such files here that a child could read as its standard input.
func memoryFile() (*os.File, error) { return nil, errors.ErrUnsupported }
