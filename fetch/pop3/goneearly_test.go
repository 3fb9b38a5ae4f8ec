package pop3

import (
	"fmt"
	"regexp"
	"testing"
	"time"

	"fetchd/delivery"
	"fetchd/fetch/fetchtest"
)

// A message that others delete while headers are asked for says nothing of the others: these are recognised
// under their new UIDLs, and excluded, as always.
func TestGoneBeforeItsHeader(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name     string
		habits   habits
		excluded bool
	}{
		{"renamed, no CAPA", habits{capa: 1}, false},
		{"renamed, CAPA", habits{}, false},
		{"renamed, pipelining", habits{pipelines: 1}, false},
		{"excluded, no CAPA", habits{capa: 1}, true},
		{"excluded, CAPA", habits{}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := newHistory(6)
			h.habits, h.daemon, h.kills = tt.habits, false, false
			h.begin(fetchtest.OpenJournal(t), t.TempDir())
			h.Keep = true

			h.receive(5)
			if tt.excluded {
				h.Exclude = []delivery.HeaderPattern{{Field: "Subject", Pattern: regexp.MustCompile("[2-9]")}}
			} else {
				h.poll(t, time.Hour)
				h.rename()
			}
			h.hears = func(verb string) bool {
				if first := h.box[0]; verb == "TOP" && first.id == 1 {
					h.remove(first)
				}
				return false
			}
			h.poll(t, time.Hour)

			want := map[int]int{1: 1, 2: 1, 3: 1, 4: 1, 5: 1}
			if tt.excluded {
				want = map[int]int{}
			}
			if fmt.Sprint(h.got) != fmt.Sprint(want) {
				t.Errorf("delivered %v, want %v: %v\n%v", h.got, want, h.errs, h.log)
			}
		})
	}
}
