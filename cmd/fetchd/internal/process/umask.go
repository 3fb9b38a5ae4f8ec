package process

import "golang.org/x/sys/unix"

// LetOwnerIn takes the owner's bits out of the umask: what the program makes is for itself, too, and a
// directory that it can't enter would be in its way from then on.
func LetOwnerIn() { unix.Umask(unix.Umask(0) &^ 0o700) }
