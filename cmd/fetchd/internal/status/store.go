package status

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"fetchd/cmd/fetchd/internal/logging"
	"fetchd/delivery/ownfile"
)

// maxReport bounds what is read of a report: 10,000 accounts, each with a long error and a full history.
const maxReport = 128 << 20

// chunk is how many accounts are made into text at once: ten thousand have some ten megabytes of it.
const chunk = 100

// Save replaces the report in the file at path, and returns its size. After a crash the old report or the new
// one is there.
func (r *Report) Save(path string) (size int64, err error) {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*") // 0600, and never another's file
	if err != nil {
		return 0, err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name())
		}
	}()

	size, err = r.write(f)
	// Synced before the rename: otherwise a crash could leave the new name with no contents.
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return 0, err
	}
	// Renamed, so that somebody who reads meanwhile finds one whole report.
	return size, os.Rename(f.Name(), path)
}

// Append adds a later report, of some of the accounts, to that in the file at path, and returns the size of
// the file. It is not made durable.
func (r *Report) Append(path string) (size int64, err error) {
	f, err := ownfile.Open(path, os.O_WRONLY|os.O_APPEND)
	if err != nil {
		return 0, err
	}
	size, err = r.write(f)
	return size, errors.Join(err, f.Close())
}

// write adds the report to a file, in parts of a line each, and returns the size of the file.
func (r *Report) write(f *os.File) (size int64, err error) {
	encoder := json.NewEncoder(f)
	part, rest := *r, r.Accounts
	for first := true; first || len(rest) > 0; first = false {
		n := min(chunk, len(rest))
		part.Accounts, rest = rest[:n], rest[n:]
		if err := encoder.Encode(part); err != nil {
			return 0, err
		}
	}

	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// Load reads the report that Save has written, with what Append has added; the error is fs.ErrNotExist if
// there is none.
func Load(path string) (Report, error) {
	f, err := ownfile.Read(path)
	if err != nil {
		return Report{}, err
	}
	defer f.Close()

	var whole Report
	places := map[string]int{}
	decoder := newDecoder(f)
	for first := true; ; first = false {
		var part Report
		if err := decoder.Decode(&part); err != nil && first {
			return Report{}, unreadable(path, err)
		} else if err != nil { // the end, or what a crash has left of a part
			break
		}
		whole.update(part, places)
	}

	whole.sort()
	whole.makeFit()
	return whole, nil
}

// update makes the report say what a later one says. places are the indexes of the accounts by their keys.
func (r *Report) update(later Report, places map[string]int) {
	r.At, r.Alerts = later.At, later.Alerts
	for _, a := range later.Accounts {
		if i, known := places[a.key()]; known {
			r.Accounts[i] = a
			continue
		}
		places[a.key()] = len(r.Accounts)
		r.Accounts = append(r.Accounts, a)
	}
}

// read reads one report.
func read(from io.Reader, source string) (Report, error) {
	var r Report
	if err := newDecoder(from).Decode(&r); err != nil {
		return Report{}, unreadable(source, err)
	}
	r.makeFit()
	return r, nil
}

func newDecoder(from io.Reader) *json.Decoder {
	return json.NewDecoder(io.LimitReader(from, maxReport))
}

func unreadable(source string, err error) error {
	return fmt.Errorf("read the status from %s: %w", source, err)
}

// makeFit gives a report what each one has that is made here, whoever wrote this one.
func (r *Report) makeFit() {
	for i := range r.Accounts {
		a := &r.Accounts[i]
		a.State = logging.Escape(a.State)
		if a.Failure == nil && a.State == Disabled {
			a.Failure = new(Failure)
		}
	}
}
