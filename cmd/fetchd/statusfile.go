package main

import (
	"context"
	"sync"
	"time"

	"fetchd/cmd/fetchd/internal/status"
	"fetchd/fetch/schedule"
)

const (
	// statusPause is between two saves of the status: what a daemon may lose that is killed.
	statusPause = time.Minute

	// statusGrowth is how many bytes may be added to a file that is smaller without them. A larger one may
	// double.
	statusGrowth = 1 << 20
)

// statusFile is where a daemon leaves behind how its accounts are: "fetchd status" shows it when the daemon
// has ended, and the next one goes on from there. Its methods may be called from anywhere.
type statusFile struct {
	path string
	news chan struct{} // capacity 1: there is something to save

	mu      sync.Mutex
	changed map[string]bool // the accounts that have news since the last save; nil = write the file anew

	saving sync.Mutex // guards what follows, and is held while the file is written
	whole  int64      // size of the file when it was written anew
	size   int64      // and now
}

func newStatusFile(path string) *statusFile {
	return &statusFile{path: path, news: make(chan struct{}, 1)}
}

// note notes how a retrieval has ended; first = it is the account's first of this daemon. Most bring nothing
// new, and cost no write.
func (f *statusFile) note(o schedule.Outcome, first bool) {
	moved := o.Result.Delivered + o.Result.Deleted + o.Result.Failed
	failed := o.Err != nil && !o.Repeats
	if !first && !o.Recovered && !failed && moved == 0 {
		return
	}

	f.mu.Lock()
	defer f.mu.Unlock()
	if f.changed != nil {
		f.changed[o.Account.Name] = true
	}
	f.wake()
}

// renew has the whole file written by the next save: there may be other accounts now.
func (f *statusFile) renew() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.changed = nil
	f.wake()
}

func (f *statusFile) wake() {
	select {
	case f.news <- struct{}{}:
	default:
	}
}

// keep calls save when there is news, but not too often, until ctx ends.
func (f *statusFile) keep(ctx context.Context, save func()) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-f.news:
			save()
		}
		if !wait(ctx, statusPause) {
			return
		}
	}
}

// save writes down what is new of the accounts. report returns how they are, with the past of those for which
// whole is true.
func (f *statusFile) save(report func(whole func(account string) bool) status.Report) (err error) {
	f.saving.Lock()
	defer f.saving.Unlock()
	changed := f.takeChanged()
	defer func() {
		if err != nil { // whatever is in the file now
			f.renew()
		}
	}()

	if changed == nil || f.size-f.whole > max(f.whole, statusGrowth) {
		r := report(func(string) bool { return true })
		r.Settle()
		f.size, err = r.Save(f.path)
		f.whole = f.size
		return err
	}
	if len(changed) == 0 {
		return nil
	}

	r := report(func(account string) bool { return changed[account] })
	r.Settle()
	r.Keep(func(account string) bool { return changed[account] })
	f.size, err = r.Append(f.path)
	return err
}

func (f *statusFile) takeChanged() map[string]bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	changed := f.changed
	f.changed = map[string]bool{}
	return changed
}
