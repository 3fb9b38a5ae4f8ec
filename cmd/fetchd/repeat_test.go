package main

import (
	"errors"
	"testing"

	"fetchd/fetch"
)

func TestRepeats(t *testing.T) {
	t.Parallel()
	var r repeats
	for i, step := range []struct {
		account, box   string
		err            error
		changed, ended bool
	}{
		{"a", "", nil, false, false},
		{"a", "", errors.New("no route"), true, false},
		{"a", "", errors.New("no route"), false, false},
		{"b", "", errors.New("no route"), true, false},
		{"a", "", errors.New("refused"), true, false},
		{"a", "", nil, false, true},
		{"a", "", nil, false, false},
		{"a", "", errors.New("refused"), true, false},
		{"c", "", errors.New("read 127.0.0.1:53438: reset"), true, false},
		{"c", "", errors.New("read 127.0.0.1:53450: reset"), false, false},
		{"d", "", errors.New(`NO "refused a71cb050932-20mb1"`), true, false},
		{"d", "", errors.New(`NO "refused 6247f752f9b-3mb20"`), false, false},
		{"d", "", errors.New(`NO "closed a71cb050932-20mb1"`), true, false},
		{"e", "INBOX", errors.New("no such mailbox"), true, false},
		{"e", "Lists", nil, false, false},
		{"e", "INBOX", errors.New("no such mailbox"), false, false},
		{"e", "INBOX", nil, false, true},
	} {
		a := &fetch.Account{Name: step.account, Selection: fetch.Selection{Mailboxes: []string{step.box}}}
		if changed, ended := r.news(a, step.err); changed != step.changed || ended != step.ended {
			t.Errorf("step %d: changed %v, ended %v", i, changed, ended)
		}
	}
}
