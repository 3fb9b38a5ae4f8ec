package delivery

import (
	"errors"
	"sync/atomic"
	"testing"

	"fetchd/fetch/fault"
)

// A message on which the program fails is one message's error, and leaves no file and no descriptor open.
func TestMaildirPanic(t *testing.T) {
	t.Parallel()
	for _, how := range []syncHow{syncEach, syncWhole} {
		d, _ := recorded(t, how)
		var closed atomic.Int32
		shut := d.sys.close
		d.sys.close = func(fd int) error { closed.Add(1); return shut(fd) }
		good, bad := mailFrom(t, "1", "one\n"), mailFrom(t, "2", "two\n")
		bad.Edit = &HeaderEdit{Head: []byte("X: y\n\n"), Skip: bad.Body.Size() + 1}
		errs := d.DeliverGroup(t.Context(), []*Message{bad, good, bad})
		var p *fault.Error
		if !errors.As(errs[0], &p) || errs[1] != nil || errs[2] == nil {
			t.Errorf("%v", errs)
		}
		if got := namesIn(t, d.dir, "tmp"); len(got) > 0 {
			t.Errorf("left in tmp: %v", got)
		}
		if got := namesIn(t, d.dir, "new"); len(got) != 1 {
			t.Errorf("in new: %v", got)
		}
		if closed.Load() != 2 {
			t.Errorf("%d files closed", closed.Load())
		}
	}
}
