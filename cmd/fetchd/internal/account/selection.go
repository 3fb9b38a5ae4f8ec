package account

import (
	"slices"
	"strings"

	"fetchd/rcfile"
)

// Selected are the polls to run: those that names mean, even if marked "skip", or without names all active
// ones.
func Selected(cfg *rcfile.Config, names []string) []*rcfile.Poll {
	var polls []*rcfile.Poll
	for i := range cfg.Polls {
		poll := &cfg.Polls[i]
		wanted := len(names) == 0 && poll.Active
		for _, name := range names {
			wanted = wanted || isCalled(poll, name)
		}
		if wanted {
			polls = append(polls, poll)
		}
	}
	return polls
}

// AddUnknown adds an entry for each name that no poll has.
func AddUnknown(cfg *rcfile.Config, names []string) {
	for _, name := range names {
		if !IsKnown(cfg, name) {
			cfg.Polls = append(cfg.Polls, cfg.AdHoc(name))
		}
	}
}

// IsKnown tells whether a poll is called name.
func IsKnown(cfg *rcfile.Config, name string) bool {
	return slices.ContainsFunc(cfg.Polls, func(poll rcfile.Poll) bool { return isCalled(&poll, name) })
}

// isCalled tells whether name means the poll: it is the poll's own name or, ignoring case as in fetchmail,
// one that aka lists.
func isCalled(poll *rcfile.Poll, name string) bool {
	return poll.Name == name || slices.ContainsFunc(poll.AKA, func(aka string) bool {
		return strings.EqualFold(aka, name)
	})
}
