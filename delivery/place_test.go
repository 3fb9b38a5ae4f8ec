package delivery

import (
	"fmt"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// What keeps a file from growing has a next step of its own: on a disk with room "make room" helps nobody.
func TestHintOfGrowth(t *testing.T) {
	t.Parallel()
	for err, want := range map[error]string{
		unix.ENOSPC: "make room", unix.EDQUOT: "quota", unix.EFBIG: "LimitFSIZE",
	} {
		class, hint := judgePlace(place{kind: "mbox"}, nil, fmt.Errorf("append: %w", err))
		if class != Temporary || !strings.Contains(hint, want) || !strings.HasSuffix(hint, hintKept) {
			t.Errorf("%v: %v, %q", err, class, hint)
		}
	}
}
