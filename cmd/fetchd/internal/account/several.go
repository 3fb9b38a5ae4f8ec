package account

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

	"fetchd/delivery"
	"fetchd/rcfile"
	"fetchd/tlsverify/hints"
)

// several is the destination of an entry that lists its destinations with deliver.
func (r *Resolver) several() destination {
	return destination{
		reason: r.severalReason,
		open: func(r *Resolver, poll *rcfile.Poll, u *rcfile.User) (delivery.Deliverer, error) {
			return r.openAll(poll, u, u.Deliver)
		},
		check: func(r *Resolver, poll *rcfile.Poll, u *rcfile.User) error {
			return r.checkAll(poll, u, u.Deliver)
		},
	}
}

// severalReason is why the destinations of deliver can't be used.
func (r *Resolver) severalReason(poll *rcfile.Poll, u *rcfile.User) error {
	if words := olderWords(u); len(words) > 0 {
		return hints.Errorf("keep one of them; deliver can list the other too",
			"deliver and %s both say where the mail goes", words[0])
	}
	return r.reasonOfAll(poll, u, u.Deliver)
}

// olderWords are the keywords of a single destination that the entry uses.
func olderWords(u *rcfile.User) []string {
	var words []string
	for _, d := range destinations {
		if d.kind != "" && d.isNamed(u) {
			words = append(words, d.kind)
		}
	}
	return words
}

// only is the user as if the file named one destination alone, as deliver does: KIND:VALUE.
func only(u *rcfile.User, text rcfile.Opt[string]) (*rcfile.User, error) {
	kind, value, _ := strings.Cut(text.Value, ":")
	i := slices.IndexFunc(destinations, func(d destination) bool { return d.kind == kind && d.kind != "" })
	if i < 0 || value == "" {
		var kinds []string
		for _, d := range destinations {
			if d.kind != "" {
				kinds = append(kinds, d.kind+":")
			}
		}
		return nil, hints.Errorf("begin it with one of "+strings.Join(kinds, " "),
			"%.100q is no destination", text.Value)
	}

	one := *u
	ForgetDestinations(&one)
	destinations[i].set(&one, rcfile.Opt[string]{Value: value, Set: true, Pos: text.Pos})
	return &one, nil
}

// each calls do for the user as if the file named each of the destinations alone.
func each(u *rcfile.User, list []rcfile.Opt[string], do func(text string, one *rcfile.User) error) error {
	var errs []error
	for i, text := range list {
		one, err := only(u, text)
		isText := func(o rcfile.Opt[string]) bool { return o.Value == text.Value }
		if err == nil && slices.ContainsFunc(list[:i], isText) {
			err = hints.Errorf("remove one of them", "the destination %.100q is listed twice", text.Value)
		}
		if err == nil {
			err = do(text.Value, one)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func (r *Resolver) reasonOfAll(poll *rcfile.Poll, u *rcfile.User, list []rcfile.Opt[string]) error {
	return each(u, list, func(_ string, one *rcfile.User) error { return r.destinationReason(poll, one) })
}

func (r *Resolver) checkAll(poll *rcfile.Poll, u *rcfile.User, list []rcfile.Opt[string]) error {
	return each(u, list, func(_ string, one *rcfile.User) error {
		if d := r.destinationOf(one); d.check != nil {
			return d.check(r, poll, one)
		}
		return nil
	})
}

// openAll opens the destinations; one alone stays what it is.
func (r *Resolver) openAll(poll *rcfile.Poll, u *rcfile.User, list []rcfile.Opt[string]) (
	delivery.Deliverer, error) {
	var all []delivery.Destination
	err := each(u, list, func(text string, one *rcfile.User) error {
		d, err := r.openDestination(poll, one)
		all = append(all, delivery.Destination{Deliverer: d, Key: destinationKey(text)})
		return err
	})
	switch {
	case err != nil:
		return nil, err
	case len(all) == 1:
		return all[0].Deliverer, nil
	}
	return delivery.NewSeveral(all), nil
}

// destinationKey stands for a destination in the journal, where no text of the file belongs.
func destinationKey(text string) string {
	const enough = 8
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:enough])
}

// keysOfLone are the keys of the destinations that stand alone in deliver and, by mailbox, in folderdeliver:
// another one may have stood beside them before.
func keysOfLone(u *rcfile.User) (map[string]string, error) {
	keys := map[string]string{}
	if len(u.Deliver) == 1 {
		keys[""] = destinationKey(u.Deliver[0].Value)
	}

	err := eachFolder(u, func(name string, list []rcfile.Opt[string]) error {
		if len(list) == 1 {
			keys[name] = destinationKey(list[0].Value)
		}
		return nil
	})
	return keys, err
}

// folders are the destinations of folderdeliver by mailbox, in the order of the file.
func folders(u *rcfile.User) (names []string, to map[string][]rcfile.Opt[string], err error) {
	if len(u.FolderDeliver)%2 != 0 {
		return nil, nil, hints.Errorf(`write folderdeliver "FOLDER" "DESTINATION" for each`,
			"a folder of folderdeliver has no destination")
	}

	to = map[string][]rcfile.Opt[string]{}
	for i := 0; i < len(u.FolderDeliver); i += 2 {
		name := canonical(u.FolderDeliver[i].Value)
		if to[name] == nil {
			names = append(names, name)
		}
		to[name] = append(to[name], u.FolderDeliver[i+1])
	}
	return names, to, nil
}

// eachFolder calls do for each folder with destinations of its own.
func eachFolder(u *rcfile.User, do func(name string, list []rcfile.Opt[string]) error) error {
	names, to, err := folders(u)
	errs := []error{err}
	for _, name := range names {
		if err := do(name, to[name]); err != nil {
			errs = append(errs, fmt.Errorf("folderdeliver %.100q: %w", name, err))
		}
	}
	return errors.Join(errs...)
}

func (r *Resolver) folderReason(poll *rcfile.Poll, u *rcfile.User) error {
	return eachFolder(u, func(_ string, list []rcfile.Opt[string]) error {
		return r.reasonOfAll(poll, u, list)
	})
}

func (r *Resolver) checkFolders(poll *rcfile.Poll, u *rcfile.User) error {
	return eachFolder(u, func(_ string, list []rcfile.Opt[string]) error {
		return r.checkAll(poll, u, list)
	})
}

// openFolders opens the destinations of folders that have their own; nil = there is none.
func (r *Resolver) openFolders(poll *rcfile.Poll, u *rcfile.User) (map[string]delivery.Deliverer, error) {
	if len(u.FolderDeliver) == 0 {
		return nil, nil
	}
	all := map[string]delivery.Deliverer{}
	err := eachFolder(u, func(name string, list []rcfile.Opt[string]) (err error) {
		all[name], err = r.openAll(poll, u, list)
		return err
	})
	return all, err
}
