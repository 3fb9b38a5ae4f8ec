package delivery

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"unicode"
)

// UserPlace stands for the recipient in the path of a destination that each user has one of.
const UserPlace = "%T"

const (
	fileNameMost = 255  // bytes
	perUserKept  = 1000 // destinations; those of more recipients are made each time
)

// PerUser delivers to each recipient in a place of his own. It is safe for concurrent use.
type PerUser struct {
	pattern string
	make    func(path string) Deliverer

	mu   sync.Mutex // guards what follows
	made map[string]Deliverer
}

// NewPerUser returns a Deliverer to what at makes of the path of each recipient: pattern, with the recipient
// for each UserPlace in it.
func NewPerUser(pattern string, at func(path string) Deliverer) *PerUser {
	return &PerUser{pattern: pattern, make: at, made: map[string]Deliverer{}}
}

func (d *PerUser) String() string { return d.make(d.pattern).String() }

// KeepsMarks implements MarkKeeper.
func (d *PerUser) KeepsMarks() bool { return KeepsMarks(d.make(d.pattern)) }

// KeepsFolders implements FolderKeeper.
func (d *PerUser) KeepsFolders() bool { return KeepsFolders(d.make(d.pattern)) }

// Takes tells whether a recipient's name can be a part of a path: it must not lead anywhere else.
func (d *PerUser) Takes(recipient string) bool {
	return recipient != "" && len(recipient) <= fileNameMost && recipient[0] != '.' &&
		!strings.ContainsFunc(recipient, func(r rune) bool { return r == '/' || unicode.IsControl(r) })
}

// Path is where a recipient has his mail.
func (d *PerUser) Path(recipient string) string {
	return strings.ReplaceAll(d.pattern, UserPlace, recipient)
}

// Exists tells whether a recipient has a place here: the directory, or the directory of the file, that is
// named after him. It is for names that the rc file does not have: nobody gets a place by being written to.
func (d *PerUser) Exists(recipient string) bool {
	if !d.Takes(recipient) {
		return false
	}

	before, after, _ := strings.Cut(d.pattern, UserPlace)
	// Only the part that is named after the recipient must be there; what is below it is made.
	component, _, _ := strings.Cut(after, "/")
	_, err := os.Stat(strings.ReplaceAll(before+UserPlace+component, UserPlace, recipient))
	return err == nil
}

func (d *PerUser) of(recipient string) Deliverer {
	d.mu.Lock()
	defer d.mu.Unlock()
	if made := d.made[recipient]; made != nil {
		return made
	}
	made := d.make(d.Path(recipient))
	if len(d.made) < perUserKept {
		d.made[recipient] = made
	}
	return made
}

// Deliver implements Deliverer.
func (d *PerUser) Deliver(ctx context.Context, m *Message) error {
	return d.DeliverGroup(ctx, []*Message{m})[0]
}

// DeliverGroup implements GroupDeliverer: each recipient gets all that is his as one group.
func (d *PerUser) DeliverGroup(ctx context.Context, ms []*Message) []error {
	var recipients []string
	theirs := map[string][]int{}
	for i, m := range ms {
		for _, r := range m.Recipients {
			if theirs[r] == nil {
				recipients = append(recipients, r)
			}
			theirs[r] = append(theirs[r], i)
		}
	}

	results := make([]parts, len(ms))
	for _, r := range recipients {
		group := make([]*Message, len(theirs[r]))
		for k, i := range theirs[r] {
			// A copy, as the message belongs to the caller and the other recipients.
			one := *ms[i]
			one.Recipients = []string{r}
			group[k] = &one
		}
		for k, err := range d.deliverTo(ctx, r, group) {
			results[theirs[r][k]].add(deliveredTo(group[k], err), err)
		}
	}

	errs := make([]error, len(ms))
	for i := range results {
		errs[i] = results[i].result(false)
	}
	return errs
}

// deliverTo delivers to one recipient. That his place is unusable says nothing of the others'.
func (d *PerUser) deliverTo(ctx context.Context, recipient string, ms []*Message) []error {
	if !d.Takes(recipient) {
		err := fmt.Errorf("%s: %.100q can't be a part of the path", d, recipient)
		return slices.Repeat([]error{&Error{Class: Permanent, Err: err}}, len(ms))
	}

	errs := deliverAll(ctx, d.of(recipient), ms)
	for i, err := range errs {
		// Unusable would end the whole retrieval, for everybody's mail.
		if err != nil && ClassOf(err) == Unusable {
			errs[i] = &Error{Class: Temporary, Err: err}
		}
	}
	return errs
}
