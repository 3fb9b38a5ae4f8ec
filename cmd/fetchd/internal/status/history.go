package status

import (
	"slices"
	"time"

	"fetchd/fetch"
	"fetchd/fetch/schedule"
	"fetchd/tlsverify"
)

// Certificate is one that a server has shown.
type Certificate struct {
	tlsverify.SeenCertificate
	DaysLeft int `json:"days_left"`
}

// Waiting is a message that was set aside.
type Waiting struct {
	Mailbox string    `json:"mailbox,omitempty"`
	UID     string    `json:"uid"`
	Last    time.Time `json:"last_tried"`
}

func waiting(messages []fetch.Waiting) (list []Waiting) {
	for _, m := range messages {
		list = append(list, Waiting{m.Mailbox, m.UID, m.Last})
	}
	return list
}

func (a *Account) setHistory(h *schedule.History) {
	if h == nil {
		h = new(schedule.History)
	}
	a.Hours, a.Passes = h.Hours, h.Passes
	a.DayMessages, a.DayBytes, a.DayFailures = h.Day.Messages, h.Day.Bytes, h.Day.Failures
}

func (a *Account) history() *schedule.History {
	return &schedule.History{Hours: a.Hours, Passes: a.Passes}
}

func (a *Account) setSeen(seen tlsverify.Seen, at time.Time) {
	all := seen.Certificates()
	a.Certificates, a.Refused = nil, len(all) > 0 && !seen.Trusted()
	for _, c := range all {
		a.Certificates = append(a.Certificates, Certificate{c, tlsverify.DaysLeft(c.NotAfter, at)})
	}
}

func (a *Account) seen() tlsverify.Seen {
	var all []tlsverify.SeenCertificate
	for _, c := range a.Certificates {
		all = append(all, c.SeenCertificate)
	}
	return tlsverify.NewSeen(all, !a.Refused)
}

// Shorten drops the past of the accounts that whole does not want, and all of their certificates but the leaf
// and the one that ends first: with that the report of ten thousand accounts would be as long as a book. nil
// wants none.
func (r *Report) Shorten(whole func(account string) bool) {
	for i := range r.Accounts {
		a := &r.Accounts[i]
		if whole != nil && whole(a.Name) {
			continue
		}
		a.Hours, a.Passes = nil, nil
		if first := a.firstToEnd(); first != nil && first != &a.Certificates[0] {
			a.Certificates = []Certificate{a.Certificates[0], *first}
		} else if first != nil {
			a.Certificates = a.Certificates[:1]
		}
	}
}

// Keep drops the accounts that isWanted does not want.
func (r *Report) Keep(isWanted func(account string) bool) {
	r.Accounts = slices.DeleteFunc(r.Accounts, func(a Account) bool { return !isWanted(a.Name) })
}

// Pasts returns a function for schedule.Options.Past. It tells each account once what the report says of it.
func (r *Report) Pasts() func(*fetch.Account) schedule.Past {
	pasts := make(map[string]schedule.Past, len(r.Accounts))
	for i := range r.Accounts {
		a := &r.Accounts[i]
		pasts[a.key()] = schedule.Past{History: a.history(), Seen: a.seen()}
	}
	return func(a *fetch.Account) schedule.Past {
		key := keyOf(a.Name, a.Mailboxes)
		defer delete(pasts, key) // nobody needs it any more
		return pasts[key]
	}
}
