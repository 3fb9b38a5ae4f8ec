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
	if len(a.Certificates) > 0 && !a.Refused && a.Certificates[0].NotAfter.Sub(r.At) < expiryTime {
		all = append(all, a.Certificates[0].concern(r.At))
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

// concern is that of a certificate which ends soon. Servers have many accounts, of which one is named.
func (c *Certificate) concern(at time.Time) concern {
	text := hints.Text(fmt.Sprintf("the server's certificate %.200q ends on %s", c.Subject,
		c.NotAfter.Format(time.RFC1123Z)),
		"remind the server's operator; then no mail is retrieved from it, for this account and others there")
	return concern{topicExpiry, "certificate expires", at, text, c.Fingerprint}
}

// lasts tells whether the failure is one for a person: it does not pass by itself, or has not for long.
func (f *Failure) lasts(at time.Time) bool {
	passing := []fetch.Kind{
		fetch.KindUnknown, fetch.KindNetwork, fetch.KindServer, fetch.KindBusy, fetch.KindDelivery,
	}
	mayPass := slices.ContainsFunc(passing, func(k fetch.Kind) bool { return k.String() == f.Kind })
	return !mayPass || at.Sub(f.Since) >= passingTime
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
