package journal

import (
	"context"
	"strings"
)

// Shares returns the texts of an account's messages that only some recipients have, by what tells one message
// from another. Each has a note of its own, as there may be many and each changes alone.
func (j *Journal) Shares(ctx context.Context, account string) (map[string]string, error) {
	prefix := shareNote(account, "")
	found, err := j.store.notes(ctx, prefix)
	if err != nil {
		return nil, explain(j.path, "read", err)
	}

	shares := make(map[string]string, len(found))
	for name, n := range found {
		if err := n.check(name); err != nil {
			return nil, explain(j.path, "read", err)
		}
		shares[strings.TrimPrefix(name, prefix)] = n.text
	}
	return shares, nil
}

// SetShare replaces the text of one message, as SetNote does.
func (j *Journal) SetShare(ctx context.Context, account, message, text string) error {
	return explain(j.path, "write", j.setNote(ctx, shareNote(account, message), text))
}

// shareNote is the name of a note. No account has a line end in its name, so none begins like another.
func shareNote(account, message string) string { return "share " + account + "\n" + message }

// copyShares copies the notes of one account to another.
func (j *Journal) copyShares(ctx context.Context, from, to string) error {
	shares, err := j.Shares(ctx, from)
	if err != nil {
		return err
	}
	for message, text := range shares {
		if err := j.SetShare(ctx, to, message, text); err != nil {
			return err
		}
	}
	return nil
}
