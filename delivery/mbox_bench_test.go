package delivery

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// BenchmarkMbox delivers 4 KB messages in groups, into TMPDIR or DELIVERY_BENCH_DIR. "raw" writes the same
// bytes and syncs as often.
func BenchmarkMbox(b *testing.B) {
	dir, err := os.MkdirTemp(os.Getenv("DELIVERY_BENCH_DIR"), "mbox")
	if err != nil {
		b.Fatal(err)
	}
	defer os.RemoveAll(dir)
	for _, group := range []int{1, 16, 256} {
		path := filepath.Join(dir, fmt.Sprint(group))
		m := mailFrom(b, "1", "From: bob@example.net\nSubject: x\n\n"+strings.Repeat(strings.Repeat("x",
			69)+"\n", 58))
		m.Trace = []byte("Received: from x\n")
		ms := make([]*Message, group)
		for i := range ms {
			ms[i] = m
		}
		b.Run(fmt.Sprintf("group=%d", group), func(b *testing.B) {
			d := NewMbox(path)
			b.SetBytes(int64(group) * m.Body.Size())
			for b.Loop() {
				for _, err := range d.DeliverGroup(b.Context(), ms) {
					if err != nil {
						b.Fatal(err)
					}
				}
			}
		})
		b.Run(fmt.Sprintf("group=%d raw", group), func(b *testing.B) {
			text, _ := m.Body.Bytes()
			text = bytes.Repeat(append([]byte("From bob@example.net Sat Nov  7 00:02:03 2026\n"+
				"Received: from x\n"), append(text, '\n')...), group)
			f, err := os.OpenFile(path+".raw", os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
			if err != nil {
				b.Fatal(err)
			}
			defer f.Close()
			b.SetBytes(int64(group) * m.Body.Size())
			for b.Loop() {
				if _, err := f.Write(text); err != nil {
					b.Fatal(err)
				}
				if err := f.Sync(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
