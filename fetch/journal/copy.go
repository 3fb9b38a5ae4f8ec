package journal

import (
	"context"
	"errors"
	"slices"
	"strings"
)

// Names lists the accounts that have a record, in the order of their last use.
func (j *Journal) Names(ctx context.Context) ([]string, error) {
	boxes, err := j.store.list(ctx)
	if err != nil {
		return nil, explain(j.path, "read", err)
	}
	var names []string
	for _, b := range slices.Backward(boxes) {
		if !slices.Contains(names, b.account) {
			names = append(names, b.account)
		}
	}
	slices.Reverse(names)
	return names, nil
}

// Copy copies the record of one account to another that has none. No retrieval of either may be running.
func (j *Journal) Copy(ctx context.Context, from, to string) error {
	boxes, err := j.store.list(ctx)
	if err != nil {
		return explain(j.path, "read", err)
	}

	var changes []*change
	for _, b := range boxes {
		if b.account != from {
			continue
		}
		s, err := j.load(ctx, b.key)
		if err != nil {
			return explain(j.path, "read", err)
		}
		copied := box{
			key: b.key, inUse: s.inUse, validity: s.validity, uidNext: s.uidNext,
			census: s.census, changed: s.changed,
		}
		copied.account = to
		c := copied.next()
		c.fold(s.rows)
		changes = append(changes, c)
	}

	// All in one transaction and durably: half a copy would make the rest of the mail look new.
	if err := j.store.save(ctx, true, changes...); err != nil {
		return explain(j.path, "write", err)
	}

	for _, name := range []func(string) string{accountNote, obstaclesNote} {
		if err := j.copyNote(ctx, name(from), name(to)); err != nil {
			return err
		}
	}

	return errors.Join(j.copyMore(ctx, from, to), j.copyShares(ctx, from, to))
}

// copyMore copies the notes whose names begin with the account's and a blank: what its messages look like,
// which of them are excluded, and the like.
func (j *Journal) copyMore(ctx context.Context, from, to string) error {
	prefix := accountNote(from) + " "
	found, err := j.store.notes(ctx, prefix)
	if err != nil {
		return explain(j.path, "read", err)
	}
	for name := range found {
		if err := j.copyNote(ctx, name, accountNote(to)+" "+strings.TrimPrefix(name, prefix)); err != nil {
			return err
		}
	}
	return nil
}

// copyNote copies a note if it is intact. Losing a note is harmless, unlike losing a record.
func (j *Journal) copyNote(ctx context.Context, from, to string) error {
	text, err := j.note(ctx, from)
	// The copy of a damaged note would be a sound one with wrong content.
	if errors.Is(err, ErrDamaged) {
		return nil
	}
	if err == nil && text != "" {
		err = j.setNote(ctx, to, text)
	}
	return explain(j.path, "write", err)
}
