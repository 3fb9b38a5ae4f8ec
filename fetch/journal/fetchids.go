package journal

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"time"
)

// fetchidsLine bounds a line of fetchmail's file; RFC 1939 allows a UIDL 70 bytes.
const fetchidsLine = 64 << 10

// ImportFetchids imports which messages fetchmail has seen: r is its .fetchids, with lines `user@host uid`.
// accountKey gives the journal's name for that login, or false if the rc file has no such account.
// ImportFetchids returns how many UIDLs were new, and ignores odd lines. If r has a name and an age (an
// *os.File), an unchanged file is imported only once for each account. No account that is new in the file
// may be retrieved meanwhile.
func (j *Journal) ImportFetchids(
	ctx context.Context, r io.Reader, accountKey func(user, host string) (key string, ok bool),
) (int, error) {
	file := fileMark(r)
	if old, err := j.importedBefore(ctx, file); old || err != nil {
		return 0, explain(j.path, "read", err)
	}

	found, complete, err := readFetchids(r, accountKey)
	if err != nil {
		return 0, fmt.Errorf("read fetchmail's UIDs: %w", err)
	}

	n := 0
	for _, a := range found {
		added, err := j.importOnce(ctx, file, a)
		n += added
		var damage *damageError
		if errors.As(err, &damage) { // the account's retrieval reports it; the others go on
			complete = false
			continue
		}
		if err != nil {
			return n, err
		}
	}

	// The accounts that are missing in the rc file may be added later, so the file as a whole is not done.
	if !complete {
		return n, nil
	}

	return n, j.setImported(ctx, file, n)
}

// importOnce imports what the file says about one account. A second import would bring back what was
// forgotten since the first.
func (j *Journal) importOnce(ctx context.Context, file string, a seenUIDLs) (int, error) {
	part := file
	if file != "" {
		part += " " + a.key
	}
	if old, err := j.importedBefore(ctx, part); old || err != nil {
		return 0, explain(j.path, "read", err)
	}
	n, err := j.importUIDLs(ctx, a.key, a.uidls)
	if err != nil {
		return n, err
	}
	return n, j.setImported(ctx, part, n)
}

func (j *Journal) setImported(ctx context.Context, file string, n int) error {
	if file == "" {
		return nil
	}
	text := fmt.Sprintf("%d UIDLs, at %s", n, j.now().UTC().Format(time.RFC3339))
	return explain(j.path, "write", j.setNote(ctx, importNote(file), text))
}

// fileMark identifies this state of a file; "" if r is not a file.
func fileMark(r io.Reader) string {
	f, ok := r.(interface {
		Name() string
		Stat() (fs.FileInfo, error)
	})
	if !ok {
		return ""
	}
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return ""
	}
	// Like make: size and time tell one state of the file from another well enough, without reading it.
	return fmt.Sprintf("%s %d %d", f.Name(), info.Size(), info.ModTime().UnixNano())
}

func (j *Journal) importedBefore(ctx context.Context, file string) (bool, error) {
	if file == "" {
		return false, nil
	}
	text, err := j.note(ctx, importNote(file))
	return text != "", err
}

// importNote is the name of the note which says that a file was imported.
func importNote(file string) string { return "imported " + file }

// seenUIDLs is what fetchmail's file says about one account.
type seenUIDLs struct {
	key   string
	uidls []string
}

// readFetchids returns the accounts in the order of the file; complete tells whether the login of every
// line was known.
func readFetchids(
	r io.Reader, accountKey func(user, host string) (string, bool),
) (found []seenUIDLs, complete bool, err error) {
	complete = true
	index := map[string]int{}
	err = shortLines(r, func(line string) {
		user, host, uidl, ok := parseFetchid(line)
		if !ok {
			return
		}

		key, ok := accountKey(user, host)
		if !ok {
			complete = false
			return
		}

		i, ok := index[key]
		if !ok {
			i = len(found)
			index[key] = i
			found = append(found, seenUIDLs{key: key})
		}

		found[i].uidls = append(found[i].uidls, uidl)
	})

	return found, complete, err
}

// parseFetchid parses a line. The user may contain blanks and @, the UIDL @ but no blanks.
func parseFetchid(line string) (user, host, uidl string, ok bool) {
	line = strings.TrimRight(line, " \t\r\n")
	// From the right: a user may have blanks in the name, a UIDL has none.
	blank := strings.LastIndexAny(line, " \t")
	if blank < 0 {
		return "", "", "", false
	}
	login, uidl := strings.TrimRight(line[:blank], " \t"), line[blank+1:]
	// Likewise: the user may be an address.
	at := strings.LastIndexByte(login, '@')
	if at <= 0 || at == len(login)-1 {
		return "", "", "", false
	}
	return login[:at], login[at+1:], uidl, true
}

// shortLines calls f with each line of at most fetchidsLine bytes.
func shortLines(r io.Reader, f func(line string)) error {
	in := bufio.NewReaderSize(r, fetchidsLine)
	whole := true

	for {
		line, err := in.ReadSlice('\n')
		// The rest of a line that is too long is no line of its own.
		if errors.Is(err, bufio.ErrBufferFull) {
			whole = false
			continue
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}

		if whole {
			f(string(line))
		}
		if err != nil {
			return nil
		}
		whole = true
	}
}

// importUIDLs adds the UIDLs that the record of the account lacks, and makes the account known.
func (j *Journal) importUIDLs(ctx context.Context, account string, uidls []string) (int, error) {
	d, err := j.Maildrop(ctx, account)
	if err != nil {
		return 0, err
	}

	// Only what the record lacks: what we delivered ourselves must not become merely imported.
	lacking := uidls[:0]
	for _, u := range uidls {
		if s := d.MarkListed([]byte(u)); !s.Done && !s.Again {
			lacking = append(lacking, u)
		}
	}

	// A new account is recorded even without any UIDL: it is known from then on.
	if len(lacking) == 0 && !d.New() {
		return 0, nil
	}

	rows, err := encode(imported, j.now().Unix(), lacking, nil)
	if err != nil {
		return 0, explain(j.path, "write", err)
	}

	if err := d.Start(ctx); err != nil {
		return 0, err
	}

	return len(lacking), d.append(ctx, rows, false) // without the in-use mark: an import is not a retrieval
}
