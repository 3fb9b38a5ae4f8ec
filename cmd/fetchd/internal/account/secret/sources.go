package secret

import (
	"context"
	"fmt"

	"fetchd/rcfile"
	"fetchd/tlsverify/hints"
)

// source is one way in which the rc file may name a password. To add one, add a row to namedSources.
type source struct {
	isNamed  func(*rcfile.Secrets) bool
	describe func(*Finder, Login) string
	file     func(*rcfile.Secrets) string // where it is; nil = in no file
	runs     bool                         // a command, which may say something else each time
	check    func(*Finder, Login) error   // checks what it can without using the source; nil = nothing
	read     func(context.Context, *Finder, Login) (string, error)
	// collect reads the password at the start, if it can be read only once; nil = it can be read at any time.
	// The map holds what was read before, by descriptor.
	collect func(*rcfile.Secrets, map[int]string) (string, error)
}

// namedSources is the table of all ways to name a password; the first one that the rc file uses counts.
// Beside oauth they name the secret of its client.
var namedSources = []source{
	{
		isNamed:  func(s *rcfile.Secrets) bool { return s.Password.Set },
		describe: func(*Finder, Login) string { return "in the rc file" },
		read: func(_ context.Context, _ *Finder, l Login) (string, error) {
			return l.Secrets.Password.Value.Reveal(), nil
		},
	},
	{
		isNamed:  func(s *rcfile.Secrets) bool { return s.PasswordEval.Set },
		describe: func(*Finder, Login) string { return "from a command" },
		runs:     true,
		check: func(_ *Finder, l Login) error {
			return checkCommand(l.Secrets.PasswordEval.Value)
		},
		read: func(ctx context.Context, _ *Finder, l Login) (string, error) {
			return evalPassword(ctx, l.Secrets.PasswordEval.Value)
		},
	},
	{
		isNamed:  func(s *rcfile.Secrets) bool { return s.PasswordFile.Set },
		describe: func(_ *Finder, l Login) string { return "from " + shown(l.Secrets.PasswordFile.Value) },
		file:     func(s *rcfile.Secrets) string { return s.PasswordFile.Value },
		check: func(f *Finder, l Login) error {
			file, err := f.openPasswordFile(l.Secrets.PasswordFile)
			if err != nil {
				return err
			}
			return file.Close()
		},
		read: func(ctx context.Context, f *Finder, l Login) (string, error) {
			return f.passwordFile(ctx, l.Account, l.Secrets.PasswordFile)
		},
	},
	{
		isNamed: func(s *rcfile.Secrets) bool { return s.PasswordFD.Set },
		describe: func(_ *Finder, l Login) string {
			return fmt.Sprintf("from descriptor %d", l.Secrets.PasswordFD.Value)
		},
		read: func(_ context.Context, _ *Finder, l Login) (string, error) {
			return "", hints.Errorf("the error at the start says why; restart it with the descriptor",
				"passwordfd %d gave no password at the start", l.Secrets.PasswordFD.Value)
		},
		collect: func(s *rcfile.Secrets, read map[int]string) (string, error) {
			return fromDescriptor(s.PasswordFD.Value, read)
		},
	},
}

// namedSource is the source of what the user logs in with that the rc file names, or nil.
func namedSource(s *rcfile.Secrets) *source {
	if oauthSource.isNamed(s) {
		return &oauthSource
	}
	return passwordSource(s)
}

// passwordSource is the source of a password that the rc file names for the user, or nil.
func passwordSource(s *rcfile.Secrets) *source {
	for i := range namedSources {
		if namedSources[i].isNamed(s) {
			return &namedSources[i]
		}
	}
	return nil
}
