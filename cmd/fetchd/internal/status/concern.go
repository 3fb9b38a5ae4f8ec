package status

import (
	"fmt"
	"slices"
	"time"

	"fetchd/cmd/fetchd/internal/logging"
	"fetchd/fetch"
	"fetchd/fetch/schedule"
	"fetchd/tlsverify/hints"
)

const (
	passingTime = time.Hour // how long a failure that may pass by itself may last
	// expiryTime is how long before its end a certificate should have been renewed.
	expiryTime = 14 * 24 * time.Hour
	silentTime = 24 * time.Hour // how long an account that is polled may have neither success nor failure
)

// The topics of concerns. An account may have one of each at a time.
const (
	topicFailure  = "failure"
	topicExpiry   = "certificate"
	topicSetAside = "set aside"
	topicSilence  = "silence"
)

// topics are all, in the order in which they are told.
var topics = []string{topicFailure, topicExpiry, topicSetAside, topicSilence}

// concern is something about an account for a person to look into.
type concern struct {
	topic string
	state string // in a word or two
	since time.Time
	text  string
	// what concerns with other accounts have in common that are told with this one; "" = nothing
	shared string
}

// concerns are those of an account of r. This is the one place that decides what an administrator is told of.
func (a *Account) concerns(r *Report) []concern {
	var all []concern
	if a.Trouble && a.Failure != nil && a.Failure.lasts(r.At) {
		all = append(all, concern{topicFailure, a.State, a.Failure.Since, a.Failure.Text, ""})
	}
	if c := a.firstToEnd(); c != nil && !a.Refused && c.NotAfter.Sub(r.At) < expiryTime {
		all = append(all, c.concern(r.At, c == &a.Certificates[0]))
	}
	if a.SetAside > 0 {
		text := hints.Text(logging.Counted(int64(a.SetAside), "refused message")+" on the server",
			"fetchd retry --list shows them; fetchd retry has them tried again")
		all = append(all, concern{topicSetAside, "messages set aside", r.At, text, ""})
	}
	if since, ok := a.silentSince(r); ok {
		text := fmt.Sprintf("no retrieval has ended since %s", since.Format(time.RFC1123Z))
		all = append(all, concern{topicSilence, "silent", since, text, ""})
	}
	return all
}

// firstToEnd is the certificate of the server's that ends first, without which the others prove nothing; of
// one that we refuse it is the server's own. nil = none is known.
func (a *Account) firstToEnd() *Certificate {
	var first *Certificate
	for i := range a.Certificates {
		if c := &a.Certificates[i]; first == nil || !a.Refused && c.NotAfter.Before(first.NotAfter) {
			first = c
		}
	}
	return first
}

// concern is that of a certificate which ends soon, the server's own or one that this depends on. Servers
// have many accounts, of which one is named.
func (c *Certificate) concern(at time.Time, own bool) concern {
	what, who := "the server's certificate", "remind the server's operator"
	if !own {
		what = "the authority's certificate on which the server's depends,"
		who += "; if it comes from your own file of authorities, renew that"
	}
	text := hints.Text(fmt.Sprintf("%s %.200q ends on %s", what, c.Subject, c.NotAfter.Format(time.RFC1123Z)),
		who+"; then no mail is retrieved from it, for this account and others there")
	return concern{topicExpiry, "certificate expires", at, text, c.Fingerprint}
}

// lasts tells whether the failure is one for a person: it does not pass by itself, or has not for long.
func (f *Failure) lasts(at time.Time) bool {
	passing := []fetch.Kind{
		fetch.KindUnknown, fetch.KindNetwork, fetch.KindServer, fetch.KindBusy, fetch.KindDelivery,
	}
	mayPass := slices.ContainsFunc(passing, func(k fetch.Kind) bool { return k.String() == f.Kind })
	return !mayPass || fetch.HasPassed(passingTime, f.Since, at)
}

// silentSince tells whether an account of a daemon is neither retrieved from nor failing, and since when. One
// that is not due yet, or is watched, may be silent.
func (a *Account) silentSince(r *Report) (since time.Time, ok bool) {
	since = a.Success
	if since.Before(r.Started) {
		since = r.Started
	}
	rests := a.Trouble || a.Next.After(r.At) || a.State == schedule.Watched.String()
	return since, r.PID != 0 && !rests && r.At.Sub(since) >= silentTime
}
