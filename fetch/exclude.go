package fetch

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"

	"fetchd/delivery"
)

// excludedMost is how many excluded messages of a mailbox are remembered; the headers of more are looked at
// each time.
const excludedMost = 50_000

// Excluder is a Mailbox whose messages can be judged by their headers before they are retrieved.
type Excluder interface {
	Leaver
	// Judgeable are the messages that are new, or are to be deleted unread, and that the next retrieval can
	// tell again.
	Judgeable() []Ref
	// Headers asks for the fields of these names, and perhaps more, and calls each for every message of which
	// the server gives them. An error is one of the session.
	Headers(ctx context.Context, of []Ref, fields []string, each func(of Ref, header []byte)) error
	// Spare has none of these messages deleted.
	Spare(messages []Ref)
}

// excluded are the messages of a mailbox that an account's Exclude leaves on the server. They are a note in
// the journal, under the list that they were judged by: after a change of that list all are judged again.
type excluded struct {
	Rules    string   `json:"rules"`
	Validity uint32   `json:"uidvalidity,omitempty"`
	UIDs     [][]byte `json:"uids"` // a UIDL may be any bytes
}

// exclude takes out of m what the account's Exclude leaves on the server. A message whose header can't be had
// is retrieved as any other, but not deleted unread. It comes before all that counts what is new.
func (a *Account) exclude(ctx context.Context, m Mailbox, name string, p *progress) error {
	e, ok := m.(Excluder)
	if len(a.Exclude) == 0 || !ok {
		return nil
	}

	text := a.recallExcluded(ctx, name)
	known := a.excludedBefore(text)
	var out, fresh []Ref
	for _, ref := range e.Judgeable() {
		if known[ref] {
			out = append(out, ref)
		} else {
			fresh = append(fresh, ref)
		}
	}

	before := len(out)
	judged := make(map[Ref]bool, len(fresh))
	err := e.Headers(ctx, fresh, a.excludeFields(), func(ref Ref, header []byte) {
		if !judged[ref] && a.isExcluded(header) {
			out = append(out, ref)
		}
		judged[ref] = true
	})
	if err != nil {
		return err
	}

	// limitflush deletes what it has not seen: here it must be known what that is.
	unknown := slices.DeleteFunc(fresh, func(ref Ref) bool { return judged[ref] })
	e.Spare(slices.Concat(out, unknown))
	e.Leave(out)
	if p.only == nil { // else these are not all
		a.keepExcluded(name, out, text)
	}

	if !p.later {
		p.res.Excluded += len(out)
	}
	if now := len(out) - before; now > 0 {
		a.Log.Info(EventExcluded, "account", a.Name, "mailbox", name, "count", now)
	}
	return nil
}

func (a *Account) isExcluded(header []byte) bool {
	return slices.ContainsFunc(a.Exclude, func(p delivery.HeaderPattern) bool { return p.Matches(header) })
}

// excludeFields are the names of the fields that Exclude is about, each once.
func (a *Account) excludeFields() []string {
	var names []string
	for _, p := range a.Exclude {
		if !slices.Contains(names, p.Field) {
			names = append(names, p.Field)
		}
	}
	return names
}

// excludeRules stands for the list, in the journal.
func (a *Account) excludeRules() string {
	sum := sha256.New()
	for _, p := range a.Exclude {
		sum.Write([]byte(p.Field + "\x00" + p.Pattern.String() + "\x00"))
	}
	return hex.EncodeToString(sum.Sum(nil)[:16])
}

// One note for each mailbox: several of an account may be watched at the same time.
func excludedNote(a *Account, mailbox string) string { return a.Key + " excluded " + mailbox }

// recallExcluded reads the note of a mailbox; what can't be read is judged again.
func (a *Account) recallExcluded(ctx context.Context, mailbox string) (text string) {
	if a.Journal == nil {
		return ""
	}
	text, err := a.Journal.Note(ctx, excludedNote(a, mailbox))
	if err != nil {
		a.Log.Debug(EventForgotten, "account", a.Name, "err", err)
	}
	return text
}

// excludedBefore are the messages of a note that was written under the same list.
func (a *Account) excludedBefore(text string) map[Ref]bool {
	var k excluded
	if text == "" || json.Unmarshal([]byte(text), &k) != nil || k.Rules != a.excludeRules() {
		return nil
	}

	known := make(map[Ref]bool, len(k.UIDs))
	for _, uid := range k.UIDs {
		known[Ref{k.Validity, string(uid)}] = true
	}
	return known
}

// keepExcluded writes the note of a mailbox if it has changed.
func (a *Account) keepExcluded(mailbox string, out []Ref, before string) {
	if a.Journal == nil || a.checkLease() != nil {
		return
	}

	text := ""
	if len(out) > 0 {
		k := excluded{Rules: a.excludeRules(), Validity: out[0].UIDValidity}
		for _, ref := range out[:min(len(out), excludedMost)] {
			k.UIDs = append(k.UIDs, []byte(ref.UID))
		}
		slices.SortFunc(k.UIDs, slices.Compare)
		b, err := json.Marshal(k)
		if err != nil {
			a.Log.Warn(EventNotKept, "account", a.Name, "err", err)
			return
		}
		text = string(b)
	}
	if text == before {
		return
	}

	// Not the context of the retrieval: what was found out is not to be asked for again.
	if err := a.Journal.SetNote(context.Background(), excludedNote(a, mailbox), text); err != nil {
		a.Log.Warn(EventNotKept, "account", a.Name, "err", err)
	}
}
