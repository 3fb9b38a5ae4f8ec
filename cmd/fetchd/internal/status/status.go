// Package status says how the accounts are doing: a daemon answers whoever asks at its socket, and what a
// single pass or a daemon has left behind is in a file beside the journal.
package status

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"fetchd/fetch"
	"fetchd/fetch/schedule"
	"fetchd/tlsverify"
)

// Report is how all accounts are doing at a moment.
type Report struct {
	PID      int       `json:"pid,omitempty"` // of the daemon; 0 = none runs
	Started  time.Time `json:"started,omitzero"`
	At       time.Time `json:"at"` // when this was so
	Accounts []Account `json:"accounts"`

	Alerts []time.Time `json:"alerts,omitempty"` // those of the last hour
}

// Account is how one account is doing, or one folder of it that has a connection of its own. Text of servers
// in it is escaped only when it is printed.
type Account struct {
	Name      string    `json:"account"`
	Mailboxes []string  `json:"mailboxes,omitempty"`
	State     string    `json:"state"` // a schedule.Condition, Disabled or Failing
	Trouble   bool      `json:"trouble"`
	Success   time.Time `json:"last_success,omitzero"`
	Next      time.Time `json:"next_poll,omitzero"`
	Failure   *Failure  `json:"failure,omitempty"` // the last one, which Trouble says to be over or not
	SetAside  int       `json:"set_aside"`
	Messages  int64     `json:"messages"` // delivered since the start of the daemon, or in the last pass
	Bytes     int64     `json:"bytes"`    // of these

	// In the last 24 hours, of which the present one is a part.
	DayMessages int64 `json:"messages_24h"`
	DayBytes    int64 `json:"bytes_24h"`
	DayFailures int64 `json:"failures_24h"`

	// Of the server, leaf first; where nobody asked for more, as with the two below, only the leaf and the
	// one that ends first.
	Certificates []Certificate   `json:"certificates,omitempty"`
	Refused      bool            `json:"certificate_refused,omitempty"` // by us
	Hours        []schedule.Hour `json:"hours,omitempty"`
	Passes       []schedule.Pass `json:"passes,omitempty"`
	Grant        *fetch.Grant    `json:"grant,omitempty"`
	Waiting      []Waiting       `json:"set_aside_messages,omitempty"` // the first of SetAside

	Told map[string]time.Time `json:"told,omitempty"` // when an administrator was told of what last
}

// Failure is a row of retrievals that failed.
type Failure struct {
	Kind  string    `json:"kind"`
	Text  string    `json:"text"`
	Since time.Time `json:"since"`
	Last  time.Time `json:"last"`
	Count int       `json:"count"`
}

// States beside schedule's.
const (
	Disabled = "disabled" // the program refuses to retrieve from the account
	Failing  = "failing"  // the last retrieval failed, and no daemon makes another
)

// Of makes a report of a scheduler's states. refused are the accounts that it does not have, with the reason.
func Of(states []schedule.State, refused map[string]string, at time.Time) Report {
	r := Report{At: at, Accounts: []Account{}}
	for _, s := range states {
		r.Accounts = append(r.Accounts, accountOf(s, at))
	}
	for name, reason := range refused {
		r.Accounts = append(r.Accounts, disabled(name, reason, at))
	}
	r.sort()
	return r
}

// Add adds the accounts of another report.
func (r *Report) Add(other Report) {
	r.Accounts = append(r.Accounts, other.Accounts...)
	r.sort()
}

// Continue makes accounts that were disabled before so since then.
func (r *Report) Continue(before Report) {
	since := map[string]time.Time{}
	for _, a := range before.Accounts {
		if a.State == Disabled {
			since[a.Name] = a.Failure.Since
		}
	}
	for _, a := range r.Accounts {
		if t, ok := since[a.Name]; ok && a.State == Disabled {
			a.Failure.Since = t
		}
	}
}

func accountOf(s schedule.State, at time.Time) Account {
	a := Account{
		Name: s.Account, Mailboxes: s.Mailboxes, State: s.Condition().String(), Trouble: s.Failing,
		Success: s.Success, Next: s.Next, SetAside: s.SetAside, Messages: s.Messages, Bytes: s.Bytes,
	}
	if f := s.Failure; f.Count > 0 {
		a.Failure = &Failure{f.Kind.String(), f.Text, f.Since, f.Last, f.Count}
	}
	if s.History != nil {
		a.setHistory(s.History)
		a.Waiting = waiting(s.History.Waiting)
	}
	a.setSeen(s.Seen, at)
	a.Grant = s.Grant
	return a
}

// disabled is an account that is not retrieved from.
func disabled(name, reason string, at time.Time) Account {
	return Account{
		Name: name, State: Disabled, Trouble: true,
		Failure: &Failure{Kind: fetch.KindConfig.String(), Text: reason, Since: at, Last: at, Count: 1},
	}
}

