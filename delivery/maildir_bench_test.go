package delivery

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"testing"
)

// BenchmarkMaildir delivers 4 KB messages in groups, into TMPDIR. DELIVERY_BENCH_DIR names another file
// system.
func BenchmarkMaildir(b *testing.B) {
	for _, group := range []int{1, 2, 4, 8, 16, 100} {
		b.Run(fmt.Sprintf("group=%d", group), func(b *testing.B) {
			dir := b.TempDir()
			if other := os.Getenv("DELIVERY_BENCH_DIR"); other != "" {
				var err error
				if dir, err = os.MkdirTemp(other, "maildir"); err != nil {
					b.Fatal(err)
				}
				defer os.RemoveAll(dir)
			}
			benchmarkGroups(b, NewMaildir(MaildirOptions{Dir: dir}), group)
		})
	}
}

func benchmarkGroups(b *testing.B, d *Maildir, group int) {
	body := NewSpool(SpoolOptions{})
	if _, err := body.Write(bytes.Repeat([]byte("0123456789abcdef\n"), 4096/17)); err != nil {
		b.Fatal(err)
	}
	if err := body.Close(); err != nil {
		b.Fatal(err)
	}

	ms := make([]*Message, group)
	for i := range ms {
		ms[i] = &Message{
			Account: "ann@mail.example.org", UIDValidity: 7, Body: body, Trace: []byte("Received: from x\n"),
		}
	}

	b.ReportAllocs()
	uid := 0
	for b.Loop() {
		for i := range ms {
			uid++
			ms[i].UID = fmt.Sprint(uid)
		}

		for _, err := range d.DeliverGroup(context.Background(), ms) {
			if err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*group), "µs/msg")
}
