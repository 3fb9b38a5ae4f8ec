package main

import (
	"testing"

	"fetchd/fetch/schedule"
	"fetchd/rcfile"
)

// TestDefaults compares what --configdump shows of settings that the file doesn't name with what is then done.
func TestDefaults(t *testing.T) {
	t.Parallel()
	for keyword, want := range map[string]int{"maxpolls": schedule.DefaultMaxPolls, "maxperhost": schedule.DefaultMaxPerHost} {
		found := false
		for _, k := range rcfile.Keywords() {
			if k.Name == keyword {
				found = true
				if k.Default != want {
					t.Errorf("%s: the rc file's default is %v, the scheduler's %d", keyword, k.Default, want)
				}
			}
		}
		if !found {
			t.Errorf("no keyword %s", keyword)
		}
	}
}
