package main

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
)

// output is where a program puts what it delivers.
type output struct {
	kind string
	path string
}

// The kinds of output.
const (
	maildir = "maildir" // a Maildir
	files   = "files"   // a folder with one file for each message
	joined  = "joined"  // a file with all messages, one after another
	batched = "batched" // the same as batched SMTP
	mboxed  = "mboxed"  // the same as an mbox
)

func (o output) isOneFile() bool { return o.kind == joined || o.kind == batched || o.kind == mboxed }

// names are the message files that exist, without the flags that a Maildir adds to a name.
func names(out []output) map[string]string {
	found := map[string]string{}
	for _, o := range out {
		for _, dir := range map[string][]string{maildir: {"new", "cur"}, files: {"."}}[o.kind] {
			entries, _ := os.ReadDir(filepath.Join(o.path, dir))
			for _, e := range entries {
				name, _, _ := strings.Cut(e.Name(), ":")
				found[o.path+name] = filepath.Join(o.path, dir, e.Name())
			}
		}
	}
	return found
}

// count counts the messages that have arrived so far, without reading them.
func count(out []output) int {
	n := len(names(out))
	for _, o := range out {
		if o.isOneFile() {
			text, _ := os.ReadFile(o.path)
			n += bytes.Count(text, []byte("\n"+lastLine))
		}
	}
	return n
}

// tally is what a program delivered, compared with what it should have.
type tally struct{ want, whole, missing, extra, damaged int }

func (t tally) String() string {
	text := fmt.Sprintf("%d of %d", t.whole, t.want)
	if t.missing+t.extra+t.damaged > 0 {
		text += fmt.Sprintf(" **missing %d, twice %d, damaged %d**", t.missing, t.extra, t.damaged)
	}
	return text
}

// check compares every message that was not there before with the corpus; each has to exist copies times.
func (c *corpus) check(out []output, before map[string]string, copies int) (tally, error) {
	t := tally{want: copies * len(c.messages)}
	left := map[string]int{}
	for name := range c.digests {
		left[name] = copies
	}

	err := eachDelivered(out, before, func(raw []byte) {
		name, sum := digest(raw)
		switch want, ok := c.digests[name]; {
		case !ok || sum != want:
			t.damaged++
		case left[name] == 0:
			t.extra++
		default:
			t.whole++
			left[name]--
		}
	})

	for n := range maps.Values(left) {
		t.missing += n
	}

	return t, err
}

func eachDelivered(out []output, before map[string]string, f func([]byte)) error {
	for name, path := range names(out) {
		if before[name] != "" {
			continue
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		f(raw)
	}

	for _, o := range out {
		if !o.isOneFile() {
			continue
		}
		text, err := os.ReadFile(o.path)
		if err != nil && !os.IsNotExist(err) {
			return err
		}
		split(text, o.kind, f)
	}

	return nil
}

// split divides a file with many messages at their last lines.
func split(text []byte, kind string, f func([]byte)) {
	text = bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n"))
	from := 0
	for _, at := range ending.FindAllIndex(text, -1) {
		raw := text[from:at[1]]
		from = at[1]
		switch kind {
		case batched:
			if _, data, ok := bytes.Cut(raw, []byte("\nDATA\n")); ok {
				raw = bytes.ReplaceAll(data, []byte("\n."), []byte("\n"))
			}
		case mboxed:
			raw = quoted.ReplaceAll(raw, []byte("$1"))
		}
		f(bytes.TrimLeft(raw, "\n"))
	}
}
