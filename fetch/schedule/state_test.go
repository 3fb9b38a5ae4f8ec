package schedule

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"unsafe"

	"fetchd/delivery"
	"fetchd/fetch"
)

var errNo = errors.New("no")

// Of an error that stays the daemon speaks once: words with a digit make no difference.
func TestRepeatsAndRecovery(t *testing.T) {
	t.Parallel()
	records := map[string]*record{}
	for i, step := range []struct {
		account            string
		err                error
		repeats, recovered bool
	}{
		{"a", nil, false, false},
		{"a", errors.New("no route"), false, false},
		{"a", errors.New("no route"), true, false},
		{"b", errors.New("no route"), false, false},
		{"a", errors.New("refused"), false, false},
		{"a", nil, false, true},
		{"a", nil, false, false},
		{"a", errors.New("refused"), false, false},
		{"c", errors.New("read 127.0.0.1:53438: reset"), false, false},
		{"c", errors.New("read 127.0.0.1:53450: reset"), true, false},
		{"d", errors.New(`NO "refused a71cb050932-20mb1"`), false, false},
		{"d", errors.New(`NO "refused 6247f752f9b-3mb20"`), true, false},
		{"d", errors.New(`NO "closed a71cb050932-20mb1"`), false, false},
		{"e", errors.New(strings.Repeat("x", 2*failureText) + " refused"), false, false},
		{"e", errors.New(strings.Repeat("x", 2*failureText) + " closed"), false, false},
	} {
		if records[step.account] == nil {
			records[step.account] = &record{}
		}
		o := Outcome{Account: &fetch.Account{}, Err: step.err}
		records[step.account].end(&o, time.Now())
		if o.Repeats != step.repeats || o.Recovered != step.recovered {
			t.Errorf("step %d: repeats %v, recovered %v", i, o.Repeats, o.Recovered)
		}
	}
}

// A failure that lasts is news again after an hour, after six more, and then daily; another one begins anew.
func TestLastingFailureIsSaidAgain(t *testing.T) {
	t.Parallel()
	r, now := &record{}, time.Unix(1_000_000, 0)
	var said []string
	for minute := 0; minute <= 56*60; minute += 10 {
		o := Outcome{Account: &fetch.Account{}, Err: errNo}
		if minute == 55*60 {
			o.Err = errors.New("another")
		}
		if r.end(&o, now.Add(time.Duration(minute)*time.Minute)); !o.Repeats {
			said = append(said, fmt.Sprint(time.Duration(minute)*time.Minute))
		}
	}
	if got, want := strings.Join(said, " "), "0s 1h0m0s 7h0m0s 31h0m0s 55h0m0s 55h10m0s"; got != want {
		t.Errorf("said after %s, want %s", got, want)
	}
}

// A State tells when it began to fail, how often it has, and keeps that after it recovered.
func TestStateOfFailures(t *testing.T) {
	t.Parallel()
	start := time.Unix(1_000_000, 0)
	at := func(n int) time.Time { return start.Add(time.Duration(n) * time.Minute) }
	refused := fetch.Fail(fetch.KindAuth, errors.New("wrong password"))
	untrusted := fetch.Fail(fetch.KindTLS, errors.New(strings.Repeat("é", failureText)))
	ended := fetch.Fail(fetch.KindGrant, errors.New("no grant"))
	unknown := fetch.Fail(fetch.KindClient, errors.New("no client"))
	waits := fetch.Fail(fetch.KindDelivery, &fetch.UndeliveredError{Count: 1, Err: errNo, Waiting: true})
	alone := fetch.Fail(fetch.KindDelivery, &fetch.UndeliveredError{Count: 1, Err: errNo, Own: true})
	var r record

	for n, step := range []struct {
		err       error
		condition Condition
		failure   Failure
	}{
		{nil, OK, Failure{}},
		{refused, LoginRefused, Failure{fetch.KindAuth, "wrong password", at(1), at(1), 1}},
		{errNo, BackingOff, Failure{fetch.KindUnknown, "no", at(1), at(2), 2}},
		{untrusted, CertificateRefused, Failure{
			fetch.KindTLS, strings.Repeat("é", failureText/2) + "…", at(1), at(3), 3,
		}},
		{nil, OK, Failure{fetch.KindTLS, strings.Repeat("é", failureText/2) + "…", at(1), at(3), 3}},
		{errNo, BackingOff, Failure{fetch.KindUnknown, "no", at(5), at(5), 1}},
		{ended, NeedsLogin, Failure{fetch.KindGrant, "no grant", at(5), at(6), 2}},
		{unknown, ClientWrong, Failure{fetch.KindClient, "no client", at(5), at(7), 3}},
		{waits, DestinationDown, Failure{fetch.KindDelivery, waits.Error(), at(5), at(8), 4}},
		{alone, Undelivered, Failure{fetch.KindDelivery, alone.Error(), at(5), at(9), 5}},
	} {
		o := Outcome{Account: &fetch.Account{}, Err: step.err, Result: fetch.Result{Delivered: 1, Bytes: 10}}
		r.end(&o, at(n))
		st := r.read(nil)
		if st.Condition() != step.condition || st.Failure != step.failure || !st.Last().Equal(at(n)) {
			t.Errorf("step %d: %v, %+v", n, st.Condition(), st)
		}

		st.History = nil // only of those that ask
		if st.Messages != int64(n+1) || st.Bytes != int64(10*n+10) || fmt.Sprint(o.State) != fmt.Sprint(st) {
			t.Errorf("step %d: %+v, told %+v", n, st, o.State)
		}
	}

	if got := r.read(nil).Success; !got.Equal(at(4)) {
		t.Errorf("last success %v", got)
	}
}

