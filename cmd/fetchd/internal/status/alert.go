package status

import (
	"slices"
	"strings"
	"sync"
	"time"

	"fetchd/cmd/fetchd/internal/logging"
	"fetchd/fetch"
)

const (
	alertAfter  = time.Hour      // how long a trouble that may pass by itself may last
	alertAgain  = 24 * time.Hour // after it a trouble that goes on is told again
	alertWindow = time.Hour      // in which there are at most
	maxAlerts   = 10             // alerts: when a server of many accounts is down, ten say enough
)

// Alert is what an administrator has to know of an account.
type Alert struct {
	Account string
	State   string // as in Account.State
	Since   time.Time
	Text    string // the failure's, "" if the account is well again
}

// Environment is the alert for a command. Text of servers is in it, escaped, and never in an argument.
func (a Alert) Environment() []string {
	return []string{
		"FETCHD_ACCOUNT=" + logging.Escape(a.Account), "FETCHD_STATE=" + a.State,
		"FETCHD_SINCE=" + a.Since.Format(time.RFC3339),
		"FETCHD_TEXT=" + logging.Escape(logging.OneLine(a.Text)),
	}
}

// lasts tells whether the trouble is one for a person: it does not pass by itself, or has not for long.
func (f *Failure) lasts(at time.Time) bool {
	passing := []fetch.Kind{
		fetch.KindUnknown, fetch.KindNetwork, fetch.KindServer, fetch.KindBusy, fetch.KindDelivery,
	}
	mayPass := slices.ContainsFunc(passing, func(k fetch.Kind) bool { return k.String() == f.Kind })
	return !mayPass || at.Sub(f.Since) >= alertAfter
}

// due returns what is to be told of the account, and when that is done for the last time.
func (a *Account) due(at time.Time) (alert Alert, told time.Time, ok bool) {
	switch {
	case a.Trouble && a.Failure != nil && a.Failure.lasts(at) && at.Sub(a.Alerted) >= alertAgain:
		return Alert{a.Name, a.State, a.Failure.Since, a.Failure.Text}, at, true
	case !a.Trouble && !a.Alerted.IsZero():
		return Alert{Account: a.Name, State: a.State, Since: at}, time.Time{}, true
	}
	return Alert{}, a.Alerted, false
}

// takeAlerts returns what is to be told of the accounts now, and notes that it was. What there is no room for
// stays for the next time.
func (r *Report) takeAlerts() []Alert {
	var alerts []Alert
	r.Alerts = slices.DeleteFunc(r.Alerts, func(t time.Time) bool { return r.At.Sub(t) >= alertWindow })
	for i := range r.Accounts {
		alert, told, ok := r.Accounts[i].due(r.At)
		// Those beyond the limit stay due, and come when there is room again.
		if !ok || len(r.Alerts) == maxAlerts {
			continue
		}
		r.Alerts = append(r.Alerts, r.At)
		r.Accounts[i].Alerted = told
		alerts = append(alerts, alert)
	}
	return alerts
}

// Alerts remembers what a daemon has told of its accounts. Its methods may be called from anywhere.
type Alerts struct {
	mu    sync.Mutex           // guards what follows
	told  map[string]time.Time // by account and folders
	times []time.Time          // of the last hour
}

// NewAlerts continues with what the report of the last daemon or pass says to have been told.
func NewAlerts(before Report) *Alerts {
	s := &Alerts{told: map[string]time.Time{}, times: before.Alerts}
	for _, a := range before.Accounts {
		if !a.Alerted.IsZero() {
			s.told[a.key()] = a.Alerted
		}
	}
	return s
}

// Take returns what is to be told of the accounts of r now, and notes that it was, also in r.
func (s *Alerts) Take(r *Report) []Alert {
	s.mu.Lock()
	defer s.mu.Unlock()

	s.fill(r)
	alerts := r.takeAlerts()
	for i := range r.Accounts {
		a := &r.Accounts[i]
		if a.Alerted.IsZero() {
			delete(s.told, a.key())
		} else {
			s.told[a.key()] = a.Alerted
		}
	}
	s.times = r.Alerts
	return alerts
}

// Fill notes in r what was told of its accounts.
func (s *Alerts) Fill(r *Report) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fill(r)
}

func (s *Alerts) fill(r *Report) {
	r.Alerts = s.times
	for i := range r.Accounts {
		r.Accounts[i].Alerted = s.told[r.Accounts[i].key()]
	}
}

func (a *Account) key() string { return keyOf(a.Name, a.Mailboxes) }

func keyOf(account string, mailboxes []string) string {
	return account + "\x00" + strings.Join(mailboxes, "\x00")
}
