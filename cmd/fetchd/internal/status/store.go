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

// Save replaces the report in the file at path. It is for people to read and is not made durable: the next
// pass makes another.
func (r *Report) Save(path string) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*") // 0600, and never another's file
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name())
		}
	}()

	if err := errors.Join(json.NewEncoder(f).Encode(r), f.Close()); err != nil {
		return err
	}
	// Renamed, so that somebody who reads meanwhile finds one whole report.
	return os.Rename(f.Name(), path)
}

// Load reads the report that Save has written; the error is fs.ErrNotExist if there is none.
func Load(path string) (Report, error) {
	f, err := ownfile.Read(path)
	if err != nil {
		return Report{}, err
	}
	defer f.Close()
	return read(f, path)
}

func read(from io.Reader, source string) (Report, error) {
	var r Report
	err := json.NewDecoder(io.LimitReader(from, maxReport)).Decode(&r)
	if err != nil {
		return Report{}, fmt.Errorf("read the status from %s: %w", source, err)
	}
	r.makeFit()
	return r, nil
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
