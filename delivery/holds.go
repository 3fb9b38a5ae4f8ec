package delivery

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
)

// Holds tells which messages were delivered to d before, by whatever process. They are like m, of which
// Account, Mailbox, Separator, UIDValidity and Recipients count, and have these UIDs; the result has an entry
// for each. Kinds that can tell have a method Holds too; the others hold none.
func Holds(ctx context.Context, d Deliverer, m Message, uids []string) ([]bool, error) {
	if h, ok := d.(interface {
		Holds(ctx context.Context, m Message, uids []string) ([]bool, error)
	}); ok {
		return h.Holds(ctx, m, uids)
	}
	return make([]bool, len(uids)), nil
}

// Holds tells which messages have a file here, under the name that Deliver gave it.
func (d *Maildir) Holds(ctx context.Context, m Message, uids []string) ([]bool, error) {
	// Only where there are files: most Maildirs are empty when an account is new.
	wanted := sync.OnceValue(func() map[string]int {
		names := make(map[string]int, len(uids))
		for i, uid := range uids {
			m.UID = uid
			names[string(appendNameBeginning(nil, &m))] = i
		}
		return names
	})

	held := make([]bool, len(uids))
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
func findHeld(ctx context.Context, dir string, wanted func() map[string]int, held []bool) error {
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
			if i, ok := wanted()[string(beginningOf(name))]; ok {
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
func (d *MaildirFolders) Holds(ctx context.Context, m Message, uids []string) ([]bool, error) {
	name, ok := folderName(m.Mailbox, m.Separator)
	if !ok {
		return make([]bool, len(uids)), nil
	}
	return d.of(name).Holds(ctx, m, uids)
}

// Holds implements Holds: each recipient must have the message.
func (d *PerUser) Holds(ctx context.Context, m Message, uids []string) ([]bool, error) {
	var places []Deliverer
	for _, r := range m.Recipients {
		if d.Takes(r) {
			places = append(places, d.of(r))
		}
	}
	return heldByAll(ctx, places, m, uids)
}

// Holds implements Holds: each destination must have the message.
func (d *several) Holds(ctx context.Context, m Message, uids []string) ([]bool, error) {
	places := make([]Deliverer, len(d.all))
	for i, to := range d.all {
		places[i] = to.Deliverer
	}
	return heldByAll(ctx, places, m, uids)
}

// heldByAll tells which messages all of the places hold; no place holds none, and neither does one that can't
// be used, as that must keep nothing from the others.
func heldByAll(ctx context.Context, places []Deliverer, m Message, uids []string) ([]bool, error) {
	all := make([]bool, len(uids))
	for i, to := range places {
		held, err := Holds(ctx, to, m, uids)
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		if err != nil {
			return make([]bool, len(uids)), nil
		}
		for k := range all {
			all[k] = held[k] && (all[k] || i == 0)
		}
	}
	return all, nil
}
