package main

import (
	"errors"
	"testing"
)

func TestRepeats(t *testing.T) {
	t.Parallel()
	var r repeats
	for i, step := range []struct {
		account        string
		err            error
		changed, ended bool
	}{
		{"a", nil, false, false},
		{"a", errors.New("no route"), true, false},
		{"a", errors.New("no route"), false, false},
		{"b", errors.New("no route"), true, false},
		{"a", errors.New("refused"), true, false},
		{"a", nil, false, true},
		{"a", nil, false, false},
		{"a", errors.New("refused"), true, false},
	} {
		if changed, ended := r.news(step.account, step.err); changed != step.changed || ended != step.ended {
			t.Errorf("step %d: changed %v, ended %v", i, changed, ended)
		}
	}
}
