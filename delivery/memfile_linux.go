package delivery

import (
	"os"

	"golang.org/x/sys/unix"
)

// memoryFile returns an empty file that lives in memory and has no name.
func memoryFile() (*os.File, error) {
	fd, err := unix.MemfdCreate("fetchd-message", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), "message"), nil
}