// conditionsOf are the states in words.
func conditionsOf(s *Scheduler) string {
	var out []string
	for _, st := range s.States() {
		out = append(out, fmt.Sprint(st.Account, st.Mailboxes, " ", st.Condition(), " ", st.Activity))
	}
	return strings.Join(out, "; ")
}

// The events of a run make the state: first nothing, then what each account does.
func TestStatesOfARun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		slow, idle := &server{takes: 30 * time.Second}, &server{watches: true, mail: make(chan struct{})}
		broken := &server{fails: func(int) error { return fetch.Fail(fetch.KindAuth, errNo) }}
		watched := idle.account("b")
		watched.Idle, watched.Mailboxes = true, []string{"INBOX", "Lists"}
		a, c := slow.account("a"), broken.account("c")
		run(t, 200*time.Second, Options{Interval: 100 * time.Second}, func(s *Scheduler) {
			during := "a[] not retrieved yet 1; b[INBOX] watching 2; b[Lists] watching 2; c[] login refused 0"
			if got := conditionsOf(s); got != during {
				t.Errorf("at first: %s\nwant %s", got, during)
			}
			if st := s.States()[3]; !st.Failing || !st.Last().Equal(start) ||
				!st.Next.Equal(start.Add(authDelay)) {
				t.Errorf("at first: %+v", st)
			}

			time.AfterFunc(40*time.Second, func() {
				after := strings.Replace(during, "not retrieved yet 1", "ok 0", 1)
				if got := conditionsOf(s); got != after {
					t.Errorf("later: %s\nwant %s", got, after)
				}
				if got := s.States()[0].Next; !got.Equal(start.Add(130 * time.Second)) {
					t.Errorf("next poll %v", got.Sub(start))
				}
				s.Wake() // which forgets the back-off and no trouble
			})

			time.AfterFunc(41*time.Second, func() {
				st := s.States()
				if got := st[3]; !got.Failing || got.Failure.Count != 2 ||
					got.backOff != 1 || !got.Failure.Since.Equal(start) {
					t.Errorf("awakened: %+v", got)
				}
				changed := *c
				changed.Settings = "mended"
				s.Replace([]*fetch.Account{&changed})
			})

			time.AfterFunc(42*time.Second, func() {
				st := s.States()
				if len(st) != 1 || st[0].Failure.Count != 3 || st[0].backOff != 1 {
					t.Errorf("changed: %+v", st)
				}
			})
		}, a, watched, c)
	})
}

// An account that waits before it watches again says so.
func TestStateOfALostWatch(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		start, idle := time.Now(), &server{watches: true, mail: make(chan struct{})}
		a := idle.account("a")
		a.Idle = true
		run(t, 10*time.Second, Options{Interval: time.Hour}, func(s *Scheduler) {
			close(idle.mail)
			synctest.Wait()
			st := s.States()[0]
			if got, want := st.Next, start.Add(refusedDelay); st.Activity != Waiting || !got.Equal(want) {
				t.Errorf("%+v, want %v", st, want)
			}
		}, a)
	})
}

// refusing refuses each message for good.
type refusing struct{ *sink }

func (refusing) Deliver(context.Context, *delivery.Message) error {
	return &delivery.Error{Class: delivery.Permanent, Err: errors.New("no such user")}
}

func TestStateOfRefusedMessages(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &server{}
		a := s.account("a")
		fill(s, mailbox{n: 3}, nil, a)
		a.Refusals, a.Deliverer = new(fetch.Refusals), refusing{}
		run(t, time.Minute, Options{Interval: time.Hour}, func(s *Scheduler) {
			st := s.States()[0]
			if st.SetAside != 3 || st.Condition() != OK ||
				len(st.History.Waiting) != 3 || st.History.Waiting[0].UID == "" {
				t.Errorf("%+v", st)
			}
		}, a)
	})
}

// What somebody asks to be tried again is said again if it still fails.
func TestForgottenFailureIsNews(t *testing.T) {
	t.Parallel()
	r := &record{}
	for i, forgets := range []bool{false, false, true, false} {
		if forgets {
			r.forget()
		}
		o := Outcome{Account: &fetch.Account{}, Err: errNo}
		r.end(&o, time.Unix(1_000_000, 0))
		if want := i == 1 || i == 3; o.Repeats != want || o.State.Failure.Count != i+1 {
			t.Errorf("failure %d: repeats %v, %d times", i, o.Repeats, o.State.Failure.Count)
		}
	}
}

// States may be read while they change.
func TestStatesWhileTheyChange(t *testing.T) {
	t.Parallel()
	s := New(Options{})
	s.records["a"] = &record{state: State{Account: "a"}}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 100 {
				s.records["a"].end(&Outcome{Account: &fetch.Account{}, Err: errNo}, time.Now())
				s.records["a"].set(Watching, time.Time{})
				_ = s.States()
			}
		})
	}
	wg.Wait()
	if got := s.States()[0].Failure.Count; got != 400 {
		t.Errorf("%d failures", got)
	}
}

// Ten thousand accounts must not cost more than their names and texts do.
func TestStateIsSmall(t *testing.T) {
	t.Parallel()
	if size := unsafe.Sizeof(record{}); size > 320 {
		t.Errorf("%d bytes", size)
	}
}

func TestConditionsHaveWords(t *testing.T) {
	t.Parallel()
	var words []string
	for c := Unknown; c <= Undelivered; c++ {
		words = append(words, c.String())
	}
	slices.Sort(words)
	if len(slices.Compact(words)) != int(Undelivered)+1 {
		t.Errorf("%q", words)
	}
}
