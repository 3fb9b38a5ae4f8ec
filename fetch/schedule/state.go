package schedule

import (
	"cmp"
	"hash/fnv"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"fetchd/fetch"
	"fetchd/tlsverify"
)

// State is how one account is doing at a moment, or one folder of it that has a connection of its own. Status
// lines, notices and the log all read it, so that they can't contradict each other.
type State struct {
	Account   string         // its name
	Mailboxes []string       // none = the account's only one, or those that a pattern names
	Next      time.Time      // of the next retrieval; zero = one runs, or the server will tell of mail
	Success   time.Time      // end of the last retrieval without an error; zero = none yet
	Activity  Activity       // now
	Failing   bool           // the last retrieval ended with Failure
	Partly    bool           // that was no more than messages that wait for one of several destinations
	KeepsPace bool           // that was only of some messages: the account does not back off
	Failure   Failure        // the last there was; the zero value = none
	SetAside  int            // refused messages of the account's login that wait on the server
	Messages  int64          // delivered since the start
	Bytes     int64          // of these
	Grant     *fetch.Grant   // as of the last retrieval; nil = the account has none
	Seen      tlsverify.Seen // the server's certificates, as of the last retrieval
	History   *History       // of States alone; nil = there is nothing to tell

	backOff int // see Seed
}

// Activity is what is being done for an account.
type Activity uint8

// The activities.
const (
	Waiting    Activity = iota // for its time
	Retrieving                 // or waiting for a place among the retrievals
	Watching                   // the server will tell of new mail
)

// Failure is a row of retrievals that failed.
type Failure struct {
	Kind  fetch.Kind // of the last one
	Text  string     // likewise, at most failureText bytes
	Since time.Time  // end of the first one
	Last  time.Time  // end of the last one
	Count int
}

// failureText bounds what is kept of an error: one of many mailboxes may be long, and there may be many
// accounts.
const failureText = 1000

// Condition is a State in a word.
type Condition int

// The conditions.
const (
	Unknown            Condition = iota // no retrieval has ended yet
	OK                                  // polled
	Watched                             // likewise, and the server will tell of new mail
	LoginRefused                        // by the server
	NeedsLogin                          // at the provider of its grant, which has ended
	ClientWrong                         // the provider refuses the client that the rc file names
	CertificateRefused                  // by us; or there was no TLS to be had
	BackingOff                          // after any other failure
	DestinationDown                     // one of several; it alone is backed off from
	Undelivered                         // some messages alone, while others are; nothing is backed off from
)

// String gives the words for users.
func (c Condition) String() string {
	return [...]string{
		Unknown:            "not retrieved yet",
		OK:                 "ok",
		Watched:            "watching",
		LoginRefused:       "login refused",
		NeedsLogin:         "needs login",
		ClientWrong:        "client wrong",
		CertificateRefused: "certificate refused",
		BackingOff:         "backing off",
		DestinationDown:    "destination down",
		Undelivered:        "mail undelivered",
	}[c]
}

// Condition sums up the State.
func (s State) Condition() Condition {
	switch {
	// What the user has to do something about comes first.
	case s.Failing && s.Failure.Kind == fetch.KindAuth:
		return LoginRefused
	case s.Failing && s.Failure.Kind == fetch.KindGrant:
		return NeedsLogin
	case s.Failing && s.Failure.Kind == fetch.KindClient:
		return ClientWrong
	case s.Failing && s.Failure.Kind == fetch.KindTLS:
		return CertificateRefused

	// Then what may pass by itself.
	case s.Failing && s.Partly:
		return DestinationDown
	case s.Failing && s.KeepsPace:
		return Undelivered
	case s.Failing:
		return BackingOff

	case s.Activity == Watching:
		return Watched
	case s.Success.IsZero():
		return Unknown
	}

	return OK
}

// Last is when the last retrieval ended; zero = none has.
func (s State) Last() time.Time {
	if s.Failing {
		return s.Failure.Last
	}
	return s.Success
}

// Seed is the account's place in time.
func (s State) Seed() Seed { return Seed{s.Next, s.backOff} }

// record holds a State. Its runner writes it, one short step for each event, and anybody may read it.
type record struct {
	mu          sync.Mutex // guards what follows
	state       State
	telling     time.Time // since when Done has been running; zero = it isn't
	failureHash uint64    // hash of the last failure's whole text, numbers aside
	timesNews   int       // how often that was news
	last        time.Time // when it was so last
	past        *past     // what State.History is made of
	refusals    *fetch.Refusals
}

