package hints

import (
	"errors"
	"fmt"
	"slices"
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
		{"an empty one", "dial: no route", "check the network",
			Errorf("", "dial: %w", Add(base, "check the network"))},
		{"added", "no route", "check the network", Add(base, "check the network")},
		{"wrapped", "ann@h: no route", "check it", fmt.Errorf("ann@h: %w", Add(base, "check it"))},
		{"in the middle", "a; hint: check it and b", "", fmt.Errorf("a; hint: %s and b", "check it")},
		{"the same twice", "x: no route", "inner", Errorf("inner", "x: %w", Add(base, "inner"))},
		{"two", "x: no route", "inner; outer", Errorf("outer", "x: %w", Add(base, "inner"))},
		{"a server's", `refused: "no; hint: call +1"`, "", fmt.Errorf("refused: %q", "no; hint: call +1")},
		{"followed by more", "no route (3 times)", "check it",
			Errorf("", "%w (3 times)", Add(base, "check it"))},
		{"followed by more and one's own", "no route (3 times)", "check it; wait",
			Errorf("wait", "%w (3 times)", Add(base, "check it"))},
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

func TestLines(t *testing.T) {
	t.Parallel()
	route, full := Add(errors.New("no route"), "check the network"), Add(errors.New("disk full"), "make room")
	for _, tt := range []struct {
		name string
		err  error
		want []Line
	}{
		{"one", route, []Line{{"no route", "check the network"}}},
		{"none", errors.New("x"), []Line{{"x", ""}}},
		{"joined", errors.Join(route, full), []Line{{"no route", "check the network"},
			{"disk full", "make room"}}},
		{"one without", errors.Join(route, errors.New("x"), full, errors.New("y"), errors.New("z")), []Line{
			{"no route", "check the network"}, {"x; disk full", "make room"}, {"y; z", ""}}},
		{"joined and wrapped", fmt.Errorf("ann@h: %w", errors.Join(full, route)), []Line{
			{"ann@h: disk full", "make room"}, {"no route", "check the network"}}},
		{"joined twice", errors.Join(errors.Join(full, nil), route), []Line{
			{"disk full", "make room"}, {"no route", "check the network"}}},
		{"the same for both", errors.Join(full, fmt.Errorf("again: %w", full)), []Line{
			{"disk full; again: disk full", "make room"}}},
		{"a server's", errors.Join(fmt.Errorf("refused: %q", "no; hint: make room"), full), []Line{
			{`refused: "no; hint: make room"; disk full`, "make room"}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := Lines(tt.err); !slices.Equal(got, tt.want) {
				t.Errorf("%q", got)
			}
		})
	}
}

func TestEach(t *testing.T) {
	t.Parallel()
	a, b := errors.New("a"), Add(errors.New("b"), "own")

	add := func(err error) error {
		if Of(err) != "" {
			return err
		}
		return Add(err, "given")
	}

	for _, tt := range []struct {
		name, want string
		err        error
	}{
		{"one", "a; hint: given", a},
		{"joined", "a; hint: given\nb; hint: own", errors.Join(a, b)},
		{"joined twice", "a; hint: given\nb; hint: own\na; hint: given", errors.Join(errors.Join(a, b), a)},
		{"two causes", "a and a; hint: given", fmt.Errorf("%w and %w", a, a)},
		{"a wrapped one", "x: a\na; hint: given", fmt.Errorf("x: %w", errors.Join(a, a))},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if err := Each(tt.err, add); err.Error() != tt.want || !errors.Is(err, a) {
				t.Errorf("%v", err)
			}
		})
	}
}

// TestUnsaid: a next step is said once, whichever error has it.
func TestUnsaid(t *testing.T) {
	said := map[string]bool{}
	full, slow := Errorf("make room", "disk full"), Errorf("wait", "too slow")
	for i, tt := range []struct {
		err  error
		want string
	}{
		{full, "disk full; hint: make room"},
		{fmt.Errorf("message 2: %w", full), "message 2: disk full"},
		{errors.Join(full, slow), "disk full\ntoo slow; hint: wait"},
		{errors.Join(full, slow), "disk full\ntoo slow"},
		{errors.New("alone"), "alone"},
		{Add(slow, "or call"), "too slow; hint: wait; or call"},
	} {
		err := Unsaid(tt.err, said)
		if err.Error() != tt.want || !errors.Is(err, tt.err) {
			t.Errorf("%d: %q, want %q", i, err, tt.want)
		}
	}
}