func (r *Report) sort() {
	slices.SortFunc(r.Accounts, func(a, b Account) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), slices.Compare(a.Mailboxes, b.Mailboxes))
	})
}

// AfterPass is the report of a single pass. before, the report of the last one, says since when accounts
// fail, and how those are that this pass left out or that were cut short; isKnown tells whether the rc file
// still has such an account.
func AfterPass(before Report, outcomes []schedule.Outcome, refused map[string]string,
	isKnown func(name string) bool, at time.Time) Report {
	accounts := map[string]Account{}
	for _, a := range before.Accounts {
		// A pass with a server's name retrieves from that one alone, and must not forget the others.
		if isKnown(a.Name) {
			a.setHistory(a.history().At(at))
			a.setSeen(a.seen(), at)
			accounts[a.Name] = a
		}
	}
	for _, o := range outcomes {
		a := accounts[o.Account.Name]
		a.end(o, at)
		accounts[a.Name] = a
	}
	for name, reason := range refused {
		a := disabled(name, reason, at)
		if was := accounts[name]; was.State == Disabled {
			a.Failure.Since, a.Failure.Count = was.Failure.Since, was.Failure.Count+1
		}
		accounts[name] = a
	}

	r := Report{At: at, Accounts: slices.AppendSeq([]Account{}, maps.Values(accounts))}
	r.sort()
	return r
}

// end notes how a retrieval ended.
func (a *Account) end(o schedule.Outcome, at time.Time) {
	// To be refused is no failed retrieval: the streak begins with the first one.
	wasFailing := a.Trouble && a.State != Disabled && a.Failure != nil
	s := schedule.State{Success: a.Success, Failing: o.Err != nil}
	s.Failure.Kind = fetch.KindOf(o.Err)
	s.Partly, s.KeepsPace = fetch.AwaitsDestination(o.Err), fetch.KeepsPace(o.Err)

	a.Name, a.Mailboxes = o.Account.Name, nil
	a.Messages, a.Bytes = int64(o.Result.Delivered), o.Result.Bytes
	a.SetAside = o.Account.Refusals.CountSetAside()
	if o.Err == nil {
		s.Success = at
	} else {
		f := Failure{Since: at}
		if wasFailing {
			f = *a.Failure
		}
		f.Kind, f.Text = s.Failure.Kind.String(), schedule.FailureText(o.Err)
		f.Last, f.Count = at, f.Count+1
		a.Failure = &f
	}
	a.Success, a.Trouble, a.State = s.Success, s.Failing, s.Condition().String()
	a.settle()
	a.setHistory(a.history().With(o, at))
	a.Grant, a.Waiting = o.Grant(), waiting(o.Account.Refusals.Waiting())
	if seen := o.Account.LastSeen.Seen(); seen != (tlsverify.Seen{}) {
		a.setSeen(seen, at)
	}
}

// settle makes of the account what is true when no daemon runs.
func (a *Account) settle() {
	a.Next = time.Time{}
	switch a.State {
	case schedule.BackingOff.String():
		a.State = Failing
	case schedule.Watched.String():
		a.State = schedule.OK.String()
	}
}

// Settle makes of a daemon's report what is true when it has ended.
func (r *Report) Settle() {
	r.PID, r.Started = 0, time.Time{}
	for i := range r.Accounts {
		r.Accounts[i].settle()
	}
}

// Troubled counts the accounts, and those that are in trouble.
func (r *Report) Troubled() (accounts, troubled int) {
	names, bad := map[string]bool{}, map[string]bool{}
	for _, a := range r.Accounts {
		names[a.Name] = true
		if a.Trouble {
			bad[a.Name] = true
		}
	}
	return len(names), len(bad)
}

// Select leaves the accounts that names mean: an account's whole name, or its server, or its user. What means
// no account is returned.
func (r *Report) Select(names []string) (unknown []string) {
	if len(names) == 0 {
		return nil
	}

	var kept []Account
	for _, name := range names {
		found := false
		for _, a := range r.Accounts {
			if !a.isCalled(name) {
				continue
			}
			found = true
			if !slices.ContainsFunc(kept, func(b Account) bool { return a.key() == b.key() }) {
				kept = append(kept, a)
			}
		}
		if !found {
			unknown = append(unknown, name)
		}
	}
	r.Accounts = kept
	return unknown
}

func (a *Account) isCalled(name string) bool { return isCalled(a.Name, name) }

// Named returns a function that tells whether one of names means an account, as Select does.
func Named(names []string) func(account string) bool {
	return func(account string) bool {
		return slices.ContainsFunc(names, func(name string) bool { return isCalled(account, name) })
	}
}

func isCalled(account, name string) bool {
	at := strings.LastIndexByte(account, '@')
	return account == name || at >= 0 && (account[:at] == name || account[at+1:] == name)
}