// sayAgain is how long a failure that lasts is silent before it is news again: nobody looks at a log of last
// month.
var sayAgain = [...]time.Duration{time.Hour, 6 * time.Hour, 24 * time.Hour}

// repeats tells whether a failure with this hash is the one that was said last, and that not long ago.
func (r *record) repeats(alike uint64, now time.Time) bool {
	if !r.state.Failing || r.failureHash != alike {
		r.timesNews = 0
	}
	if r.timesNews > 0 && now.Sub(r.last) < sayAgain[min(r.timesNews, len(sayAgain))-1] {
		return true
	}
	r.timesNews, r.last = r.timesNews+1, now
	return false
}

// read returns the State, with the whole history if whole says so.
func (r *record) read(whole func(account string) bool) State {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.state
	s.History = r.past.tell(time.Now(), whole != nil && whole(s.Account))
	if s.SetAside > 0 {
		if s.History == nil {
			s.History = new(History)
		}
		s.History.Waiting = r.refusals.Waiting()
	}
	return s
}

// forget makes the failure that lasts news again: somebody has asked for another try.
func (r *record) forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.timesNews = 0
}

// set notes what is being done from now on, and until when; zero = nobody knows.
func (r *record) set(activity Activity, next time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.state.Activity, r.state.Next = activity, next
}

// setBackOff notes how many failures count for the back-off.
func (r *record) setBackOff(n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.state.backOff = n
}

// end notes how a retrieval ended, and says in o what is new about that.
func (r *record) end(o *Outcome, now time.Time) {
	grant := o.Grant() // which reads a file
	r.mu.Lock()
	defer r.mu.Unlock()

	s := &r.state
	s.Messages += int64(o.Result.Delivered)
	s.Bytes += o.Result.Bytes
	s.SetAside, r.refusals = o.Account.Refusals.CountSetAside(), o.Account.Refusals
	s.Grant = grant
	if seen := o.Account.LastSeen.Seen(); seen != (tlsverify.Seen{}) || o.Account.LastSeen == nil {
		s.Seen = seen
	}

	var failure *Failure
	if o.Err == nil {
		o.Recovered = s.Failing
		s.Failing, s.Success = false, now
	} else {
		text := o.Err.Error()
		// Without numbers: times, ports and the like differ in each repetition of the same failure.
		alike := hash(fetch.WithoutNumbers(text))
		o.Repeats = r.repeats(alike, now)
		if !s.Failing {
			s.Failure = Failure{Since: now}
		}
		s.Failing, r.failureHash = true, alike
		s.Failure.Kind, s.Failure.Text = fetch.KindOf(o.Err), FailureText(o.Err)
		s.Failure.Last = now
		s.Partly, s.KeepsPace = fetch.AwaitsDestination(o.Err), fetch.KeepsPace(o.Err)
		s.Failure.Count++
		failure = &s.Failure
	}

	r.past = r.past.with(o.Result, failure, now)
	o.State = *s
}

// FailureText returns the beginning of an error's text, which is kept of it.
func FailureText(err error) string { return cut(err.Error(), failureText) }

// cut returns the beginning of a text that has more than most bytes.
func cut(text string, most int) string {
	if len(text) > most {
		return strings.ToValidUTF8(text[:most], "") + "…"
	}
	return text
}

// hash is the same for the same texts in every process.
func hash(texts ...string) uint64 {
	h := fnv.New64a()
	for _, text := range texts {
		_, _ = io.WriteString(h, text)
		_, _ = h.Write([]byte{0})
	}
	return h.Sum64()
}

// States returns how all accounts are doing, in the order of their names.
func (s *Scheduler) States() []State { return s.StatesWith(nil) }

// StatesWith is States with the whole history of those accounts for which whole is true; nil = of none.
func (s *Scheduler) StatesWith(whole func(account string) bool) []State {
	records := s.allRecords()
	states := make([]State, len(records))
	for i, r := range records { // without s.mu: nobody waits for the sum
		states[i] = r.read(whole)
	}

	slices.SortFunc(states, func(a, b State) int {
		return cmp.Or(cmp.Compare(a.Account, b.Account), slices.Compare(a.Mailboxes, b.Mailboxes))
	})
	return states
}

func (s *Scheduler) allRecords() []*record {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Collect(maps.Values(s.records))
}
