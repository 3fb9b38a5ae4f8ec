package rcfile

import (
	"fmt"
	"io/fs"
	"os"
	"slices"
	"syscall"
)

// PermissionError says that others could read an rc file that holds a secret, or write one that runs commands.
type PermissionError struct {
	Path string
	Mode fs.FileMode
	Msg  string // what is wrong, and the command that mends it
}

// Error implements error.
func (e *PermissionError) Error() string { return e.Path + ": " + e.Msg }

// CheckPermissions checks that the open file, from which c was read, is a regular file of the present user that the
// group can't read or write and others can't use at all. It returns a *PermissionError only if c holds a secret or runs
// a command; otherwise the complaint becomes one of c's warnings. /dev/null always passes.
func CheckPermissions(f *os.File, c *Config) error {
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("check the permissions of %s: %w", f.Name(), err)
	}
	msg := complaint(info, f.Name())
	if msg == "" {
		return nil
	}
	if !c.sensitive() {
		c.Warnings = append(c.Warnings, &Error{Pos: Pos{File: f.Name()}, Msg: msg})
		return nil
	}
	return &PermissionError{Path: f.Name(), Mode: info.Mode(), Msg: msg}
}

// mustBeFile refuses a pipe, a directory and a device, which have no text or no end; /dev/null is an empty file.
func mustBeFile(f *os.File) error {
	info, err := f.Stat()
	if err != nil || info.Mode().IsRegular() || f.Name() == os.DevNull {
		return err
	}
	return &PermissionError{Path: f.Name(), Mode: info.Mode(), Msg: complaint(info, f.Name())}
}

// othersMay are the bits that nobody but the owner may have; the group may search, as fetchmail lets it.
const othersMay fs.FileMode = 0o067

func complaint(info fs.FileInfo, path string) string {
	if path == os.DevNull {
		return ""
	}
	if !info.Mode().IsRegular() {
		return "it must be a regular file; copy its text into one, or give it on standard input with -f -"
	}
	if stat, ok := info.Sys().(*syscall.Stat_t); ok && int(stat.Uid) != os.Geteuid() {
		return fmt.Sprintf("it must be owned by you (uid %d, but its owner is %d); run: chown %d %s", os.Geteuid(), stat.Uid, os.Geteuid(), path)
	}
	if info.Mode().Perm()&othersMay != 0 {
		return fmt.Sprintf("it must have no more than -rwx------ (0700) permissions, but has %04o; run: chmod 600 %s", info.Mode().Perm(), path)
	}
	return ""
}

// sensitive tells whether c holds a secret or runs a command.
func (c *Config) sensitive() bool {
	return c.defaults.sensitive() || slices.ContainsFunc(c.Polls, func(p Poll) bool { return p.sensitive() })
}

func (p *Poll) sensitive() bool {
	for i := range serverWords {
		if k := &serverWords[i]; k.private(k.server(p)) {
			return true
		}
	}
	for i := range p.Users {
		for j := range loginWords {
			if k := &loginWords[j]; k.private(k.user(&p.Users[i])) {
				return true
			}
		}
	}
	return false
}

func (k *Keyword) private(slot any) bool {
	switch s := slot.(type) {
	case *Opt[Secret]:
		return s.Set && !s.Value.IsZero()
	case *Opt[string]:
		return k.has(isCommand) && s.Set
	}
	return false
}
