package status

import (
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"fetchd/cmd/fetchd/internal/logging"
	"fetchd/fetch"
)

const (
	alertAgain  = 24 * time.Hour // after it a concern that lasts is told again
	alertWindow = time.Hour      // in which there are at most
	maxAlerts   = 10             // alerts: when a server of many accounts is down, ten say enough
)

// elsewhere is behind the topic of what was told of another account that has it too; its end is then told
// there.
const elsewhere = ", of another account"

// Alert is what an administrator has to know of an account.
type Alert struct {
	Account string
	State   string // a concern in a word or two, as in Account.State; the account's state if that is over
	Since   time.Time
	Text    string // what it is about, "" if it is over

	topic, shared string // as in concern
}

// Environment is the alert for a command. Text of servers is in it, escaped, and never in an argument.
func (a Alert) Environment() []string {
	return []string{
		"FETCHD_ACCOUNT=" + logging.Escape(a.Account), "FETCHD_STATE=" + a.State,
		"FETCHD_SINCE=" + a.Since.Format(time.RFC3339),
		"FETCHD_TEXT=" + logging.Escape(logging.OneLine(a.Text)),
	}
}

// due returns what is to be told of an account now, which has a row for each folder with a connection of its
// own.
func (r *Report) due(rows []Account) []Alert {
	found := map[string]concern{}
	for i := range rows {
		for _, c := range rows[i].concerns(r) {
			if _, ok := found[c.topic]; !ok {
				found[c.topic] = c
			}
		}
	}

	var alerts []Alert
	isFailing := slices.ContainsFunc(rows, func(a Account) bool { return a.Trouble })
	for _, topic := range topics {
		c, lasts := found[topic]
		told, wasTold := rows[0].Told[topic]
		switch {
		case lasts && !fetch.HasPassed(alertAgain, rows[0].Told[topic+elsewhere], r.At):
		case lasts && (!wasTold || fetch.HasPassed(alertAgain, told, r.At)):
			alerts = append(alerts, Alert{rows[0].Name, c.state, c.since, c.text, topic, c.shared})
		case lasts || !wasTold:
		// A failure that has become one that may pass is not over.
		case topic != topicFailure || !isFailing:
			alerts = append(alerts, Alert{rows[0].Name, rows[0].State, r.At, "", topic, ""})
		}
	}
	return alerts
}

// Alerts remembers what was told of the accounts, so that nobody is told the same again soon, nor too much in
// an hour. Its methods may be called from anywhere.
type Alerts struct {
	mu    sync.Mutex                      // guards what follows
	told  map[string]map[string]time.Time // by the account's name, and the concern's topic
	times []time.Time                     // of the last hour
}

// NewAlerts continues with what the report of the last daemon or pass says to have been told.
func NewAlerts(before Report) *Alerts {
	s := &Alerts{told: map[string]map[string]time.Time{}, times: before.Alerts}
	for _, a := range before.Accounts {
		if len(a.Told) > 0 {
			s.told[a.Name] = maps.Clone(a.Told)
		}
	}
	return s
}

// Take returns what is to be told of the accounts of r now, and notes that it was, also in r. What there is
// no room for stays due.
func (s *Alerts) Take(r *Report) []Alert {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fill(r)
	s.times = slices.DeleteFunc(s.times, func(t time.Time) bool {
		return fetch.HasPassed(alertWindow, t, r.At)
	})

	var alerts []Alert
	shared := map[string]bool{}
	for rows := range r.byName() {
		for _, alert := range r.due(rows) {
			// One fault of a server or a destination is told once, not for each account that it stops.
			if shared[alert.shared] {
				alert.topic += elsewhere
				s.note(alert, r.At)
				continue
			}
			if len(s.times) == maxAlerts {
				break
			}
			shared[alert.shared] = alert.shared != ""
			s.times = append(s.times, r.At)
			s.note(alert, r.At)
			alerts = append(alerts, alert)
		}
	}
	s.fill(r)
	return alerts
}

// byName yields the rows of one account after another.
func (r *Report) byName() iter.Seq[[]Account] {
	return func(yield func([]Account) bool) {
		for rest := r.Accounts; len(rest) > 0; {
			n := 1
			for n < len(rest) && rest[n].Name == rest[0].Name {
				n++
			}
			if !yield(rest[:n]) {
				return
			}
			rest = rest[n:]
		}
	}
}

// note notes that alert was told.
func (s *Alerts) note(alert Alert, at time.Time) {
	if alert.Text == "" {
		delete(s.told[alert.Account], alert.topic)
		return
	}
	if s.told[alert.Account] == nil {
		s.told[alert.Account] = map[string]time.Time{}
	}
	s.told[alert.Account][alert.topic] = at
}

// Undo notes that nobody could be told of what Take has returned, so that it stays due.
func (s *Alerts) Undo(alerts []Alert) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, alert := range alerts {
		// The end of a concern is due as long as its beginning counts as told.
		if over := alert.Text == ""; over {
			alert.Text = alert.State
			s.note(alert, alert.Since)
		} else {
			delete(s.told[alert.Account], alert.topic)
		}
	}
}

// Fill notes in r what was told of its accounts.
func (s *Alerts) Fill(r *Report) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fill(r)
}

func (s *Alerts) fill(r *Report) {
	r.Alerts = slices.Clone(s.times)
	for i := range r.Accounts {
		r.Accounts[i].Told = maps.Clone(s.told[r.Accounts[i].Name])
	}
}

func (a *Account) key() string { return keyOf(a.Name, a.Mailboxes) }

func keyOf(account string, mailboxes []string) string {
	return account + "\x00" + strings.Join(mailboxes, "\x00")
}
