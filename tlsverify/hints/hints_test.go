package hints

import (
	"errors"
	"fmt"
	"testing"
)

func TestSplit(t *testing.T) {
	t.Parallel()
	base := errors.New("no route")
	for _, tt := range []struct {
		name, problem, hint string
		err                 error
	}{
		{"none", "no route", "", base},
		{"own", "dial: no route", "check the network", Errorf("check the network", "dial: %w", base)},
		{"an empty one", "dial: no route", "check the network", Errorf("", "dial: %w", Add(base, "check the network"))},
		{"added", "no route", "check the network", Add(base, "check the network")},
		{"wrapped", "ann@h: no route", "check it", fmt.Errorf("ann@h: %w", Add(base, "check it"))},
		{"in the middle", "a; hint: check it and b", "", fmt.Errorf("a; hint: %s and b", "check it")},
		{"two", "x: no route", "inner; outer", Errorf("outer", "x: %w", Add(base, "inner"))},
		{"a server's", `refused: "no; hint: call +1"`, "", fmt.Errorf("refused: %q", "no; hint: call +1")},
		{"followed by more", "no route; hint: check it (3 times)", "", fmt.Errorf("%w (3 times)", Add(base, "check it"))},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			problem, hint := Split(tt.err)
			if problem != tt.problem || hint != tt.hint {
				t.Errorf("%q and %q", problem, hint)
			}
			if hint != "" && tt.err.Error() != Text(problem, hint) {
				t.Errorf("the whole is %q", tt.err)
			}
		})
	}
	if Add(nil, "x") != nil {
		t.Error("nil became an error")
	}
}
