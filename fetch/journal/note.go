package journal

import (
	"context"
	"fmt"
	"hash/crc32"
)

// Note returns the last text that was noted for an account, "" for none. Its meaning is up to the caller.
func (j *Journal) Note(ctx context.Context, account string) (string, error) {
	text, err := j.note(ctx, accountNote(account))
	return text, explain(j.path, "read", err)
}

// SetNote replaces the text noted for an account; it survives the death of the process. "" removes it.
func (j *Journal) SetNote(ctx context.Context, account, text string) error {
	return explain(j.path, "write", j.setNote(ctx, accountNote(account), text))
}

// Obstacles and SetObstacles are Note and SetNote for another text: of the messages at which sessions end.
func (j *Journal) Obstacles(ctx context.Context, account string) (string, error) {
	text, err := j.note(ctx, obstaclesNote(account))
	return text, explain(j.path, "read", err)
}

// SetObstacles is described at Obstacles.
func (j *Journal) SetObstacles(ctx context.Context, account, text string) error {
	return explain(j.path, "write", j.setNote(ctx, obstaclesNote(account), text))
}

// RefusedLogin and SetRefusedLogin are Note and SetNote for another text: of the account's refused logins.
func (j *Journal) RefusedLogin(ctx context.Context, account string) (string, error) {
	text, err := j.note(ctx, loginNote(account))
	return text, explain(j.path, "read", err)
}

// SetRefusedLogin is described at RefusedLogin.
func (j *Journal) SetRefusedLogin(ctx context.Context, account, text string) error {
	return explain(j.path, "write", j.setNote(ctx, loginNote(account), text))
}

func loginNote(account string) string { return "login " + account }

func obstaclesNote(account string) string { return "obstacles " + account }

func accountNote(account string) string { return "account " + account }

func (j *Journal) note(ctx context.Context, name string) (string, error) {
	text, sum, err := j.store.note(ctx, name)
	if err == nil && (text != "" || sum != 0) {
		err = noted{text, sum}.check(name)
	}
	if err != nil {
		return "", err
	}
	return text, nil
}

// check returns an error if the note is not what was noted under that name.
func (n noted) check(name string) error {
	// With the name, so that the note of one account can't pass for that of another.
	if n.sum == noteSum(name, n.text) {
		return nil
	}
	return &damageError{
		what: fmt.Sprintf("note %.200q", name),
		cure: "DELETE FROM note",
		then: "what was set aside is then tried again, and fetchmail's UIDs are imported again",
		err:  errSum,
	}
}

func (j *Journal) setNote(ctx context.Context, name, text string) error {
	return j.store.setNote(ctx, name, text, noteSum(name, text))
}

func noteSum(name, text string) uint32 {
	return crc32.Checksum(fmt.Appendf(nil, "%q %q", name, text), castagnoli)
}
