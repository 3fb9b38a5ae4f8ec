package delivery

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// Holds tells which messages were delivered to d before, by whatever process, as far as their Account,
// Mailbox, Separator, UIDValidity and UID show it: they have no Body yet. All are of one mailbox and for the
// same recipients. Kinds that can tell have a method Holds too; the others hold none.
func Holds(ctx context.Context, d Deliverer, ms []*Message) ([]bool, error) {
	if h, ok := d.(interface {
		Holds(ctx context.Context, ms []*Message) ([]bool, error)
	}); ok {
		return h.Holds(ctx, ms)
	}
	return make([]bool, len(ms)), nil
}

// Holds tells which messages have a file here, under the name that Deliver gave it.
func (d *Maildir) Holds(ctx context.Context, ms []*Message) ([]bool, error) {
	wanted := make(map[string]int, len(ms))
	for i, m := range ms {
		wanted[string(nameBeginning(m))] = i
	}

	held := make([]bool, len(ms))
	for _, name := range []string{"new", "cur"} {
		dir := filepath.Join(d.dir, name)
		writer, err := ownerOf(dir)
		if err == nil {
			err = writer.run(func() error { return findHeld(ctx, dir, wanted, held) })
		}
		if err != nil {
			return nil, d.explain(writer, "look into", 0, err)
		}
	}
	return held, nil
}

// findHeld notes the messages that have a file in dir. One that does not exist holds none.
func findHeld(ctx context.Context, dir string, wanted map[string]int, held []bool) error {
	f, err := os.Open(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()

	for ctx.Err() == nil {
		names, err := f.Readdirnames(listStep)
		for _, name := range names {
			if i, ok := wanted[string(beginningOf(name))]; ok {
				held[i] = true
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return context.Cause(ctx)
}

// beginningOf is the part of a file's name that nameBeginning gives.
func beginningOf(name string) []byte {
	text := []byte(name)
	uid := bytes.IndexByte(text, '.') + 1
	return text[:uid+bytes.IndexByte(text[uid:], '.')+1]
}

// Holds implements Holds: it looks into the folder of the messages' mailbox.
func (d *MaildirFolders) Holds(ctx context.Context, ms []*Message) ([]bool, error) {
	if len(ms) == 0 {
		return nil, nil
	}
	name, ok := FolderName(ms[0].Mailbox, ms[0].Separator)
	if !ok {
		return make([]bool, len(ms)), nil
	}
	return d.of(name).Holds(ctx, ms)
}

// Holds implements Holds: each recipient must have the message.
func (d *PerUser) Holds(ctx context.Context, ms []*Message) ([]bool, error) {
	var places []Deliverer
	for i := 0; len(ms) > 0 && i < len(ms[0].Recipients); i++ {
		if r := ms[0].Recipients[i]; d.Takes(r) {
			places = append(places, d.of(r))
		}
	}
	return heldByAll(ctx, places, ms)
}

// Holds implements Holds: each destination must have the message.
func (d *several) Holds(ctx context.Context, ms []*Message) ([]bool, error) {
	places := make([]Deliverer, len(d.all))
	for i, to := range d.all {
		places[i] = to.Deliverer
	}
	return heldByAll(ctx, places, ms)
}

// heldByAll tells which messages all of the places hold; no place holds none, and neither does one that can't
// be used, as that must keep nothing from the others.
func heldByAll(ctx context.Context, places []Deliverer, ms []*Message) ([]bool, error) {
	all := make([]bool, len(ms))
	for i, to := range places {
		held, err := Holds(ctx, to, ms)
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		if err != nil {
			return make([]bool, len(ms)), nil
		}
		for k := range all {
			all[k] = held[k] && (all[k] || i == 0)
		}
	}
	return all, nil
}
