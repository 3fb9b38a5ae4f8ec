package fault

import (
	"errors"
	"os"
	"strings"
	"testing"
)

func TestRecover(t *testing.T) {
	t.Parallel()
	var none []int
	own := errors.New("no panic")
	tests := []struct {
		name string
		f    func() error
		want string
	}{
		{"nothing", func() error { return nil }, ""},
		{"error", func() error { return own }, "no panic"},
		{"runtime error", func() error { return os.Chdir(string(rune(none[len(none)]))) },
			"internal error: runtime error: index out of range [0] with length 0; hint: "},
		{"text, perhaps of a peer", func() error { panic("sesame") }, "internal error: panic; hint: "},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			err := func() (err error) {
				defer Recover(&err)
				return tt.f()
			}()
			if (err == nil) != (tt.want == "") || err != nil && !strings.HasPrefix(err.Error(), tt.want) {
				t.Errorf("%v, want %s", err, tt.want)
			}
			var p *Error
			if errors.As(err, &p) && !strings.Contains(p.Stack, "fault_test.go:") {
				t.Errorf("the stack is %s", p.Stack)
			}
		})
	}
}
