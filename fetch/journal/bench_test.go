package journal_test

import (
	"crypto/sha256"
	"fmt"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"

	"fetchd/fetch/journal"
)

func benchJournal(b *testing.B) *journal.Journal {
	b.Helper()
	j, err := journal.Open(b.Context(), filepath.Join(b.TempDir(), "journal.db"))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { j.Close() })
	return j
}

// benchUIDLs are of 32 characters, as from Dovecot or Courier.
func benchUIDLs(n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf("%x", sha256.Sum256(fmt.Append(nil, i)))[:32]
	}
	return all
}

func BenchmarkOpen(b *testing.B) {
	path := filepath.Join(b.TempDir(), "journal.db")
	for b.Loop() {
		j, err := journal.Open(b.Context(), path)
		if err != nil {
			b.Fatal(err)
		}
		if err := j.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkCreate is the first start of a user.
func BenchmarkCreate(b *testing.B) {
	dir := b.TempDir()
	defer reportCPU(b)()
	for n := 0; b.Loop(); n++ {
		j, err := journal.Open(b.Context(), filepath.Join(dir, fmt.Sprint(n)))
		if err == nil {
			err = j.Close()
		}
		if err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRecord(b *testing.B) {
	for _, durable := range []bool{false, true} {
		for _, size := range []uint32{1, 100} {
			b.Run(fmt.Sprintf("uids=%d/durable=%v", size, durable), func(b *testing.B) {
				m, err := benchJournal(b).Mailbox(b.Context(), "a", "INBOX")
				if err == nil {
					err = begin(b.Context(), m, 1)
				}
				defer reportCPU(b)()
				for i := uint32(0); b.Loop() && err == nil; i++ {
					var s journal.Set
					s.AddRange(i*size+1, i*size+size)
					err = m.Record(b.Context(), s, true, durable)
				}
				if err != nil {
					b.Fatal(err)
				}
			})
		}
	}
}

// BenchmarkRetrieval5000 is the journal's part of a retrieval of 5000 messages in batches of 100, each
// recorded and then acknowledged.
func BenchmarkRetrieval5000(b *testing.B) {
	const messages, batch = 5000, 100
	for _, durable := range []bool{false, true} {
		b.Run(fmt.Sprintf("imap/durable=%v", durable), func(b *testing.B) {
			j := benchJournal(b)
			defer reportCPU(b)()
			for n := 0; b.Loop(); n++ {
				m, err := j.Mailbox(b.Context(), "a", fmt.Sprint("mailbox", n))
				if err == nil {
					err = begin(b.Context(), m, 1)
				}
				for i := uint32(1); i <= messages && err == nil; i += batch {
					var s journal.Set
					s.AddRange(i, i+batch-1)
					if err = m.Record(b.Context(), s, true, durable); err == nil {
						err = m.Acknowledged(b.Context(), s)
					}
				}
				if err == nil {
					err = m.End(b.Context(), messages+1)
				}
				if err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(fmt.Sprintf("pop3/durable=%v", durable), func(b *testing.B) {
			j, all := benchJournal(b), benchUIDLs(messages)
			defer reportCPU(b)()
			for n := 0; b.Loop(); n++ {
				d, err := j.Maildrop(b.Context(), fmt.Sprint("account", n))
				if err == nil {
					err = beginDrop(b.Context(), d)
				}
				for i := 0; i < messages && err == nil; i += batch {
					err = d.Record(b.Context(), all[i:i+batch], true, durable)
				}
				if err == nil {
					err = d.Acknowledged(b.Context(), all)
				}
				if err == nil {
					err = d.End(b.Context(), true)
				}
				if err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkPoll is a retrieval that finds nothing new.
func BenchmarkPoll(b *testing.B) {
	j := benchJournal(b)
	for b.Loop() {
		m, err := j.Mailbox(b.Context(), "a", "INBOX")
		if err == nil {
			err = m.Start(b.Context(), 1)
		}
		if err == nil {
			err = m.End(b.Context(), 1)
		}
		if err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkLoad100000 opens a maildrop of 100,000 UIDLs; heap-MB is what stays in memory while it is in use.
func BenchmarkLoad100000(b *testing.B) {
	j := benchJournal(b)
	d, err := j.Maildrop(b.Context(), "a")
	if err == nil {
		err = beginDrop(b.Context(), d)
	}
	if err == nil {
		err = d.Record(b.Context(), benchUIDLs(100000), false, false)
	}
	if err == nil {
		err = d.End(b.Context(), false)
	}
	d = nil
	before := heap()
	for b.Loop() && err == nil {
		d, err = j.Maildrop(b.Context(), "a")
	}
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(heap()-before)/1e6, "heap-MB")
	runtime.KeepAlive(d)
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// reportCPU adds the processor time of an operation, all threads, user and system.
func reportCPU(b *testing.B) func() {
	before := cpu()
	return func() { b.ReportMetric((cpu()-before)/float64(b.N), "cpu-ms/op") }
}

func cpu() float64 {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		return 0
	}
	return float64(r.Utime.Nano()+r.Stime.Nano()) / 1e6
}
