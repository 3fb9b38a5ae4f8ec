package fetch

import (
	"context"
	"slices"
	"strconv"
	"strings"
)

// The looks of the messages that were delivered and stay in a mailbox are notes of the journal: full pages,
// and a last one that grows. They are read only if the mailbox has got other UIDs.
const (
	looksPage   = 1000 // messages in a full page, some 20 KB
	looksPages  = 100  // of a mailbox, the latest
	looksDigits = 12   // of a header's digest: 60 bits
)

// keptLooks is the last page.
type keptLooks struct {
	Full  int    `json:"full,omitempty"` // how many pages are full, the forgotten ones too
	Looks string `json:"looks"`          // separated by blanks
}

// looksNote is the journal's name for the last page of a mailbox.
func looksNote(a *Account, mailbox string) string { return a.Key + " looks " + mailbox }

// fullLooksNote is that for a full one.
func fullLooksNote(a *Account, mailbox string, n int) string {
	return a.Key + " looks " + strconv.Itoa(n) + " " + mailbox
}

// keepLooks notes what delivered messages look like that stay in a mailbox.
func (a *Account) keepLooks(ctx context.Context, mailbox string, looks []string) error {
	if len(looks) == 0 || a.Journal == nil {
		return nil
	}

	var k keptLooks
	if err := readNote(ctx, a.Journal, looksNote(a, mailbox), &k); err != nil {
		return err
	}
	last := strings.Fields(k.Looks)
	for _, l := range looks {
		last = append(last, shortLooks(l))
	}

	for ; len(last) >= looksPage; k.Full++ {
		full := strings.Join(last[:looksPage], " ")
		last = last[looksPage:]
		if err := writeNote(ctx, a.Journal, fullLooksNote(a, mailbox, k.Full), full); err != nil {
			return err
		}
		if k.Full < looksPages { // there is none to be forgotten yet
			continue
		}
		forgotten := fullLooksNote(a, mailbox, k.Full-looksPages)
		if err := Fail(KindJournal, a.Journal.SetNote(ctx, forgotten, "")); err != nil {
			return err
		}
	}

	k.Looks = strings.Join(last, " ")
	return writeNote(ctx, a.Journal, looksNote(a, mailbox), k)
}

// shortLooks is as much of a message's looks as is kept.
func shortLooks(looks string) string {
	size, digest := splitLooks(looks)
	return strconv.FormatInt(size, 10) + "." + digest[:min(looksDigits, len(digest))]
}

// knownLooks are the looks that are noted of a mailbox, by their digests: each stands for one message.
type knownLooks struct {
	sizes map[string][]int64
	count int
}

func (a *Account) knownLooks(ctx context.Context, mailbox string) (*knownLooks, error) {
	var k keptLooks
	if err := readNote(ctx, a.Journal, looksNote(a, mailbox), &k); err != nil {
		return nil, err
	}

	known := &knownLooks{sizes: map[string][]int64{}}
	known.add(k.Looks)
	for n := max(0, k.Full-looksPages); n < k.Full; n++ {
		var page string
		if err := readNote(ctx, a.Journal, fullLooksNote(a, mailbox, n), &page); err != nil {
			return nil, err
		}
		known.add(page)
	}
	return known, nil
}

func (k *knownLooks) add(page string) {
	for _, looks := range strings.Fields(page) {
		size, digest := splitLooks(looks)
		k.sizes[digest] = append(k.sizes[digest], size)
		k.count++
	}
}

// take tells whether a message that looks like this is known, once for each that was noted.
func (k *knownLooks) take(looks string) bool {
	size, digest := splitLooks(shortLooks(looks))
	for i, known := range k.sizes[digest] {
		if max(known-size, size-known) <= looksRoom {
			k.sizes[digest] = append(k.sizes[digest][:i], k.sizes[digest][i+1:]...)
			return true
		}
	}
	return false
}

// noteLooks remembers what recorded messages look like, if they stay in a mailbox; t.mu is held.
func (t *transfer) noteLooks(items []*Item) {
	if !t.a.keepsMail() {
		return
	}
	for _, it := range items {
		t.looks = append(t.looks, it.Looks())
	}
}

// keepLooks writes them into the journal, once for a transfer: after a crash messages may come twice, if the
// mailbox gets other UIDs too.
func (t *transfer) keepLooks(ctx context.Context) error {
	if len(t.looks) == 0 || t.a.Journal == nil {
		return nil
	}
	ctx = context.WithoutCancel(ctx) // as the record itself
	looks := t.looks
	if t.a.FetchAll { // most of them have come before
		known, err := t.a.knownLooks(ctx, t.name)
		if err != nil {
			return err
		}
		looks = slices.DeleteFunc(looks, known.take)
	}
	if err := t.a.keepLooks(ctx, t.name, looks); err != nil {
		return err
	}
	return t.a.goesOn(ctx, t.name)
}
