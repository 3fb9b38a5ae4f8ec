package secret

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"fetchd/delivery/ownfile"
	"fetchd/rcfile"
	"fetchd/tlsverify/hints"
)

// readTimeout is how long a source may take that is a pipe or a terminal: somebody may hold its other end and
// never write.
const readTimeout = 10 * time.Second

// maxPassword bounds the length of a password; OAuth tokens can have several kilobytes.
const maxPassword = 64 << 10

// passwordFile reads the password that is in the file that the rc file names.
func (f *Finder) passwordFile(ctx context.Context, account string, named rcfile.Opt[string]) (string, error) {
	file, err := f.openPasswordFile(named)
	if err != nil {
		return "", err
	}
	defer file.Close()
	path := named.Value

	// A warning only: the file may be on a file system without modes. What others may write is refused.
	info, err := file.Stat()
	if err == nil && info.Mode().Perm()&0o077 != 0 && !f.isCredential(path) {
		f.Warn(account, fmt.Sprintf("passwordfile %s can be read by others (%04o); run: chmod 600 %s",
			path, info.Mode().Perm(), path))
	}

	text, err := readWithin(ctx, file, readTimeout)
	if err != nil {
		return "", fmt.Errorf("passwordfile %s: %w", path, err)
	}
	return text, nil
}

// openPasswordFile opens a file that nobody else may have written.
func (f *Finder) openPasswordFile(named rcfile.Opt[string]) (*os.File, error) {
	path, open := named.Value, ownfile.Read
	if f.isCredential(path) {
		open = openAny
	}
	file, err := open(path)
	switch {
	case err == nil:
		return file, nil
	// Nobody can tell where the rc file was before it was copied, so the user has to.
	case errors.Is(err, fs.ErrNotExist) && f.isCredential(path):
		return nil, hints.Errorf("write the whole path, or add LoadCredential=NAME:/whole/path to the unit,"+
			" with the name that the rc file has",
			"passwordfile: %w: a relative path is looked for beside the rc file, of which systemd made"+
				" a copy there", unnamed(named))
	case errors.Is(err, fs.ErrNotExist):
		return nil, hints.Errorf(`write the path of a file; a password itself stands behind "password"`,
			"passwordfile: %w", unnamed(named))
	}
	return nil, fmt.Errorf("passwordfile: %w", err)
}

// shown is path for a message, unless no file is there.
func shown(path string) string {
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return "a file that is not there"
	}
	return path
}

// unnamed is the error of a file that is not there. It says where the rc file names it and not how: that may
// be the password itself, which was written where its file belongs.
func unnamed(file rcfile.Opt[string]) error {
	err := &fs.PathError{Op: "open", Path: filepath.Join(filepath.Dir(file.Value), "…"), Err: syscall.ENOENT}
	if at := file.Pos.String(); at != "" {
		return fmt.Errorf("%w (named at %s)", err, at)
	}
	return err
}

// openAny opens a file that somebody else answers for. A named pipe without a writer must not block the
// login.
func openAny(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
}

func readFirstLine(ctx context.Context, path string) (string, error) {
	f, err := openAny(path)
	if err != nil {
		return "", err
	}
	defer f.Close()

	text, err := readWithin(ctx, f, readTimeout)
	if err != nil {
		return "", fmt.Errorf("%s: %w", path, err)
	}
	return text, nil
}

// readWithin is readPassword for a file that may be a pipe, whose writer may keep us waiting until ctx or
// limit ends that.
func readWithin(ctx context.Context, f *os.File, limit time.Duration) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	// Where it is not supported, as for a regular file, a read ends by itself.
	stop := context.AfterFunc(ctx, func() { _ = f.SetReadDeadline(time.Now()) })
	defer stop()

	text, err := readPassword(f)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return "", hints.Errorf("see who writes into it", "nothing came within %v", limit)
	}
	return text, err
}

var errEmpty = hints.Errorf("nothing but the password stands in the first line",
	"the first line, which should be the password, is empty")

// byteOrderMark is what some editors begin a file of UTF-8 with.
var byteOrderMark = []byte("\xef\xbb\xbf")

// readPassword reads the first line of r without its line end and without a byte order mark.
func readPassword(r io.Reader) (string, error) {
	line, err := bufio.NewReaderSize(io.LimitReader(r, maxPassword+1), 512).ReadBytes('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("read the password: %w", err)
	}
	if len(line) > maxPassword {
		return "", hints.Errorf("is this the right file? the password stands in its first line",
			"the password is longer than %d bytes", maxPassword)
	}

	text := strings.TrimRight(string(bytes.TrimPrefix(line, byteOrderMark)), "\r\n")
	switch {
	case text == "":
		return "", errEmpty
	// It would end the password, or begin another field, in what is sent to the server. Mostly the file is
	// UTF-16.
	case strings.Contains(text, "\x00"):
		return "", hints.Errorf("save it as plain text, in UTF-8", "there is a NUL byte in the password")
	}
	return text, nil
}
