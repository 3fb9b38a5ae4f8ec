package fetch

import (
	"fmt"
	"testing"

	"fetchd/fetch/fetchtest"
)

// The latest looks of a mailbox are known, each once, whatever the number of transfers that noted them; a
// message may have grown a little on the server.
func TestKeptLooks(t *testing.T) {
	t.Parallel()
	a := &Account{Key: "key", Journal: fetchtest.OpenJournal(t)}
	looks := func(i int) string { return fmt.Sprintf("%d.%012dabcdefghijkl", 1000+i, i) }
	const noted, kept = (looksPages + 2) * looksPage, looksPages*looksPage + 500
	for i := 0; i < noted+500; i += looksPage * 3 / 2 {
		var some []string
		for k := i; k < min(noted+500, i+looksPage*3/2); k++ {
			some = append(some, looks(k))
		}
		if err := a.keepLooks(t.Context(), "a", some); err != nil {
			t.Fatal(err)
		}
	}

	known, err := a.knownLooks(t.Context(), "a")
	if err != nil || known.count != kept {
		t.Fatalf("%d are known, %v; want %d", known.count, err, kept)
	}
	last := noted + 499
	for _, tt := range []struct {
		name, looks string
		want        bool
	}{
		{"the last", looks(last), true},
		{"the last again", looks(last), false},
		{"the oldest that is kept", looks(noted + 500 - kept), true},
		{"one that is forgotten", looks(noted + 500 - kept - 1), false},
		{"one that has grown", fmt.Sprintf("%d%s", 1000+last-1+looksRoom, looks(last - 1)[6:]), true},
		{"one of another size", fmt.Sprintf("%d%s", 1001+last-2+looksRoom, looks(last - 2)[6:]), false},
		{"another header", looks(noted + 500), false},
	} {
		if got := known.take(tt.looks); got != tt.want {
			t.Errorf("%s: %v", tt.name, got)
		}
	}

	if other, err := a.knownLooks(t.Context(), "b"); err != nil || other.count != 0 {
		t.Errorf("%d are known of another mailbox, %v", other.count, err)
	}
}
